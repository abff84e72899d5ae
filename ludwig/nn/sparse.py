"""Probability maps that can give exact zeros, and the losses that belong to them.

B = rows, C = classes
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_HALVINGS = 30  # of an interval of at most 1: finer than single precision resolves


class _Sparsemax(torch.autograd.Function):
    """Projection onto the simplex."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor) -> Tensor:
        ordered = logits.sort(dim=-1, descending=True).values
        ranks = torch.arange(1, logits.shape[-1] + 1, device=logits.device, dtype=logits.dtype)
        sums = ordered.cumsum(-1) - 1
        count = _at_least_one((ranks * ordered > sums).sum(-1, keepdim=True))
        threshold = sums.gather(-1, count - 1) / count
        result: Tensor = (logits - threshold).clamp_min(0)
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Tensor:
        (result,) = ctx.saved_tensors
        support = (result > 0).to(result.dtype)
        gradient = gradients[0] * support
        mean: Tensor = gradient.sum(-1, keepdim=True) / support.sum(-1, keepdim=True)
        change: Tensor = gradient - mean * support
        return change


class _Entmax15(torch.autograd.Function):
    """The 1.5-entmax map by sorting."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor) -> Tensor:
        halved = (logits - logits.amax(-1, keepdim=True)) / 2
        ordered = halved.sort(dim=-1, descending=True).values
        ranks = torch.arange(1, logits.shape[-1] + 1, device=logits.device, dtype=logits.dtype)
        mean = ordered.cumsum(-1) / ranks
        spread = ranks * ((ordered**2).cumsum(-1) / ranks - mean**2)
        threshold = mean - ((1 - spread) / ranks).clamp_min(0).sqrt()
        count = _at_least_one((threshold <= ordered).sum(-1, keepdim=True))
        result: Tensor = (halved - threshold.gather(-1, count - 1)).clamp_min(0) ** 2
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Tensor:
        (result,) = ctx.saved_tensors
        root = result.sqrt()
        gradient = gradients[0] * root
        mean: Tensor = gradient.sum(-1, keepdim=True) / root.sum(-1, keepdim=True)
        change: Tensor = gradient - mean * root
        return change


def _at_least_one(count: Tensor) -> Tensor:
    """The size of the support. NaN compares with nothing: its result is NaN, not an index out of bounds."""
    return count.clamp_min(1)


def sparsemax(logits: Tensor, dim: int = -1) -> Tensor:
    """Euclidean projection onto the simplex: a softmax with exact zeros.

    Source: Martins & Astudillo 2016, arXiv:1602.02068, algorithm 1.
    """
    result: Tensor = _Sparsemax.apply(_exact(logits).movedim(dim, -1))  # type: ignore[no-untyped-call]
    return result.movedim(-1, dim).to(logits.dtype)


def entmax15(logits: Tensor, dim: int = -1) -> Tensor:
    """The 1.5-entmax map, midway between softmax and sparsemax.

    Source: Peters, Niculae & Martins 2019, arXiv:1905.05702, algorithm 2.
    """
    result: Tensor = _Entmax15.apply(_exact(logits).movedim(dim, -1))  # type: ignore[no-untyped-call]
    return result.movedim(-1, dim).to(logits.dtype)


def entmax(logits: Tensor, alpha: Tensor | float) -> Tensor:
    """The alpha-entmax map along the last dimension, for any alpha from 1 (softmax) to 2 (sparsemax).

    The threshold is found by bisection, and one step of Newton's method after it gives the exact gradients with respect
    to the logits and to alpha (implicit differentiation), while it hardly moves the threshold.

    Source: Peters, Niculae & Martins 2019, arXiv:1905.05702, algorithm 1; the gradient with respect to alpha: Correia,
    Niculae & Martins 2019, arXiv:1909.00015, proposition 1.
    """
    if not isinstance(alpha, Tensor) and alpha == 1:
        return logits.softmax(-1)
    exact = _exact(logits)
    power = torch.as_tensor(alpha, dtype=exact.dtype, device=exact.device) - 1
    scaled = (exact - exact.amax(-1, keepdim=True).detach()) * power  # greatest: 0
    threshold = _threshold(scaled.detach(), power.detach())
    result = _above(scaled, threshold, power)
    slope = _slope(result.detach(), power.detach())
    result = _above(scaled, threshold + (result.sum(-1, keepdim=True) - 1) / slope, power)
    return result.to(logits.dtype)


def _above(scaled: Tensor, threshold: Tensor, power: Tensor) -> Tensor:
    """What stands above the threshold, by the power 1 / (alpha - 1)."""
    above = scaled - threshold
    there = above > 0
    return torch.where(there, above.where(there, 1.0) ** (1 / power), 0.0)  # 0 ** x has no finite gradient


def _threshold(scaled: Tensor, power: Tensor) -> Tensor:
    """Where the sum of what stands above is 1: it lies between -1, where the greatest alone gives 1, and 0."""
    low = -torch.ones_like(scaled[..., :1])
    high = -((1 / scaled.shape[-1]) ** power) * torch.ones_like(low)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        enough = _above(scaled, middle, power).sum(-1, keepdim=True) >= 1
        low, high = torch.where(enough, middle, low), torch.where(enough, high, middle)
    return (low + high) / 2


def _slope(result: Tensor, power: Tensor) -> Tensor:
    """By how much the sum falls as the threshold rises: the sum of p ** (2 - alpha) / (alpha - 1)."""
    there = result > 0
    return torch.where(there, result.where(there, 1.0) ** (1 - power), 0.0).sum(-1, keepdim=True) / power


def _exact(logits: Tensor) -> Tensor:
    """Half precision is too coarse for the running sums."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def sparsemax_loss(logits: Tensor, target: Tensor) -> Tensor:
    """The Fenchel-Young loss of sparsemax for each row: [B, C], [B] -> [B].

    Source: Blondel, Martins & Niculae 2020, arXiv:1901.02324, eq. 11 with the entropy (1 - |p|^2) / 2.
    """
    logits = _exact(logits)
    answer = sparsemax(logits.detach())  # the loss's gradient is answer - target, so the map needs none
    return _fenchel_young(logits, target, answer, (1 - (answer**2).sum(-1)) / 2)


def entmax15_loss(logits: Tensor, target: Tensor) -> Tensor:
    """The Fenchel-Young loss of 1.5-entmax for each row: [B, C], [B] -> [B].

    Source: Peters, Niculae & Martins 2019, arXiv:1905.05702, eq. 6 with the Tsallis entropy of alpha 1.5.
    """
    logits = _exact(logits)
    answer = entmax15(logits.detach())
    return _fenchel_young(logits, target, answer, (1 - (answer**1.5).sum(-1)) / 0.75)


def _fenchel_young(logits: Tensor, target: Tensor, answer: Tensor, entropy: Tensor) -> Tensor:
    of_target = logits.gather(-1, target.long().unsqueeze(-1)).squeeze(-1)  # [B]
    return ((answer * logits).sum(-1) - of_target + entropy).clamp_min(0)  # [B]
