"""Metrics of one class of several. Rows whose class is not known (an id below zero) are left out.

B = rows of the batch, C = classes
"""

from __future__ import annotations

from typing import ClassVar, Self

import torch
from torch import Tensor

from ludwig.metrics.base import METRICS, Direction, Metric, Setting
from ludwig.metrics.mean import MeanMetric
from ludwig.nn.prediction import Prediction

KINDS = ("category", "category_distribution")


@METRICS.register("accuracy", kinds=KINDS)
class MacroAccuracy(Metric):
    """Macro accuracy (balanced accuracy): the mean over the classes that occur of their recall."""

    direction: ClassVar[Direction] = "maximize"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.counts: Tensor | int = 0  # [2, C]: rows, hits

    def update(self, prediction: Prediction, target: Tensor) -> None:
        assert prediction.predictions is not None
        there, ids = target >= 0, target.long().clamp_min(0)  # [B]
        marks = torch.stack([there, prediction.predictions == target]).long()  # [2, B]
        zeros = marks.new_zeros(2, self.setting.classes)
        self.counts = self.counts + zeros.index_add(1, ids, marks)  # [2, C]

    def merge(self, other: Self) -> None:
        self.counts = self.counts + other.counts

    def compute(self) -> float | None:
        if isinstance(self.counts, int):
            return None
        rows, hits = self.counts.cpu().double()
        occurs = rows > 0
        return float((hits[occurs] / rows[occurs]).mean()) if occurs.any() else None


@METRICS.register("accuracy_micro", kinds=KINDS)
class MicroAccuracy(MeanMetric):
    """Micro accuracy: fraction of correct predictions."""

    direction: ClassVar[Direction] = "maximize"

    def counted(self, prediction: Prediction, target: Tensor) -> tuple[Tensor, Tensor]:
        return self.right(prediction, target.long().clamp_min(0)), target >= 0

    def right(self, prediction: Prediction, ids: Tensor) -> Tensor:
        """Which rows are hits: [B]."""
        assert prediction.predictions is not None
        return prediction.predictions == ids


@METRICS.register("hits_at_k", kinds=KINDS)
class HitsAtK(MicroAccuracy):
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
