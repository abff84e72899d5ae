"""A loss over a whole split, exact for any batch size."""

from __future__ import annotations

from torch import Tensor

from ludwig.losses.base import Loss
from ludwig.losses.members import rows_of
from ludwig.metrics.precision import exact
from ludwig.nn.prediction import Prediction


class LossMetric:
    """Sums the losses of rows and their weights; the mean is taken once, at the end."""

    def __init__(self, loss: Loss) -> None:
        self.loss = loss
        self.total: Tensor | float = 0.0
        self.weight: Tensor | float = 0.0

    def update(self, prediction: Prediction, target: Tensor, members: bool) -> None:
        """Counts a batch."""
        rows, weights = rows_of(self.loss, prediction, target, members)
        if weights is None:
            self.total, self.weight = self.total + exact(rows.detach()).sum(), self.weight + len(rows)
        else:
            weights = exact(weights)
            self.total = self.total + (exact(rows.detach()) * weights).sum()
            self.weight = self.weight + weights.sum()

    def merge(self, other: LossMetric) -> None:
        """Takes over what another of the same loss has counted."""
        self.total, self.weight = self.total + other.total, self.weight + other.weight

    def compute(self) -> float | None:
        """The loss of all rows so far; None without rows."""
        if not isinstance(self.total, Tensor) or float(self.weight) == 0:
            return None
        return float(self.loss.finish(self.total / self.weight))
