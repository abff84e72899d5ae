"""From the signals of all inputs to one."""

from ludwig.combiners import (  # noqa: F401  (importing registers)
    comparator,
    concat,
    fusion,
    hypernetwork,
    perceiver,
    sequence,
    tab_transformer,
    tabm,
    tabnet,
    transformer,
)
from ludwig.combiners.base import COMBINERS, Combiner

__all__ = ["COMBINERS", "Combiner"]
