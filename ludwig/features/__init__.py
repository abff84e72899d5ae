"""The data half of every feature type: raw column <-> tensors."""

from ludwig.features import (  # noqa: F401  (importing registers)
    anomaly,
    audio,
    bag,
    binary,
    category,
    category_distribution,
    date,
    h3,
    image,
    language_tokenizers,
    number,
    pretrained_tokenizer,
    sequence,
    set,
    text,
    timeseries,
    tokenizers,
    vector,
)
from ludwig.features.base import FEATURES, Facts, Feature

__all__ = ["FEATURES", "Facts", "Feature"]
