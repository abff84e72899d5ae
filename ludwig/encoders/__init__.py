"""From the columns of a batch to signals."""

from ludwig.encoders import category, generic, number  # noqa: F401  (importing registers)
from ludwig.encoders.base import ENCODERS, Encoder

__all__ = ["ENCODERS", "Encoder"]
