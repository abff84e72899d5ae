"""From the combined signal to logits."""

from ludwig.decoders import generator, linear, tagger, transformer_generator  # noqa: F401  (importing registers)
from ludwig.decoders.base import DECODERS, Decoder

__all__ = ["DECODERS", "Decoder"]
