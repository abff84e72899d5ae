"""How well scores rank rows. Rows whose target is missing (below zero, or NaN) are left out.

B = rows of the batch, N = rows of the split, C = classes
"""

from __future__ import annotations

import math
from typing import ClassVar, Self

import torch
from torch import Tensor

from ludwig.metrics.areas import area_under_roc, average_precision
from ludwig.metrics.base import METRICS, Direction, Metric, Setting
from ludwig.metrics.sums import wide
from ludwig.nn.prediction import Prediction


class ScoreMetric(Metric):
    """Keeps all scores and targets; they are ranked once, at the end."""

    direction: ClassVar[Direction] = "maximize"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.scores: list[Tensor] = []
        self.targets: list[Tensor] = []
        self.weights: list[Tensor] = []  # of all batches, or of none

    def update(self, prediction: Prediction, target: Tensor, weights: Tensor | None = None) -> None:
        assert prediction.probabilities is not None
        self.weights += [] if weights is None else [wide(weights).clone()]
        self.scores.append(prediction.probabilities.detach())
        self.targets.append(target.clone())  # a view would keep the whole batch alive

    def merge(self, other: Self) -> None:
        self.scores += other.scores
        self.targets += other.targets
        self.weights += other.weights

    def kept(self) -> tuple[Tensor, Tensor, Tensor | None] | None:
        """Scores, targets and weights of all rows that have a target; None without any."""
        if not self.scores:
            return None
        scores, targets = torch.cat(self.scores), torch.cat(self.targets)
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))  # half precision cannot be searched
        there = targets >= 0
        weights = torch.cat(self.weights)[there] if self.weights else None
        return (scores[there], targets[there], weights) if there.any() else None


@METRICS.register("roc_auc", kinds=("binary",))
class RocAuc(ScoreMetric):
    """ROC AUC: area under the receiver operating characteristic curve."""

    def compute(self) -> float | None:
        kept = self.kept()
        return None if kept is None else area_under_roc(kept[0], kept[1] > 0, kept[2])


@METRICS.register("average_precision", kinds=("binary",))
class AveragePrecision(ScoreMetric):
    """Average precision of the positive class: the area under its precision-recall curve, without interpolation."""

    def compute(self) -> float | None:
        kept = self.kept()
        return None if kept is None else average_precision(kept[0], kept[1] > 0, kept[2])


@METRICS.register("roc_auc", kinds=("category", "category_distribution"))
class MacroRocAuc(ScoreMetric):
    """Macro ROC AUC: the mean over the classes that occur of the one-vs-rest ROC AUC."""

    def compute(self) -> float | None:
        kept = self.kept()
        if kept is None:
            return None
        scores, ids = kept[0].T.contiguous(), kept[1]  # [C, N], [N]
        areas = [area_under_roc(of_class, ids == place, kept[2]) for place, of_class in enumerate(scores)]
        there = [area for area in areas if area is not None]
        return math.fsum(there) / len(there) if there else None
