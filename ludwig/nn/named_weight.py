"""A weight as users name it, wherever it lies in the running network."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class NamedWeight:
    """A parameter or buffer, or those of its rows that belong to one column of a group."""

    whole: Tensor
    rows: slice | None = None  # None for all

    @property
    def values(self) -> Tensor:
        """A view: what is written into it, the network has."""
        values = self.whole.detach()
        return values if self.rows is None else values[self.rows]
