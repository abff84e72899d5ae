"""From the combined signal to logits."""

from ludwig.decoders import (  # noqa: F401  (importing registers)
    anomaly,
    generator,
    image,
    linear,
    tagger,
    transformer_generator,
)
from ludwig.decoders.base import DECODERS, Decoder

__all__ = ["DECODERS", "Decoder"]
