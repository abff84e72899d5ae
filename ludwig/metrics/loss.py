"""A loss over a whole split, exact for any batch size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ludwig.metrics.sums import wide
from ludwig.nn.members import RowLoss


class LossMetric:
    """Sums the losses of rows and their weights; the mean is taken once, at the end."""

    def __init__(self, loss: RowLoss) -> None:
        self.loss = loss
        self.total: Tensor | float = 0.0
        self.weight: Tensor | float = 0.0

    def update(self, rows: Tensor, weights: Tensor | None) -> None:
        """Counts the losses of a batch's rows, [B], and how much each counts."""
        losses = wide(rows)  # [B]
        if weights is None:
            self.total, self.weight = self.total + losses.sum(), self.weight + len(losses)
        else:
            counted = wide(weights)
            self.total, self.weight = self.total + (losses * counted).sum(), self.weight + counted.sum()

    def merge(self, other: LossMetric) -> None:
        """Takes over what another of the same loss has counted."""
        self.total, self.weight = self.total + other.total, self.weight + other.weight

    def state(self) -> dict[str, Any]:
        """What has been counted."""
        return {"total": self.total, "weight": self.weight}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Goes on from what another of the same loss had counted."""
        self.total, self.weight = state["total"], state["weight"]

    def compute(self) -> float | None:
        """The loss of all rows so far; None without rows that count."""
        if not isinstance(self.total, Tensor) or float(self.weight) == 0:
            return None
        return float(self.loss.finish(self.total / self.weight))
