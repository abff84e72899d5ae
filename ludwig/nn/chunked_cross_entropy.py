"""The cross entropy of a linear head over a large vocabulary, without all of its logits at once.

N = tokens, H = size of a hidden vector, V = tokens of the vocabulary, K = tokens of a chunk
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

CHUNK = 2**24  # logits at once: 64 MB in float32


def chunked_cross_entropy(hidden: Tensor, ids: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
    """(the cross entropy of each token, the most probable token in its place): [N] both.

    The logits of some tokens are computed, used and forgotten. Where the head is frozen, as under an adapter, the
    gradient of the hidden vectors is computed beside the loss; else the backward pass computes logits once more.

    Args:
        hidden: What the head reads: [N, H].
        ids: The tokens that are right: [N].
        weight, bias: Of the head: [V, H], [V].
    """
    function: Any = _ChunkedCrossEntropy
    losses, best = function.apply(hidden, ids, weight, bias, _precision(hidden))
    return losses, best


def _precision(hidden: Tensor) -> torch.dtype:
    """What a linear layer would compute in."""
    kind = hidden.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden.dtype


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Its gradient with respect to the logits of a token is softmax(logits) - one_hot(id)."""

    @staticmethod
    def forward(
        context: Any, hidden: Tensor, ids: Tensor, weight: Tensor, bias: Tensor | None, precision: torch.dtype
    ) -> tuple[Tensor, Tensor]:
        trains_head = context.needs_input_grad[2] or context.needs_input_grad[3]
        computes_gradient = context.needs_input_grad[0] and not trains_head
        matrix = weight.to(precision)
        losses = hidden.new_empty(len(hidden), dtype=torch.float32)
        best = torch.empty_like(ids)
        gradient = torch.empty_like(hidden) if computes_gradient else None
        for part in _chunks(len(hidden), len(weight)):
            logits = _logits(hidden[part], matrix, bias)  # [K, V]
            best[part] = logits.argmax(-1)
            own = ids[part].unsqueeze(1)  # [K, 1]
            totals = logits.logsumexp(1, keepdim=True)  # [K, 1]
            losses[part] = (totals - logits.gather(1, own)).squeeze(1)
            if gradient is not None:
                gradient[part] = (_residual(logits, totals, own).to(precision) @ matrix).to(hidden.dtype)
        context.mark_non_differentiable(best)
        context.precision, context.trains_head = precision, trains_head
        context.save_for_backward(*((hidden, ids, weight, bias) if trains_head else (gradient,)))
        return losses, best

    @staticmethod
    @once_differentiable
    def backward(context: Any, *upstream: Any) -> tuple[Tensor | None, ...]:
        by_token: Tensor = upstream[0]  # [N]
        if not context.trains_head:
            (gradient,) = context.saved_tensors
            return gradient * by_token.unsqueeze(1).to(gradient.dtype), None, None, None, None
        hidden, ids, weight, bias = context.saved_tensors
        matrix = weight.to(context.precision)
        of_hidden, of_weight = torch.empty_like(hidden), torch.zeros_like(weight)
        of_bias = None if bias is None else torch.zeros_like(bias)
        for part in _chunks(len(hidden), len(weight)):
            logits = _logits(hidden[part], matrix, bias)  # [K, V]
            residual = _residual(logits, logits.logsumexp(1, keepdim=True), ids[part].unsqueeze(1))
            residual.mul_(by_token[part].unsqueeze(1))
            if of_bias is not None:
                of_bias += residual.sum(0).to(of_bias.dtype)
            residual = residual.to(context.precision)
            of_hidden[part] = (residual @ matrix).to(hidden.dtype)
            of_weight.addmm_(residual.T.to(weight.dtype), hidden[part].to(weight.dtype))
        return of_hidden, None, of_weight, of_bias, None


def _chunks(tokens: int, vocabulary: int) -> Iterator[slice]:
    step = max(CHUNK // vocabulary, 1)
    return (slice(start, start + step) for start in range(0, tokens, step))


def _logits(hidden: Tensor, matrix: Tensor, bias: Tensor | None) -> Tensor:
    """In float32, as losses are computed: [K, V]."""
    logits = hidden.to(matrix.dtype) @ matrix.T
    return (logits if bias is None else logits + bias.to(matrix.dtype)).float()


def _residual(logits: Tensor, totals: Tensor, ids: Tensor) -> Tensor:
    """softmax(logits) - one_hot(ids), in the memory of the logits: [K, V]."""
    shares = logits.sub_(totals).exp_()
    return shares.scatter_add_(1, ids, shares.new_full((1, 1), -1.0).expand_as(ids))
