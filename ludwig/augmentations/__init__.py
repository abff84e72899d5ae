"""What changes images at random in training."""

from ludwig.augmentations import automatic, geometric, photometric  # noqa: F401  (importing registers)
from ludwig.augmentations.base import AUGMENTATIONS, Augmentation, InTurn, OfMasks

__all__ = ["AUGMENTATIONS", "Augmentation", "InTurn", "OfMasks"]
