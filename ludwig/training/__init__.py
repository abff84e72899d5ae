"""How a model is trained."""

from ludwig.training import finetuning, none  # noqa: F401  (importing registers)
from ludwig.training.base import TRAINERS, TrainerBase
from ludwig.training.job import Job, Outcome, build, draws_of, run_job, trainer_of
from ludwig.training.online import OnlineTraining
from ludwig.training.run import Run, Saves, Saving
from ludwig.training.trainer import Trainer

__all__ = [
    "TRAINERS",
    "Job",
    "OnlineTraining",
    "Outcome",
    "Run",
    "Saves",
    "Saving",
    "Trainer",
    "TrainerBase",
    "build",
    "draws_of",
    "run_job",
    "trainer_of",
]
