"""The contract of a trainer, and the registry of trainers."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from ludwig.callbacks import CallbackList
from ludwig.columns.frame import Augment, Frame
from ludwig.models.base import Model
from ludwig.runtime.engine import Engine
from ludwig.runtime.placement import Parallel
from ludwig.schema import Component, Registry
from ludwig.training.checkpoints import Checkpoint
from ludwig.training.objective import SUPERVISED, Objective
from ludwig.training.options import Fault
from ludwig.training.progress import Progress
from ludwig.training.run import Saving


class TrainerBase(Component):
    """Whatever turns data into a trained model."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Component.Config):
        trains: ClassVar[bool] = True  # False where the model stays as it is

        validation_field: str | None
        validation_metric: str | None

        @property
        def precision(self) -> bool | str:
            """Whether forward passes are computed in 16 bits, and in which."""
            return False

        @property
        def placement(self) -> Parallel:
            """How several processes hold the model."""
            return "ddp"

        @property
        def evaluation_rows(self) -> int | None:
            """Rows of a batch in evaluation; None where that is left open."""
            return None

        @property
        def preference_of_outputs(self) -> list[float] | None:
            """How much each output matters, in their order, where losses are balanced by that."""
            return None

        @property
        def sample_weight_column(self) -> str | None:
            """The column of how much each row counts; None where all count alike."""
            return None

        @property
        def refits(self) -> bool:
            """Whether the model is trained once more on training and validation rows."""
            return False

        def watched_metrics(self) -> dict[str, str]:
            """Metrics of the validation field that a run watches for plateaus, by the option that names them."""
            return {}

        def objective(self) -> Objective:
            """What is minimised."""
            return SUPERVISED

        def faults(self) -> list[Fault]:
            """(parameter, message) of options that do not go together."""
            return []

    progress: Progress
    ended_by: int | None = None  # the signal that ended the run
    augments: Mapping[str, Augment] = {}  # what changes batches of inputs at random, by their name

    def __init__(
        self, config: Any, model: Model, engine: Engine, callbacks: CallbackList, seed: int, saving: Saving
    ) -> None:
        self.config, self.model, self.engine, self.callbacks = config, model, engine, callbacks
        self.seed, self.saving, self.objective = seed, saving, config.objective()
        self.save_path = None if saving.folder is None else str(saving.folder)

    def notify(self, hook: str) -> None:
        """Calls a hook of the callbacks that is given the trainer, its progress and where the run is saved."""
        getattr(self.callbacks, hook)(self, self.progress, self.save_path)

    @abstractmethod
    def train(
        self, training: Frame, validation: Frame | None, test: Frame | None, resume_from: Checkpoint | None = None
    ) -> Progress:
        """Trains; afterwards the model has the weights that are kept."""

    @abstractmethod
    def train_online(self, training: Frame) -> None:
        """Goes on training on more rows."""

    @abstractmethod
    def limit_time(self, seconds: float) -> None:
        """The run takes no longer than so many seconds in all; a callback may ask that from its setup hook on."""

    def online_state(self) -> Checkpoint | None:
        """What `train_online` goes on from, beside the weights of the model; None where nothing is kept."""
        return None

    def resume_online(self, state: Checkpoint | None) -> None:
        """`train_online` is to go on from what another trainer kept, if anything."""

    def resolved(self) -> dict[str, Any]:
        """The options that were automatic, with the values that they got."""
        return {}


TRAINERS: Registry[Any] = Registry("trainer")
