"""Metrics of sequences of tokens. A step whose target is below zero is padding and does not count.

B = rows of the batch, T = steps of the target, S = steps of the answer, C = tokens of the vocabulary
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, pad

from ludwig.metrics.base import METRICS, Direction
from ludwig.metrics.mean import MeanMetric
from ludwig.nn.prediction import Prediction

KINDS = ("sequence", "text")
ANSWER = "llm"  # the answer of a language model


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


@METRICS.register("edit_distance", kinds=(*KINDS, ANSWER))
class EditDistance(MeanMetric):
    """Edit distance: tokens to insert, delete or replace in the prediction, for each token of the target (the token
    error rate). It may exceed 1.

    Source: Levenshtein 1966, "Binary codes capable of correcting deletions, insertions, and reversals".
    """

    direction: ClassVar[Direction] = "minimize"

    def counted(self, prediction: Prediction, target: Tensor) -> tuple[Tensor, Tensor]:
        assert prediction.predictions is not None
        lengths = (target >= 0).sum(1)  # [B]
        share = levenshtein(prediction.predictions, target) / lengths.clamp_min(1)  # [B]
        return share.unsqueeze(1).expand_as(target), target >= 0  # each token has its row's share


def levenshtein(found: Tensor, target: Tensor) -> Tensor:
    """The edit distance of two sequences of ids, which end where ids are below zero: [B, S], [B, T] -> [B].

    The table of Wagner & Fischer 1974 row by row: what a row takes from its own left neighbour is a running minimum.
    """
    steps = torch.arange(found.shape[1] + 1, device=found.device)
    lengths = (found >= 0).sum(1, keepdim=True)  # [B, 1]
    row = steps.expand(len(found), -1)  # [B, S + 1]
    distance = row.gather(1, lengths).squeeze(1)  # [B], to a target of no tokens
    for place in range(target.shape[1]):
        token = target[:, place : place + 1]  # [B, 1]
        above = torch.minimum(row[:, 1:] + 1, row[:, :-1] + (found != token).long())
        row = torch.cat([row[:, :1] + 1, above], dim=1)
        row = (row - steps).cummin(1).values + steps
        distance = torch.where(token.squeeze(1) >= 0, row.gather(1, lengths).squeeze(1), distance)
    return distance


@METRICS.register("perplexity", kinds=(*KINDS, ANSWER))
@METRICS.register("next_token_perplexity", kinds=(*KINDS, ANSWER))
class Perplexity(MeanMetric):
    """Perplexity: e to the mean cross-entropy over all tokens of the target, each given those before it."""

    direction: ClassVar[Direction] = "minimize"

    def counted(self, prediction: Prediction, target: Tensor) -> tuple[Tensor, Tensor]:
        if prediction.token_losses is not None:
            return prediction.token_losses, target >= 0  # [B, T]
        ids = target.flatten().long()  # [B * T]
        logits = prediction.known_logits.flatten(0, 1)  # [B * T, C]
        return cross_entropy(logits, ids.clamp_min(0), reduction="none"), ids >= 0

    def finish(self, mean: float) -> float:
        return float(torch.tensor(mean, dtype=torch.float64).exp())  # infinite where it is too large
