"""Metrics of sequences of tokens. A step whose target is below zero is padding and does not count.

B = rows of the batch, T = steps of the target, S = steps of the answer, C = tokens of the vocabulary
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Self

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, pad

from ludwig.metrics.base import METRICS, Direction, Metric, Setting
from ludwig.metrics.sums import wide
from ludwig.nn.prediction import Prediction

KINDS = ("sequence", "text")


class ShareMetric(Metric):
    """A sum over what is counted, divided by the count."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.total: Tensor | float = 0.0
        self.count: Tensor | int = 0

    def merge(self, other: Self) -> None:
        self.total, self.count = self.total + other.total, self.count + other.count

    def compute(self) -> float | None:
        count = int(self.count)
        return self.finish(float(self.total) / count) if count else None

    def finish(self, mean: float) -> float:
        """The metric from the mean."""
        return mean


def _hits(prediction: Prediction, target: Tensor) -> Tensor:
    """Which steps are answered right; a step beyond the end of a shorter answer is not: [B, S], [B, T] -> [B, T]."""
    assert prediction.predictions is not None
    missing = target.shape[1] - prediction.predictions.shape[1]
    answers = pad(prediction.predictions[:, : target.shape[1]], (0, max(missing, 0)), value=-1)  # [B, T]
    return (answers == target) & (target >= 0)


@METRICS.register("token_accuracy", kinds=KINDS)
class TokenAccuracy(ShareMetric):
    """Share of the steps that are answered right."""

    direction: ClassVar[Direction] = "maximize"

    def update(self, prediction: Prediction, target: Tensor) -> None:
        self.total = self.total + _hits(prediction, target).sum()
        self.count = self.count + (target >= 0).sum()


@METRICS.register("sequence_accuracy", kinds=KINDS)
class SequenceAccuracy(ShareMetric):
    """Share of the rows of which all steps are answered right."""

    direction: ClassVar[Direction] = "maximize"

    def update(self, prediction: Prediction, target: Tensor) -> None:
        there = target >= 0  # [B, T]
        rows = there.any(1)  # [B]
        self.total = self.total + ((_hits(prediction, target) | ~there).all(1) & rows).sum()
        self.count = self.count + rows.sum()


class LikelihoodMetric(ShareMetric):
    """e to the mean over all steps of the cross entropy of the softmax: between how many tokens it wavers."""

    direction: ClassVar[Direction] = "minimize"

    def update(self, prediction: Prediction, target: Tensor) -> None:
        logits, ids = self.compared(prediction.logits.detach(), target.long())
        losses = cross_entropy(logits.flatten(0, 1), ids.flatten().clamp_min(0), reduction="none")  # [B * T]
        there = ids.flatten() >= 0
        self.total = self.total + wide(losses).masked_fill(~there, 0.0).sum()
        self.count = self.count + there.sum()

    def finish(self, mean: float) -> float:
        return float(torch.tensor(mean, dtype=torch.float64).exp())  # infinite where it is too large

    @abstractmethod
    def compared(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and the tokens that they are to tell, step by step."""


@METRICS.register("perplexity", kinds=KINDS)
class Perplexity(LikelihoodMetric):
    """Perplexity where the logits of a step are to tell the token of that step."""

    def compared(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        return logits, target


@METRICS.register("next_token_perplexity", kinds=KINDS)
class NextTokenPerplexity(LikelihoodMetric):
    """Perplexity where the logits of a step are to tell the token of the step after it."""

    def compared(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        return logits[:, :-1], target[:, 1:]
