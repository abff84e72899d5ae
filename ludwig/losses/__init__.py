"""What training minimises."""

from ludwig.losses import binary, classification, contrastive, regression  # noqa: F401  (importing registers)
from ludwig.losses.base import LOSSES, Loss

__all__ = ["LOSSES", "Loss"]
