"""From a vector to logits."""

from ludwig.decoders import anomaly, linear  # noqa: F401  (importing registers)
from ludwig.decoders.base import DECODERS, Decoder

__all__ = ["DECODERS", "Decoder"]
