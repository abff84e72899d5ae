"""Metrics of anomaly scores. Rows whose label is unknown (below zero) are left out.

B = rows of the batch, N = labelled rows of the split
"""

from __future__ import annotations

import math
from typing import ClassVar, Self

import torch
from torch import Tensor

from ludwig.metrics.areas import area_under_roc
from ludwig.metrics.base import METRICS, Direction, Metric, Setting
from ludwig.metrics.sums import wide
from ludwig.nn.prediction import Prediction


class AnomalyMetric(Metric):
    """Keeps all scores and labels; they are ranked once, at the end."""

    direction: ClassVar[Direction] = "maximize"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.scores: list[Tensor] = []
        self.targets: list[Tensor] = []
        self.weights: list[Tensor] = []  # of all batches, or of none

    def update(self, prediction: Prediction, target: Tensor, weights: Tensor | None = None) -> None:
        self.weights += [] if weights is None else [wide(weights).clone()]
        self.scores.append(prediction.known_logits.detach().float())
        self.targets.append(target.clone())  # a view would keep the whole batch alive

    def merge(self, other: Self) -> None:
        self.scores += other.scores
        self.targets += other.targets
        self.weights += other.weights

    def labelled(self) -> tuple[Tensor, Tensor, Tensor | None] | None:
        """Scores, whether each is that of an anomaly, and weights: [N]; None without any."""
        if not self.scores:
            return None
        scores, targets = torch.cat(self.scores), torch.cat(self.targets)
        there = targets >= 0
        weights = torch.cat(self.weights)[there] if self.weights else None
        return (scores[there], targets[there] > 0, weights) if there.any() else None


@METRICS.register("anomaly_auroc", kinds=("anomaly",))
class AnomalyAuroc(AnomalyMetric):
    """ROC AUC of the anomaly score over labelled rows: how surely an anomaly has a higher score than a normal row."""

    def compute(self) -> float | None:
        found = self.labelled()
        return None if found is None else area_under_roc(*found)


@METRICS.register("f1_max", kinds=("anomaly",))
class F1Max(AnomalyMetric):
    """The highest F1 score of anomalies over all thresholds of the score, over labelled rows."""

    def compute(self) -> float | None:
        found = self.labelled()
        if found is None:
            return None
        scores, truth, weights = found
        if scores.isnan().any():
            return math.nan
        counted = torch.ones_like(scores, dtype=torch.float64) if weights is None else weights.double()
        levels, places = torch.unique(scores, return_inverse=True)  # ascending
        rows = counted.new_zeros(len(levels)).index_add(0, places, counted).flip(0).cumsum(0)
        hits = counted.new_zeros(len(levels)).index_add(0, places, counted * truth).flip(0).cumsum(0)
        total = hits[-1]
        return float((2 * hits / (rows + total)).max()) if float(total) else None
