"""The data half of every feature type: raw column <-> tensors."""

from ludwig.features import binary, category, number, vector  # noqa: F401  (importing registers)
from ludwig.features.base import FEATURES, Facts, Feature

__all__ = ["FEATURES", "Facts", "Feature"]
