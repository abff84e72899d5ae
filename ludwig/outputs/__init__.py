"""The learning half of every output type: decoder, loss, metrics, predictions."""

from ludwig.outputs import (  # noqa: F401  (importing registers)
    anomaly,
    binary,
    category,
    category_distribution,
    generated_category,
    generated_text,
    image,
    number,
    sequence,
    set,
    timeseries,
    vector,
)
from ludwig.outputs.base import OUTPUTS, Output, OutputScores
from ludwig.outputs.decoded import DecodedOutput
from ludwig.outputs.generated import GeneratedOutput

__all__ = ["OUTPUTS", "DecodedOutput", "GeneratedOutput", "Output", "OutputScores"]
