"""What training minimises."""

from ludwig.losses import (  # noqa: F401  (importing registers)
    anomaly,
    binary,
    classification,
    contrastive,
    image,
    open_set,
    regression,
    sequence,
    set,
)
from ludwig.losses.base import LOSSES, Loss

__all__ = ["LOSSES", "Loss"]
