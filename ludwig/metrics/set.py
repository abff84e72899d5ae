"""Metrics of sets.

B = rows of the batch, C = classes
"""

from __future__ import annotations

from typing import ClassVar, Self

import torch
from torch import Tensor

from ludwig.metrics.base import METRICS, Direction, Metric, Setting
from ludwig.metrics.sums import wide
from ludwig.nn.prediction import Prediction


@METRICS.register("jaccard", kinds=("set",))
class Jaccard(Metric):
    """The mean over the rows of intersection over union; 1 where both sets are empty."""

    direction: ClassVar[Direction] = "maximize"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.total: Tensor | float = 0.0
        self.rows = 0

    def update(self, prediction: Prediction, target: Tensor) -> None:
        assert prediction.probabilities is not None
        answers, truth = prediction.probabilities >= self.setting.threshold, target > 0  # [B, C]
        shared, either = wide((answers & truth).sum(1)), wide((answers | truth).sum(1))  # [B]
        self.total = self.total + torch.where(either > 0, shared / either, 1.0).sum()
        self.rows += len(target)

    def merge(self, other: Self) -> None:
        self.total, self.rows = self.total + other.total, self.rows + other.rows

    def compute(self) -> float | None:
        return float(self.total) / self.rows if self.rows else None
