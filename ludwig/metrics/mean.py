"""What metrics share that are a mean over rows, numbers or steps."""

from __future__ import annotations

from abc import abstractmethod
from typing import Self

from torch import Tensor

from ludwig.metrics.base import Metric, Setting
from ludwig.metrics.sums import spread, wide
from ludwig.nn.prediction import Prediction


class MeanMetric(Metric):
    """Sums values and counts them; the mean is taken once, at the end."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.total: Tensor | float = 0.0
        self.count: Tensor | int = 0  # with weights, their sum

    @abstractmethod
    def counted(self, prediction: Prediction, target: Tensor) -> tuple[Tensor, Tensor]:
        """The values of a batch, of any shape, and which of them count."""

    def finish(self, mean: float) -> float:
        """The metric from the mean."""
        return mean

    def update(self, prediction: Prediction, target: Tensor, weights: Tensor | None = None) -> None:
        self.add(*self.counted(prediction, target), weights)

    def add(self, values: Tensor, there: Tensor, weights: Tensor | None = None) -> None:
        """Counts the values that are there, each as much as its row."""
        counted = there if weights is None else there * spread(wide(weights), there)
        known = wide(values).masked_fill(~there, 0.0)
        self.total = self.total + (known if weights is None else known * counted).sum()
        self.count = self.count + counted.sum()

    def merge(self, other: Self) -> None:
        self.total, self.count = self.total + other.total, self.count + other.count

    def compute(self) -> float | None:
        count = float(self.count)
        return self.finish(float(self.total) / count) if count else None
