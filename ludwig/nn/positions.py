"""Where a step stands in its sequence, as a vector.

T = steps, D = size of a vector
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def sinusoids(steps: int, size: int) -> Tensor:
    """Sines and cosines of wavelengths from 2 pi to 10000 * 2 pi: [T, D].

    Source: Vaswani et al. 2017, "Attention Is All You Need", arXiv:1706.03762, section 3.5.
    """
    rates = torch.exp(torch.arange(0, size, 2) * (-math.log(10000.0) / size))  # [D / 2, rounded up]
    angles = torch.arange(steps).unsqueeze(1) * rates  # [T, D / 2]
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :size]
