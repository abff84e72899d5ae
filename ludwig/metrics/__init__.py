"""How good predictions are."""

from ludwig.metrics import (  # noqa: F401  (importing registers)
    anomaly,
    binary,
    calibration,
    classification,
    image,
    ranking,
    regression,
    sequence,
    set,
)
from ludwig.metrics.base import METRICS, Metric

__all__ = ["METRICS", "Metric"]
