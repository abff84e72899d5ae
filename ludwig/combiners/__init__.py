"""From the signals of all inputs to one."""

from ludwig.combiners import concat, tabm  # noqa: F401  (importing registers)
from ludwig.combiners.base import COMBINERS, Combiner

__all__ = ["COMBINERS", "Combiner"]
