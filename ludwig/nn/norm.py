"""Normalisation over the last dimension of [..., H], and over the channels of images.

B = rows of the batch, T = steps of a sequence, H = size of a vector
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from ludwig.error import ConfigValidationError, nearest

NormName = Literal["batch", "layer", "ghost"]
ConvolutionNormName = Literal["batch", "layer"]
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation whose statistics run over all dimensions but the last.

    One row alone has no spread, so it is normalised by the running statistics.

    Source: Ioffe & Szegedy 2015, "Batch Normalization", arXiv:1502.03167, algorithm 1.
    """

    def __init__(self, size: int, momentum: float = 0.1, eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__(size, eps=eps, momentum=momentum, affine=affine)

    def forward(self, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """With a mask [B, T], the steps that it leaves out have no part in the statistics."""
        if self.training and mask is not None:
            return self._over_steps(values, mask)
        flat = values.reshape(-1, values.shape[-1])  # [B * ..., H]
        normal = _by_running(self, flat) if self.training and len(flat) == 1 else super().forward(flat)
        return normal.reshape(values.shape)

    def _over_steps(self, values: Tensor, mask: Tensor) -> Tensor:
        """As `forward`, yet without a shape that depends on the data: a device is not waited for."""
        there = mask.unsqueeze(-1)  # [B, T, 1]
        exact = values.to(torch.promote_types(values.dtype, torch.float32)).masked_fill(~there, 0.0)
        count = mask.sum()
        mean = exact.sum((0, 1)) / count.clamp_min(1)  # [H]
        centred = (exact - mean).masked_fill(~there, 0.0)
        variance = centred.square().sum((0, 1)) / count.clamp_min(1)  # [H]
        self._remember(mean.detach(), variance.detach() * count / (count - 1).clamp_min(1), count > 1)
        mean = torch.where(count > 1, mean, self._running("running_mean"))
        variance = torch.where(count > 1, variance, self._running("running_var"))
        normal = (exact - mean) * (variance + self.eps).rsqrt()  # [B, T, H]
        return (normal * self.weight + self.bias if self.affine else normal).to(values.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor, enough: Tensor) -> None:
        share = enough * (self.momentum or 0.0)
        for name, news in (("running_mean", mean), ("running_var", variance)):
            running = self._running(name)
            running.lerp_(news.to(running.dtype), share.to(running.dtype))

    def _running(self, name: str) -> Tensor:
        return self.get_buffer(name)


class GhostBatchNorm(nn.Module):
    """Batch normalisation in small virtual batches, which keeps the noise of small batches in large ones.

    The virtual batches are as equal in size as can be, so that none of them is a leftover of a few rows.

    Source: Hoffer, Hubara & Soudry 2017, "Train longer, generalize better", arXiv:1705.08741, algorithm 1.
    """

    def __init__(self, size: int, virtual_batch_size: float = 128, momentum: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__()
        if virtual_batch_size < 1 or virtual_batch_size != int(virtual_batch_size):
            raise ConfigValidationError(
                f"virtual_batch_size of the norm 'ghost' must be a whole number of rows, at least 1. "
                f"Received: {virtual_batch_size}."
            )
        self.virtual_batch_size = int(virtual_batch_size)
        self.norm = BatchNorm(size, momentum=momentum, eps=eps)

    def forward(self, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """With a mask [B, T], the steps that it leaves out have no part in the statistics."""
        if not self.training or len(values) <= self.virtual_batch_size:
            whole: Tensor = self.norm(values, mask)
            return whole
        count = -(-len(values) // self.virtual_batch_size)
        masks = [None] * count if mask is None else mask.tensor_split(count)
        chunks = values.tensor_split(count)
        return torch.cat([self.norm(chunk, part) for chunk, part in zip(chunks, masks, strict=True)])


class ImageBatchNorm(nn.BatchNorm2d):
    """Batch normalisation of images [B, H, height, width]; one pixel alone is normalised by the running statistics."""

    def __init__(self, size: int, momentum: float = 0.1, eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__(size, eps=eps, momentum=momentum, affine=affine)

    def forward(self, images: Tensor) -> Tensor:
        alone = images.numel() == images.shape[1]
        return _by_running(self, images) if self.training and alone else super().forward(images)


class MemberBatchNorm(nn.Module):
    """Batch normalisation of several members, each with statistics and weights of its own: [B, K, H] -> [B, K, H]."""

    def __init__(self, name: NormName, members: int, size: int, params: Mapping[str, float] | None) -> None:
        super().__init__()
        self.norm = _made(_NORMS, name, members * size, params)

    def forward(self, values: Tensor) -> Tensor:
        normal: Tensor = self.norm(values.flatten(1))  # [B, K * H]
        return normal.view_as(values)  # [B, K, H]


class MemberLayerNorm(nn.Module):
    """Layer normalisation of several members, each with weights of its own: [B, K, H] -> [B, K, H]."""

    def __init__(self, members: int, size: int, eps: float = 1e-5, elementwise_affine: bool = True) -> None:
        super().__init__()
        self.size, self.eps = size, eps
        self.weight = nn.Parameter(torch.ones(members, size)) if elementwise_affine else None  # [K, H]
        self.bias = nn.Parameter(torch.zeros(members, size)) if elementwise_affine else None  # [K, H]

    def forward(self, values: Tensor) -> Tensor:
        normal = functional.layer_norm(values, (self.size,), eps=self.eps)
        return normal if self.weight is None or self.bias is None else normal * self.weight + self.bias


@contextmanager
def unremembered(module: nn.Module) -> Iterator[None]:
    """Inside the block batch norms below take nothing over into their running statistics.

    That is for activations that are computed a second time, as in checkpointing: the first time was counted.
    """
    norms = [part for part in module.modules() if isinstance(part, BATCH_NORMS)]
    before = [(part.momentum, part.num_batches_tracked) for part in norms]
    for part in norms:  # statistics stay arguments: checkpointing wants the same tensors as the first time
        part.momentum = 0.0
        part.num_batches_tracked = None if part.num_batches_tracked is None else part.num_batches_tracked.clone()
    try:
        yield
    finally:
        for part, (momentum, count) in zip(norms, before, strict=True):
            part.momentum, part.num_batches_tracked = momentum, count


def _by_running(module: nn.BatchNorm1d | nn.BatchNorm2d, values: Tensor) -> Tensor:
    mean, variance = module.running_mean, module.running_var
    return functional.batch_norm(values, mean, variance, module.weight, module.bias, False, 0.0, module.eps)


def _image_layer(size: int, eps: float = 1e-5, elementwise_affine: bool = True) -> nn.Module:
    """Layer normalisation over all channels and pixels of an image (Wu & He 2018, arXiv:1803.08494, section 3.1)."""
    return nn.GroupNorm(1, size, eps=eps, affine=elementwise_affine)


def _layer(size: int, eps: float = 1e-5, elementwise_affine: bool = True) -> nn.Module:
    """Layer normalisation (Ba, Kiros & Hinton 2016, arXiv:1607.06450)."""
    return nn.LayerNorm(size, eps=eps, elementwise_affine=elementwise_affine)


_NORMS: dict[str, Callable[..., nn.Module]] = {"batch": BatchNorm, "layer": _layer, "ghost": GhostBatchNorm}
_IMAGE_NORMS: dict[str, Callable[..., nn.Module]] = {"batch": ImageBatchNorm, "layer": _image_layer}


def norm(name: str | None, size: int, params: Mapping[str, float] | None = None) -> nn.Module:
    """The normalisation of that name for vectors of that size, [..., size]; None changes nothing.

    Raises:
        ConfigValidationError: There is no such normalisation, or it does not take one of the parameters.
    """
    return nn.Identity() if name is None else _made(_NORMS, name, size, params)


def member_norm(name: NormName, members: int, size: int, params: Mapping[str, float] | None = None) -> nn.Module:
    """The normalisation of that name for members that do not see each other: [B, K, size] -> [B, K, size].

    Raises:
        ConfigValidationError: It does not take one of the parameters.
    """
    if name == "layer":
        return _made({name: partial(MemberLayerNorm, members)}, name, size, params)
    return MemberBatchNorm(name, members, size, params)


def image_norm(name: str | None, channels: int, params: Mapping[str, float] | None = None) -> nn.Module:
    """The normalisation of that name for images [B, channels, height, width]; None changes nothing.

    Raises:
        ConfigValidationError: There is no such normalisation, or it does not take one of the parameters.
    """
    return nn.Identity() if name is None else _made(_IMAGE_NORMS, name, channels, params)


def normalised(module: nn.Module, values: Tensor, mask: Tensor) -> Tensor:
    """The normalisation applied to sequences [B, T, H], so that padding has no part in it."""
    result: Tensor = module(values, mask) if isinstance(module, BatchNorm | GhostBatchNorm) else module(values)
    return result


def _made(
    norms: Mapping[str, Callable[..., nn.Module]], name: str, size: int, params: Mapping[str, float] | None
) -> nn.Module:
    if name not in norms:
        raise ConfigValidationError(f"There is no norm '{name}' here. Choose one of: {', '.join(norms)}.")
    known = [word for word in inspect.signature(norms[name]).parameters if word != "size"]
    for alien in sorted(set(params or {}) - set(known)):
        raise ConfigValidationError(
            f"norm_params: the norm '{name}' has no parameter '{alien}'.{nearest(alien, known)} "
            f"It has: {', '.join(known)}."
        )
    return norms[name](size, **(params or {}))
