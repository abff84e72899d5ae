"""Metrics of one class of several. A row whose class the model does not know (an id below zero) counts as wrong.

B = rows of the batch, C = classes
"""

from __future__ import annotations

from typing import ClassVar, Self

import torch
from torch import Tensor

from ludwig.metrics.base import METRICS, Direction, Metric, Setting
from ludwig.metrics.mean import MeanMetric
from ludwig.metrics.sums import wide
from ludwig.nn.prediction import Prediction

KINDS = ("category", "category_distribution")


@METRICS.register("accuracy", kinds=KINDS)
@METRICS.register("accuracy_micro", kinds=KINDS)
class Accuracy(MeanMetric):
    """Accuracy: fraction of correct predictions; `accuracy_micro` is another name for it."""

    direction: ClassVar[Direction] = "maximize"

    def counted(self, prediction: Prediction, target: Tensor) -> tuple[Tensor, Tensor]:
        known = target >= 0
        return self.right(prediction, target.long().clamp_min(0)) & known, torch.ones_like(known)

    def right(self, prediction: Prediction, ids: Tensor) -> Tensor:
        """Which rows are hits: [B]."""
        assert prediction.predictions is not None
        return prediction.predictions == ids


@METRICS.register("balanced_accuracy", kinds=KINDS)
class BalancedAccuracy(Metric):
    """Balanced accuracy: the mean over the classes that occur of their recall; unknown classes are one class."""

    direction: ClassVar[Direction] = "maximize"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.counts: Tensor | int = 0  # [2, C + 1]: rows, hits, or their weights; the unknown class is the last

    def update(self, prediction: Prediction, target: Tensor, weights: Tensor | None = None) -> None:
        assert prediction.predictions is not None
        last = self.setting.classes
        ids = target.long()
        hits = (prediction.predictions == ids) & (ids >= 0)
        marks = torch.stack([torch.ones_like(hits), hits])  # [2, B]
        marks = marks.long() if weights is None else marks * wide(weights)
        places = torch.where(ids < 0, last, ids)  # [B]
        self.counts = self.counts + marks.new_zeros(2, last + 1).index_add(1, places, marks)  # [2, C + 1]

    def merge(self, other: Self) -> None:
        self.counts = self.counts + other.counts

    def compute(self) -> float | None:
        if isinstance(self.counts, int):
            return None
        rows, hits = self.counts.cpu().double()
        occurs = rows > 0
        return float((hits[occurs] / rows[occurs]).mean()) if occurs.any() else None


@METRICS.register("hits_at_k", kinds=KINDS)
class HitsAtK(Accuracy):
    """Hits at k (top-k accuracy): fraction of rows whose class is among the k most probable ones; ties rank last."""

    @classmethod
    def applies(cls, setting: Setting) -> bool:
        return setting.classes > setting.top_k

    def right(self, prediction: Prediction, ids: Tensor) -> Tensor:
        assert prediction.probabilities is not None
        shares, own = prediction.probabilities, ids.unsqueeze(-1)  # [B, C], [B, 1]
        of_own = shares.gather(-1, own)  # [B, 1]
        not_later = torch.arange(shares.shape[-1], device=ids.device) <= own  # [B, C]
        behind = (shares < of_own) | ((shares == of_own) & not_later)  # itself included; NaN is behind nothing
        return (~behind).sum(-1) < self.setting.top_k
