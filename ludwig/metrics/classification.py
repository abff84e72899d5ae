"""Metrics of one class of several. Rows whose class is not known (an id below zero) are left out.

B = rows of the batch, C = classes
"""

from __future__ import annotations

from typing import ClassVar, Self

import torch
from torch import Tensor

from ludwig.metrics.base import METRICS, Direction, Metric, Setting
from ludwig.nn.prediction import Prediction

KINDS = ("category", "category_distribution")


class HitMetric(Metric):
    """Counts rows and hits of each class."""

    direction: ClassVar[Direction] = "maximize"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.rows: Tensor | int = 0  # [C]
        self.hits: Tensor | int = 0  # [C]

    def update(self, prediction: Prediction, target: Tensor) -> None:
        ids = target.long()
        there = ids >= 0
        right = self.right(prediction, ids.clamp_min(0)) & there
        zeros = torch.zeros(self.setting.classes, dtype=torch.float64 if ids.device.type != "mps" else torch.float32)
        places = ids.clamp_min(0)
        zeros = zeros.to(ids.device)
        self.rows = self.rows + zeros.index_add(0, places, there.to(zeros))
        self.hits = self.hits + zeros.index_add(0, places, right.to(zeros))

    def merge(self, other: Self) -> None:
        self.rows, self.hits = self.rows + other.rows, self.hits + other.hits

    def right(self, prediction: Prediction, ids: Tensor) -> Tensor:
        """Which rows are hits: [B]."""
        assert prediction.predictions is not None
        return prediction.predictions == ids


@METRICS.register("accuracy", kinds=KINDS)
class MacroAccuracy(HitMetric):
    """The mean over the classes that occur of their share of right answers (balanced accuracy)."""

    def compute(self) -> float | None:
        if isinstance(self.rows, int) or isinstance(self.hits, int) or not self.rows.any():
            return None
        occurs = self.rows > 0
        return float((self.hits[occurs] / self.rows[occurs]).mean())


@METRICS.register("accuracy_micro", kinds=KINDS)
class MicroAccuracy(HitMetric):
    """Share of right answers."""

    def compute(self) -> float | None:
        if isinstance(self.rows, int) or isinstance(self.hits, int) or not self.rows.any():
            return None
        return float(self.hits.sum() / self.rows.sum())


@METRICS.register("hits_at_k", kinds=KINDS)
class HitsAtK(MicroAccuracy):
    """Share of the rows whose class is among the k most probable ones."""

    @classmethod
    def applies(cls, setting: Setting) -> bool:
        return setting.classes > setting.top_k

    def right(self, prediction: Prediction, ids: Tensor) -> Tensor:
        assert prediction.probabilities is not None
        best = prediction.probabilities.topk(self.setting.top_k, dim=-1).indices  # [B, k]
        return (best == ids.unsqueeze(-1)).any(-1)  # [B]
