"""How a model learns."""

from ludwig.training import finetuning, none, trainer  # noqa: F401  (importing registers)
from ludwig.training.base import TRAINERS
from ludwig.training.run import Run, Saves, Saving

__all__ = ["TRAINERS", "Run", "Saves", "Saving"]
