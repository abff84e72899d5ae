"""How a model learns."""

from ludwig.training.base import TRAINERS
from ludwig.training.trainer import Saving, Trainer

__all__ = ["TRAINERS", "Saving", "Trainer"]
