"""A column whose cells are sequences of different lengths: texts, sets, series.

N = rows, B = rows of a batch, T = longest sequence of the batch
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

PAD_MULTIPLE = 8  # lengths are rounded up to it, which keeps kernels aligned and shapes few


@dataclass(frozen=True)
class Padded:
    """The sequences of a batch, side by side."""

    values: Tensor  # [B, T, *shape]
    mask: Tensor  # [B, T], True where there is a step


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

    def padded(self, multiple: int = PAD_MULTIPLE) -> Padded:
        """All rows padded with zeros on the right to the longest one, rounded up."""
        lengths = self.lengths
        longest = max(int(lengths.max()) if len(self) else 0, 1)
        width = -(-longest // multiple) * multiple
        steps = torch.arange(width, device=lengths.device)
        mask = steps < lengths.unsqueeze(1)  # [B, T]
        values = self.values.new_zeros((len(self), width, *self.values.shape[1:]))  # [B, T, *shape]
        values[mask] = self.values
        return Padded(values, mask)
