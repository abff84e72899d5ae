"""Metrics of yes or no, from the counts of a confusion matrix. Rows whose target is missing are left out.

B = rows of the batch
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Self

import torch
from torch import Tensor

from ludwig.metrics.base import METRICS, Direction, Metric, Setting
from ludwig.metrics.sums import wide
from ludwig.nn.prediction import Prediction


class CountMetric(Metric):
    """Metrics of the confusion matrix: counts of true and false positives and negatives."""

    direction: ClassVar[Direction] = "maximize"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.counts: Tensor | int = 0  # [4]: rows, true rows, rows called true, true rows called true; or their weights

    def update(self, prediction: Prediction, target: Tensor, weights: Tensor | None = None) -> None:
        assert prediction.predictions is not None
        there, truth, answers = target >= 0, target > 0, prediction.predictions.bool()  # [B]
        marks = torch.stack([there, truth, answers & there, answers & truth])  # [4, B]
        self.counts = self.counts + (marks if weights is None else marks * wide(weights)).sum(1)  # [4]

    def merge(self, other: Self) -> None:
        self.counts = self.counts + other.counts

    def compute(self) -> float | None:
        if isinstance(self.counts, int):
            return None
        rows, true, called, hits = self.counts.tolist()
        return self.of_counts(hits, called - hits, true - hits, rows - true - called + hits) if rows else None

    @abstractmethod
    def of_counts(self, true_yes: float, false_yes: float, false_no: float, true_no: float) -> float:
        """The metric of right and wrong answers; 0 where it would divide by nothing."""


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


@METRICS.register("accuracy", kinds=("binary",))
class Accuracy(CountMetric):
    """Accuracy: fraction of correct predictions."""

    def of_counts(self, true_yes: float, false_yes: float, false_no: float, true_no: float) -> float:
        return _share(true_yes + true_no, true_yes + false_yes + false_no + true_no)


@METRICS.register("precision", kinds=("binary",))
class Precision(CountMetric):
    """Precision: fraction of positive predictions that are correct."""

    def of_counts(self, true_yes: float, false_yes: float, false_no: float, true_no: float) -> float:
        return _share(true_yes, true_yes + false_yes)


@METRICS.register("recall", kinds=("binary",))
class Recall(CountMetric):
    """Recall (sensitivity): fraction of positive rows that are predicted as positive."""

    def of_counts(self, true_yes: float, false_yes: float, false_no: float, true_no: float) -> float:
        return _share(true_yes, true_yes + false_no)


@METRICS.register("specificity", kinds=("binary",))
class Specificity(CountMetric):
    """Specificity: fraction of negative rows that are predicted as negative."""

    def of_counts(self, true_yes: float, false_yes: float, false_no: float, true_no: float) -> float:
        return _share(true_no, true_no + false_yes)
