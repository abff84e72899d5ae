"""How a model learns."""

from ludwig.training import none  # noqa: F401  (importing registers)
from ludwig.training.base import TRAINERS
from ludwig.training.run import Run, Saves, Saving
from ludwig.training.trainer import Trainer

__all__ = ["TRAINERS", "Run", "Saves", "Saving", "Trainer"]
