"""How far confidence is from the share of right answers. Rows whose target is missing (below zero) are left out.

B = rows of the batch
"""

from __future__ import annotations

from typing import ClassVar, Self

from torch import Tensor

from ludwig.metrics.base import METRICS, Direction, Metric, Setting
from ludwig.metrics.sums import wide
from ludwig.nn import reliability
from ludwig.nn.prediction import Prediction


@METRICS.register("expected_calibration_error", kinds=("binary", "category"))
class ExpectedCalibrationError(Metric):
    """Expected calibration error (ECE): the mean gap between confidence and accuracy, in 15 equal bins of confidence.

    Of a category, confidence is the probability of the most probable class; of a binary output it is the probability of
    true, whatever the threshold. Source: Naeini, Cooper & Hauskrecht 2015, AAAI; Guo et al. 2017, arXiv:1706.04599, eq.
    3.
    """

    direction: ClassVar[Direction] = "minimize"

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.bins: Tensor | int = 0  # [3, bins]: predictions, hits, confidences

    def update(self, prediction: Prediction, target: Tensor, weights: Tensor | None = None) -> None:
        assert prediction.probabilities is not None
        confidence, hits = reliability.confidence_and_hits(wide(prediction.probabilities), target)  # [B]
        self.bins = self.bins + reliability.binned(confidence, hits, (target >= 0).flatten(), weights)

    def merge(self, other: Self) -> None:
        self.bins = self.bins + other.bins

    def compute(self) -> float | None:
        return None if isinstance(self.bins, int) else reliability.expected_calibration_error(self.bins)
