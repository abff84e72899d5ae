"""From a sequence to a vector. Padding never changes the result.

B = rows of the batch, T = steps, H = size of a vector
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

ReductionName = Literal["last", "sum", "mean", "avg", "max", "concat", "attention", "attention_pooling", "none", "None"]


def _sum(values: Tensor, mask: Tensor) -> Tensor:
    return (values * mask.unsqueeze(-1)).sum(1)  # [B, H]


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    return _sum(values, mask) / mask.sum(1, keepdim=True).clamp_min(1)  # [B, H]


def _max(values: Tensor, mask: Tensor) -> Tensor:
    lowest = torch.finfo(values.dtype).min
    best = values.masked_fill(~mask.unsqueeze(-1), lowest).amax(1)  # [B, H]
    return best.masked_fill(~mask.any(1, keepdim=True), 0.0)  # a sequence of no steps


def _last(values: Tensor, mask: Tensor) -> Tensor:
    steps = torch.arange(mask.shape[1], device=mask.device)
    place = (steps * mask).amax(1)  # [B], the last step that is there
    last = values.gather(1, place.view(-1, 1, 1).expand(-1, 1, values.shape[2])).squeeze(1)  # [B, H]
    return last * mask.any(1, keepdim=True)


_PLAIN: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "sum": _sum,
    "mean": _mean,
    "avg": _mean,
    "max": _max,
    "last": _last,
}


class _Weighed(nn.Module):
    """A mean whose weights are learned from the steps; a sequence of no steps gives zeros."""

    def weigh(self, values: Tensor) -> Tensor:
        """A score for each step: [B, T, H] -> [B, T]."""
        raise NotImplementedError

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        scores = self.weigh(values).masked_fill(~mask, torch.finfo(values.dtype).min)
        weights = scores.softmax(1) * mask  # [B, T]
        return torch.einsum("bt,bth->bh", weights, values)  # [B, H]


class AttentionReducer(_Weighed):
    """Weights from a small network over each step.

    Source: Yang et al. 2016, "Hierarchical Attention Networks for Document Classification", eq. 5 to 7.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.project, self.context = nn.Linear(size, size), nn.Linear(size, 1, bias=False)

    def weigh(self, values: Tensor) -> Tensor:
        scores: Tensor = self.context(self.project(values).tanh())
        return scores.squeeze(-1)


class QueryReducer(_Weighed):
    """Weights from a learned query, by scaled dot products.

    Source: Vaswani et al. 2017, "Attention Is All You Need", arXiv:1706.03762, eq. 1, with one query.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(size) * size**-0.5)

    def weigh(self, values: Tensor) -> Tensor:
        return values @ self.query * values.shape[-1] ** -0.5


_LEARNED = {"attention": AttentionReducer, "attention_pooling": QueryReducer}


class SequenceReducer(nn.Module):
    """One of the reductions by its name; null and "none" keep the sequence, "concat" lays the steps side by side."""

    def __init__(self, name: str | None, size: int, length: int = 1) -> None:
        """`length`: the longest sequence, to which "concat" pads."""
        super().__init__()
        self.reduces = name not in (None, "none", "None")
        self.length = length if name == "concat" else None
        self.output_size = size * length if name == "concat" else size
        self.plain = _PLAIN.get(str(name))
        self.learned = _LEARNED[name](size) if name in _LEARNED else None

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        if self.length is not None:
            steps = nn.functional.pad(values * mask.unsqueeze(-1), (0, 0, 0, self.length - values.shape[1]))
            return steps.flatten(1)  # [B, length * H]
        if self.learned is not None:
            weighed: Tensor = self.learned(values, mask)
            return weighed  # [B, H]
        return values if self.plain is None else self.plain(values, mask)
