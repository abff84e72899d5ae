"""Metrics of sets.

B = rows of the batch, C = classes
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ludwig.metrics.base import METRICS, Direction
from ludwig.metrics.mean import MeanMetric
from ludwig.metrics.sums import wide
from ludwig.nn.prediction import Prediction


@METRICS.register("jaccard", kinds=("set",))
class Jaccard(MeanMetric):
    """Jaccard index (intersection over union, IoU): the mean over the rows; 1 where both sets are empty."""

    direction: ClassVar[Direction] = "maximize"

    def counted(self, prediction: Prediction, target: Tensor) -> tuple[Tensor, Tensor]:
        assert prediction.probabilities is not None
        answers, truth = prediction.probabilities >= self.setting.threshold, target > 0  # [B, C]
        shared, either = wide((answers & truth).sum(1)), wide((answers | truth).sum(1))  # [B]
        return torch.where(either > 0, shared / either, 1.0), either >= 0
