"""How good predictions are."""

from ludwig.metrics import binary, classification, ranking, regression  # noqa: F401  (importing registers)
from ludwig.metrics.base import METRICS, Metric

__all__ = ["METRICS", "Metric"]
