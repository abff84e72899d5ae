"""Normalisation over the last dimension of [..., H].

B = rows of the batch, H = size of a vector
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from ludwig.error import ConfigValidationError


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation whose statistics run over all dimensions but the last.

    One row alone has no spread, so it is normalised by the running statistics.
    """

    def forward(self, values: Tensor) -> Tensor:
        flat = values.reshape(-1, values.shape[-1])  # [B * ..., H]
        if self.training and len(flat) == 1:
            mean, var = self.running_mean, self.running_var
            normal = functional.batch_norm(flat, mean, var, self.weight, self.bias, False, 0.0, self.eps)
        else:
            normal = super().forward(flat)
        return normal.reshape(values.shape)


class GhostBatchNorm(nn.Module):
    """Batch normalisation in small virtual batches, which keeps the noise of small batches in large ones.

    Source: Hoffer, Hubara & Soudry 2017, "Train longer, generalize better", arXiv:1705.08741.
    """

    def __init__(self, size: int, virtual_batch_size: int = 128, momentum: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__()
        self.virtual_batch_size = virtual_batch_size
        self.norm = BatchNorm(size, momentum=momentum, eps=eps)

    def forward(self, values: Tensor) -> Tensor:
        if not self.training or len(values) <= self.virtual_batch_size:
            normal: Tensor = self.norm(values)
            return normal
        return torch.cat([self.norm(chunk) for chunk in values.split(self.virtual_batch_size)])


_NORMS = {"batch": BatchNorm, "layer": nn.LayerNorm, "ghost": GhostBatchNorm}


def norm(name: str | None, size: int, params: Mapping[str, float] | None = None) -> nn.Module:
    """The normalisation of that name for vectors of that size; None changes nothing.

    Raises:
        ConfigValidationError: The normalisation does not take one of the arguments.
    """
    if name is None:
        return nn.Identity()
    try:
        return _NORMS[name](size, **dict(params or {}))
    except TypeError as error:
        raise ConfigValidationError(f"norm_params do not fit the norm '{name}': {error}.") from None
