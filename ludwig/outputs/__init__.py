"""The learning half of every output type: decoder, loss, metrics, predictions."""

from ludwig.outputs import binary, category, number, timeseries, vector  # noqa: F401  (importing registers)
from ludwig.outputs.base import OUTPUTS, Output, OutputScores

__all__ = ["OUTPUTS", "Output", "OutputScores"]
