"""A weight as users name it, wherever it lies in the running network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ludwig.nn.sharded import full, is_sharded, local_of, sharded_like


@dataclass(frozen=True)
class NamedWeight:
    """A parameter or buffer, or those of its rows that belong to one column of a group."""

    whole: Tensor
    rows: slice | None = None  # None for all

    @property
    def values(self) -> Tensor:
        """A view: what is written into it, the network has. Of a sharded tensor a copy, which all processes ask for."""
        return self.part_of(full(self.whole))

    def part_of(self, whole: Tensor) -> Tensor:
        """What belongs to this weight of a tensor that has the values of `whole`."""
        return whole if self.rows is None else whole[self.rows]

    @property
    def shape(self) -> torch.Size:
        """Without reading the values."""
        return self.part_of(torch.empty(self.whole.shape, device="meta")).shape


def values_of(weights: Mapping[str, NamedWeight]) -> dict[str, Tensor]:
    """The values of all; a sharded tensor that several lie in is gathered once."""
    gathered: dict[int, Tensor] = {}
    for weight in weights.values():
        if id(weight.whole) not in gathered:
            gathered[id(weight.whole)] = full(weight.whole)
    return {name: weight.part_of(gathered[id(weight.whole)]) for name, weight in weights.items()}


def take_values(weights: Mapping[str, NamedWeight], values: Mapping[str, Tensor]) -> None:
    """Writes values into the network."""
    gathered: dict[int, tuple[Tensor, Tensor]] = {}
    for name, weight in weights.items():
        _, whole = gathered.setdefault(id(weight.whole), (weight.whole, full(weight.whole)))
        weight.part_of(whole).copy_(values[name])
    for tensor, whole in gathered.values():
        if is_sharded(tensor):
            local_of(tensor).copy_(local_of(sharded_like(whole, tensor)))
