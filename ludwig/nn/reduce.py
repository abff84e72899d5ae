"""From a sequence to a vector. Padding never changes the result; a sequence of no steps gives zeros.

B = rows of the batch, T = steps, H = size of a vector
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from ludwig.error import ConfigValidationError, nearest

ReductionName = Literal["last", "sum", "mean", "avg", "max", "concat", "attention", "attention_pooling", "none", "None"]


def _sum(values: Tensor, mask: Tensor) -> Tensor:
    if values.stride(1) == 1 < values.stride(2):
        # Convolutions lay steps out so and give finite numbers in padding, since they mask what they read. A product
        # gives them their gradients back in that layout; all else is copied, which takes as long as half of their work.
        return torch.bmm(values.transpose(1, 2), mask.to(values.dtype).unsqueeze(2)).squeeze(2)  # [B, H]
    return values.masked_fill(~mask.unsqueeze(-1), 0.0).sum(1)  # [B, H]


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    return _sum(values, mask) / mask.sum(1, keepdim=True).clamp_min(1)  # [B, H]


def _max(values: Tensor, mask: Tensor) -> Tensor:
    lowest = torch.finfo(values.dtype).min
    best = values.masked_fill(~mask.unsqueeze(-1), lowest).amax(1)  # [B, H]
    return best.masked_fill(~mask.any(1, keepdim=True), 0.0)


def _last(values: Tensor, mask: Tensor) -> Tensor:
    steps = torch.arange(mask.shape[1], device=mask.device)
    place = (steps * mask).amax(1)  # [B]
    last = values.gather(1, place.view(-1, 1, 1).expand(-1, 1, values.shape[2])).squeeze(1)  # [B, H]
    return last.masked_fill(~mask.any(1, keepdim=True), 0.0)


_PLAIN: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "sum": _sum,
    "mean": _mean,
    "avg": _mean,
    "max": _max,
    "last": _last,
}


def reduces(name: str | None) -> bool:
    """Whether the reduction of that name makes a vector of a sequence; null and "none" keep it."""
    return name not in (None, "none", "None")


class AttentionScores(nn.Module):
    """A score for each step from a small network: [B, T, H] -> [B, T].

    Source: Yang et al. 2016, "Hierarchical Attention Networks for Document Classification", eq. 5 and 6.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.project, self.context = nn.Linear(size, size), nn.Linear(size, 1, bias=False)

    def forward(self, values: Tensor) -> Tensor:
        scores: Tensor = self.context(self.project(values).tanh())
        return scores.squeeze(-1)  # [B, T]


class QueryScores(nn.Module):
    """A score for each step by its scaled dot product with a trainable query: [B, T, H] -> [B, T].

    Source: Vaswani et al. 2017, "Attention Is All You Need", arXiv:1706.03762, eq. 1, with one query.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(size) * size**-0.5)  # [H]

    def forward(self, values: Tensor) -> Tensor:
        scores: Tensor = values @ self.query * values.shape[-1] ** -0.5
        return scores  # [B, T]


_LEARNED: dict[str, Callable[[int], nn.Module]] = {"attention": AttentionScores, "attention_pooling": QueryScores}


def has_weights(name: str | None) -> bool:
    """Whether the reduction of that name is trained."""
    return name in _LEARNED


def _weighted_mean(values: Tensor, mask: Tensor, scores: Tensor) -> Tensor:
    """The mean of the steps weighted by the softmax of their scores: [B, H]."""
    weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(1)  # [B, T]
    weights = weights.masked_fill(~mask, 0.0).to(values.dtype)
    return torch.bmm(weights.unsqueeze(1), values).squeeze(1)  # [B, H]


class SequenceReducer(nn.Module):
    """One of the reductions by its name; null and "none" keep the sequence, "concat" lays the steps side by side."""

    def __init__(self, name: str | None, size: int, length: int | None = None) -> None:
        """`length`: the longest sequence, to which "concat" pads or cuts; the others do without.

        Raises:
            ConfigValidationError: There is no such reduction, or "concat" lacks a length.
        """
        super().__init__()
        self.reduces = reduces(name)
        self.length = _length_of_concat(length) if name == "concat" else None
        self.output_size = size if self.length is None else size * self.length
        self.plain = _PLAIN.get(name or "")
        self.scores = _LEARNED[name](size) if name is not None and name in _LEARNED else None
        known = [*_PLAIN, *_LEARNED, "concat", "none"]
        if self.reduces and name not in known:
            raise ConfigValidationError(
                f"There is no reduction '{name}'.{nearest(name, known)} Choose one of: {', '.join(known)}."
            )

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """[B, T, H], [B, T] -> [B, output_size]; [B, T, H] as it is where nothing reduces."""
        if self.plain is not None:
            return self.plain(values, mask)  # [B, H]
        if not self.reduces:
            return values
        there = values.masked_fill(~mask.unsqueeze(-1), 0.0)
        if self.scores is not None:
            return _weighted_mean(there, mask, self.scores(there))  # [B, H]
        missing = (self.length or 0) - values.shape[1]
        return functional.pad(there, (0, 0, 0, missing)).flatten(1)  # [B, length * H]; cuts where it is negative


def _length_of_concat(length: int | None) -> int:
    if length is None:
        raise ConfigValidationError(
            "The reduction 'concat' needs sequences of a fixed longest length. Set max_sequence_length, "
            "or choose another reduction, such as mean."
        )
    return length
