"""Online training: what one call of `train_online` leaves to the next, in this process and in a saved model."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Self

from ludwig.callbacks import CallbackList
from ludwig.globals import ONLINE_TRAINING_DIR_NAME
from ludwig.models.base import Model
from ludwig.runtime.atomic import written_aside
from ludwig.training import checkpoints
from ludwig.training.base import TrainerBase
from ludwig.training.checkpoints import Checkpoint
from ludwig.training.job import Job, trainer_of


class OnlineTraining:
    """The trainer that goes on from call to call; in a copy and in a loaded model the state that one goes on from."""

    def __init__(self, state: Checkpoint | None = None) -> None:
        self.trainer: TrainerBase | None = None
        self._state = state

    def __getstate__(self) -> dict[str, Any]:
        """A trainer holds generators, callbacks and a device, which stay in this process."""
        return {"trainer": None, "_state": self.state}

    @property
    def state(self) -> Checkpoint | None:
        """All that the next call goes on from, beside the weights of the model; None where there is nothing."""
        return self._state if self.trainer is None else self.trainer.online_state()

    def train(self, job: Job, model: Model, callbacks: CallbackList) -> None:
        """One more epoch over the training rows of the job.

        Raises:
            TrainingError: Gradients are not finite.
        """
        if self.trainer is None:
            trainer = trainer_of(job, model, callbacks)
            trainer.resume_online(self._state)
            self.trainer, self._state = trainer, None
        self.trainer.seed = job.seed
        self.trainer.train_online(job.training)

    def save(self, folder: Path) -> None:
        """Writes the state into the folder of a saved model."""
        state = self.state
        if state is not None:
            with written_aside(folder / ONLINE_TRAINING_DIR_NAME) as aside:
                checkpoints.write(aside, state)

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """That of a saved model; None where it was not trained online.

        Raises:
            ArtifactError: The state is damaged.
        """
        path = folder / ONLINE_TRAINING_DIR_NAME
        return cls(checkpoints.load(path)) if path.is_dir() else None


def forget(folder: Path) -> None:
    """Removes the state of the model that was saved in the folder before."""
    shutil.rmtree(folder / ONLINE_TRAINING_DIR_NAME, ignore_errors=True)
