"""From the combined signal to logits."""

from ludwig.decoders import image, linear  # noqa: F401  (importing registers)
from ludwig.decoders.base import DECODERS, Decoder

__all__ = ["DECODERS", "Decoder"]
