"""From the columns of a batch to signals."""

from ludwig.encoders import (  # noqa: F401  (importing registers)
    audio_cnn,
    category,
    generic,
    image_cnn,
    number,
    sequence_cnn,
    sequence_embed,
    sequence_rnn,
    series_lags,
    text_ngrams,
)
from ludwig.encoders.base import ENCODERS, Encoder

__all__ = ["ENCODERS", "Encoder"]
