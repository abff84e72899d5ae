"""Numbers that are exact enough to be added up over millions of rows."""

from __future__ import annotations

import torch
from torch import Tensor

SINGLE_ONLY = frozenset({"mps"})  # devices without double precision


def widest(device: torch.device) -> torch.dtype:
    """Double precision where the device has it."""
    return torch.float32 if device.type in SINGLE_ONLY else torch.float64


def spread(weights: Tensor, values: Tensor) -> Tensor:
    """The weights of rows, [B], for each of their values, which lie row by row: [B, ...], or flat."""
    return weights.repeat_interleave(values.numel() // max(len(weights), 1)).view_as(values)


def wide(values: Tensor) -> Tensor:
    """The values, without their history, in double precision where the device has it."""
    return values.detach().to(widest(values.device))
