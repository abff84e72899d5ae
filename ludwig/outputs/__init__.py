"""The learning half of every output type: decoder, loss, metrics, predictions."""

from ludwig.outputs import (  # noqa: F401  (importing registers)
    binary,
    category,
    number,
    timeseries,
    vector,
    written_category,
    written_text,
)
from ludwig.outputs.base import OUTPUTS, Output, OutputScores

__all__ = ["OUTPUTS", "Output", "OutputScores"]
