"""A column whose cells all have one shape."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ludwig.nn.tree import register_tree


@dataclass(frozen=True)
class Dense:
    """N cells of one shape. A missing number is NaN; a missing class is a reserved id."""

    values: Tensor  # [N, *shape]

    def __len__(self) -> int:
        return len(self.values)

    @property
    def nbytes(self) -> int:
        return self.values.nbytes

    def rows(self, index: Tensor) -> Dense:
        return Dense(self.values.index_select(0, index))

    def to(self, device: torch.device) -> Dense:
        return Dense(self.values.to(device, non_blocking=True))

    def __reduce__(self) -> tuple[type[Dense], tuple[Tensor]]:
        return Dense, (owned(self.values),)


def owned(values: Tensor) -> Tensor:
    """The values without the rest of the storage that they are a view of, which pickle would write out as well."""
    return values if values.untyped_storage().nbytes() == values.nbytes else values.clone()


register_tree(Dense)
