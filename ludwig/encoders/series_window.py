"""The last steps of series, in a window of fixed length.

B = rows of the batch, T = steps of the batch's longest series, L = steps of the window
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from ludwig.columns.ragged import Padded


def last_steps(column: Padded, length: int) -> tuple[Tensor, Tensor]:
    """The last steps of each series, the latest at the end, and which of them there are: [B, T] -> [B, L], [B, L].

    Steps before the beginning of a series, and unknown ones, are those of the mean, which is zero.
    """
    known = torch.where(column.mask, column.values, 0.0).nan_to_num(0.0)  # [B, T]
    lengths = column.mask.sum(1, keepdim=True)  # [B, 1]
    window = torch.arange(length, device=known.device)  # [L]
    values = pad(known, (length, 0)).gather(1, lengths + window)  # [B, L]
    return values, window >= length - lengths
