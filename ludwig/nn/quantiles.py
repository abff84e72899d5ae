"""Quantile regression: several quantiles of a number, which do not cross.

B = rows of the batch, Q = quantiles
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import softplus


def ascending(free: Tensor) -> Tensor:
    """Quantiles that never cross, from free numbers: the first, and then steps upwards: [..., Q]."""
    return torch.cat([free[..., :1], softplus(free[..., 1:])], dim=-1).cumsum(-1)


def pinball(quantiles: Tensor, target: Tensor, levels: Tensor) -> Tensor:
    """The pinball loss of each quantile: the shortfall times its level, the excess times what the level lacks to 1.

    quantiles [B, Q], target [B], levels [Q] -> [B, Q]. Its expectation is least at the quantile of that level.
    Source: Koenker & Bassett 1978, "Regression Quantiles".
    """
    shortfall = target.unsqueeze(-1) - quantiles  # [B, Q]
    return torch.maximum(levels * shortfall, (levels - 1) * shortfall)
