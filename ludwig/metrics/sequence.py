"""Metrics of sequences of tokens. A step whose target is below zero is padding and does not count.

B = rows of the batch, T = steps of the target, S = steps of the answer, C = tokens of the vocabulary
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, pad

from ludwig.metrics.base import METRICS, Direction
from ludwig.metrics.mean import MeanMetric
from ludwig.nn.prediction import Prediction

KINDS = ("sequence", "text")
ANSWER = "llm"  # the answer of a language model: its logits stand beside the tokens that they predict


def _hits(prediction: Prediction, target: Tensor) -> Tensor:
    """Which steps are answered right; a step beyond the end of a shorter answer is not: [B, S], [B, T] -> [B, T]."""
    assert prediction.predictions is not None
    missing = target.shape[1] - prediction.predictions.shape[1]
    answers = pad(prediction.predictions[:, : target.shape[1]], (0, max(missing, 0)), value=-1)  # [B, T]
    return (answers == target) & (target >= 0)


@METRICS.register("token_accuracy", kinds=(*KINDS, ANSWER))
class TokenAccuracy(MeanMetric):
    """Token accuracy: fraction of correct tokens."""

    direction: ClassVar[Direction] = "maximize"

    def counted(self, prediction: Prediction, target: Tensor) -> tuple[Tensor, Tensor]:
        return _hits(prediction, target), target >= 0


@METRICS.register("sequence_accuracy", kinds=(*KINDS, ANSWER))
class SequenceAccuracy(MeanMetric):
    """Sequence accuracy (exact match): fraction of rows whose tokens are all correct."""

    direction: ClassVar[Direction] = "maximize"

    def counted(self, prediction: Prediction, target: Tensor) -> tuple[Tensor, Tensor]:
        there = target >= 0  # [B, T]
        return (_hits(prediction, target) | ~there).all(1), there.any(1)  # [B], [B]


class LikelihoodMetric(MeanMetric):
    """Perplexity: e to the mean cross-entropy over all tokens."""

    direction: ClassVar[Direction] = "minimize"

    def counted(self, prediction: Prediction, target: Tensor) -> tuple[Tensor, Tensor]:
        if prediction.token_losses is not None:
            return prediction.token_losses, target >= 0  # [B, T]
        logits, wanted = self.compared(prediction.known_logits, target)
        ids = wanted.flatten().long()  # [B * T]
        return cross_entropy(logits.flatten(0, 1), ids.clamp_min(0), reduction="none"), ids >= 0

    def finish(self, mean: float) -> float:
        return float(torch.tensor(mean, dtype=torch.float64).exp())  # infinite where it is too large

    @abstractmethod
    def compared(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and the tokens that they predict, step by step."""


@METRICS.register("perplexity", kinds=(*KINDS, ANSWER))
@METRICS.register("next_token_perplexity", kinds=(ANSWER,))
class Perplexity(LikelihoodMetric):
    """Perplexity, where the logits of a step predict the token of that step."""

    def compared(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        return logits, target


@METRICS.register("next_token_perplexity", kinds=KINDS)
class NextTokenPerplexity(LikelihoodMetric):
    """Next-token perplexity, where the logits of a step predict the token of the step after it."""

    def compared(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        return logits[:, :-1], target[:, 1:]
