"""A column whose cells are sequences of different lengths: texts, sets, series.

N = rows, B = rows of a batch, T = longest sequence of the batch
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ludwig.columns.dense import owned
from ludwig.nn.tree import register_tree

PAD_MULTIPLE = 8  # lengths are rounded up to it, which keeps kernels aligned and shapes few


@dataclass(frozen=True)
class Padded:
    """The sequences of a batch, side by side."""

    values: Tensor  # [B, T, *shape]
    mask: Tensor  # [B, T], True where there is a step

    def __len__(self) -> int:
        return len(self.values)

    @property
    def nbytes(self) -> int:
        return self.values.nbytes + self.mask.nbytes

    def rows(self, index: Tensor) -> Padded:
        return Padded(self.values.index_select(0, index), self.mask.index_select(0, index))

    def to(self, device: torch.device) -> Padded:
        return Padded(self.values.to(device, non_blocking=True), self.mask.to(device, non_blocking=True))

    def pinned(self) -> Padded:
        return Padded(self.values.pin_memory(), self.mask.pin_memory())

    def __reduce__(self) -> tuple[type[Padded], tuple[Tensor, Tensor]]:
        return Padded, (owned(self.values), owned(self.mask))


@dataclass(frozen=True)
class Ragged:
    """All sequences end to end, and where each begins."""

    values: Tensor  # [total, *shape]
    offsets: Tensor  # [N + 1], int64

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def nbytes(self) -> int:
        return self.values.nbytes + self.offsets.nbytes

    @staticmethod
    def of(cells: Sequence[Tensor]) -> Ragged:
        """Sequences [T_i, *shape] of one dtype; at least one, as it sets dtype and shape."""
        lengths = torch.tensor([0, *map(len, cells)], dtype=torch.int64)
        return Ragged(torch.cat(list(cells)), lengths.cumsum(0))  # [total, *shape], [N + 1]

    @staticmethod
    def joined(parts: Sequence[Ragged]) -> Ragged:
        """The rows of all parts, one after the other."""
        lengths = torch.cat([part.lengths for part in parts])  # [N]
        offsets = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])  # [N + 1]
        return Ragged(torch.cat([part.values for part in parts]), offsets)  # [total, *shape]

    @property
    def lengths(self) -> Tensor:
        """The number of steps of each row: [N]."""
        return self.offsets[1:] - self.offsets[:-1]

    def rows(self, index: Tensor) -> Ragged:
        lengths = self.lengths.index_select(0, index)  # [B]
        offsets = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])  # [B + 1]
        shift = self.offsets.index_select(0, index) - offsets[:-1]  # [B]
        places = torch.arange(int(offsets[-1]), device=lengths.device) + shift.repeat_interleave(lengths)
        return Ragged(self.values.index_select(0, places), offsets)

    def to(self, device: torch.device) -> Ragged:
        return Ragged(self.values.to(device, non_blocking=True), self.offsets.to(device, non_blocking=True))

    def pinned(self) -> Ragged:
        return Ragged(self.values.pin_memory(), self.offsets.pin_memory())

    def __reduce__(self) -> tuple[type[Ragged], tuple[Tensor, Tensor]]:
        return Ragged, (owned(self.values), owned(self.offsets))

    def width(self, multiple: int = PAD_MULTIPLE) -> int:
        """The length of the longest row, rounded up."""
        longest = max(int(self.lengths.max()) if len(self) else 0, 1)
        return -(-longest // multiple) * multiple

    def padded(self, multiple: int = PAD_MULTIPLE) -> Padded:
        """All rows padded with zeros on the right to the longest one, rounded up."""
        lengths, width = self.lengths, self.width(multiple)
        steps = torch.arange(width, device=lengths.device)
        mask = steps < lengths.unsqueeze(1)  # [B, T]
        values = self.values.new_zeros((len(self), width, *self.values.shape[1:]))  # [B, T, *shape]
        values[mask] = self.values
        return Padded(values, mask)


register_tree(Padded)
register_tree(Ragged)
