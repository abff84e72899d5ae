"""The metrics of one output together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ludwig.metrics.base import Metric
from ludwig.nn.prediction import Prediction


class Scoreboard:
    """Metrics by name, fed with the same batches."""

    def __init__(self, metrics: Mapping[str, Metric]) -> None:
        self.metrics = dict(metrics)

    def update(self, prediction: Prediction, target: Tensor, weights: Tensor | None = None) -> None:
        """Counts a batch, each row as much as it weighs."""
        weighted = () if weights is None else (weights,)
        for metric in self.metrics.values():
            metric.update(prediction, target, *weighted)

    def merge(self, other: Scoreboard) -> None:
        """Takes over what another has counted."""
        for name, metric in self.metrics.items():
            metric.merge(other.metrics[name])

    def state(self) -> dict[str, Any]:
        """What each metric has counted."""
        return {name: metric.state() for name, metric in self.metrics.items()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Goes on from what others of the same metrics had counted."""
        for name, metric in self.metrics.items():
            metric.load_state(state[name])

    def compute(self) -> dict[str, float]:
        """Metric by name; one that cannot be computed is left out, one that is NaN stays."""
        values = {name: metric.compute() for name, metric in self.metrics.items()}
        return {name: value for name, value in values.items() if value is not None}
