"""Metrics of semantic segmentation. A pixel whose class is not known (an id below zero) does not count.

B = rows of the batch, C = classes
"""

from __future__ import annotations

from typing import ClassVar, Self

import torch
from torch import Tensor

from ludwig.metrics.base import METRICS, Direction, Metric, Setting
from ludwig.metrics.mean import MeanMetric
from ludwig.metrics.sums import spread, wide
from ludwig.nn.prediction import Prediction


@METRICS.register("pixel_accuracy", kinds=("image",))
class PixelAccuracy(MeanMetric):
    """Pixel accuracy: fraction of pixels whose class is predicted."""

    direction: ClassVar[Direction] = "maximize"

    def counted(self, prediction: Prediction, target: Tensor) -> tuple[Tensor, Tensor]:
        assert prediction.predictions is not None
        return prediction.predictions == target, target >= 0  # [B, H, W] each


@METRICS.register("mean_iou", kinds=("image",))
@METRICS.register("jaccard", kinds=("image",))
class MeanIou(Metric):
    """Mean intersection over union (Jaccard index) over the classes that occur, over the pixels of all rows together;
    `jaccard` is another name for it."""

    direction: ClassVar[Direction] = "maximize"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.counts: Tensor | int = 0  # [3, C]: pixels of both, predicted ones and true ones, or their weights

    def update(self, prediction: Prediction, target: Tensor, weights: Tensor | None = None) -> None:
        assert prediction.predictions is not None
        classes, known = self.setting.classes, target >= 0
        counted = known if weights is None else known * spread(wide(weights), known)
        marks = wide(counted).flatten()  # [N], of all pixels
        true = torch.where(known, target.long(), 0).flatten()  # [N]
        found = prediction.predictions.long().flatten()  # [N]
        places = torch.stack([true, found, true])  # [3, N]
        parts = torch.stack([marks * (found == true), marks, marks])
        self.counts = self.counts + parts.new_zeros(3, classes).scatter_add(1, places, parts)  # [3, C]

    def merge(self, other: Self) -> None:
        self.counts = self.counts + other.counts

    def compute(self) -> float | None:
        if isinstance(self.counts, int):
            return None
        both, predicted, true = self.counts.cpu().double()
        union = predicted + true - both
        occurs = union > 0
        return float((both[occurs] / union[occurs]).mean()) if occurs.any() else None
