"""The data half of every feature type: raw column <-> tensors."""

from ludwig.features import (  # noqa: F401  (importing registers)
    audio,
    binary,
    category,
    image,
    number,
    pretrained_tokenizer,
    sequence,
    text,
    timeseries,
    tokenizers,
    vector,
)
from ludwig.features.base import FEATURES, Facts, Feature

__all__ = ["FEATURES", "Facts", "Feature"]
