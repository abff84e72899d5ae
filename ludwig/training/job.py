"""A training as data: what is to be done, and what came of it.

A Job can be pickled, so that it runs in this process, in a spawned one or on another machine alike; results come back
in the Outcome, never through live objects.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from ludwig.callbacks import CallbackList
from ludwig.columns.frame import Frame
from ludwig.features.base import Facts
from ludwig.models.assets import Assets
from ludwig.models.base import Model
from ludwig.runtime.building import building
from ludwig.runtime.console import logger_of
from ludwig.runtime.distributed import workers_of
from ludwig.runtime.engine import Engine, precision_of
from ludwig.runtime.seed import seeded
from ludwig.training import checkpoints
from ludwig.training.base import TrainerBase
from ludwig.training.checkpoints import Checkpoint
from ludwig.training.progress import Progress
from ludwig.training.refitting import refit
from ludwig.training.rounds import Splits
from ludwig.training.run import Saving
from ludwig.training.stopping import StopReason

NO_ASSETS = Assets()

logger = logger_of(__name__)


@dataclasses.dataclass(frozen=True)
class Job:
    """All that a training follows from."""

    config: Model.Config  # the sections of the model
    trainer: TrainerBase.Config
    facts: Mapping[str, Facts]
    training: Frame
    validation: Frame | None
    test: Frame | None
    seed: int
    device: torch.device = torch.device("cpu")
    saving: Saving = Saving()
    assets: Assets = NO_ASSETS
    resumes: bool = False  # whether the run's latest checkpoint is gone on from
    holds_shard: bool = False  # whether the frames hold the rows of this process only, and not those of all
    weights: Mapping[str, Tensor] | None = None  # to begin with; None for those of a fresh model


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of a training."""

    weights: dict[str, Tensor]  # the selected ones, by the names that users see
    progress: Progress  # with all histories, and why it ended
    resolved: dict[str, Any]  # options of the trainer that were automatic, with the values that they got
    ended_by: int | None = None  # the signal that ended it


def build(
    config: Model.Config, facts: Mapping[str, Facts], seed: int, assets: Assets = NO_ASSETS, *, starts: bool = True
) -> Model:
    """The network of a config, with the weights that a fresh run begins with; the caller's random state is kept.

    Args:
        starts: False where saved weights follow.
    """
    with building(seed):
        model: Model = config.build(facts, assets)
        if starts:
            model.start()
        else:
            model.attach_base()
    return model


def trainer_of(job: Job, model: Model, callbacks: CallbackList) -> TrainerBase:
    """The trainer of a job, on the device and among the processes that it runs on."""
    workers = workers_of(job.device, holds_shard=job.holds_shard)
    generator = torch.Generator(job.device).manual_seed(job.seed + workers.rank)  # each process drops other numbers
    precision = precision_of(job.trainer.precision, job.device)
    engine = Engine(job.device, precision, workers, generator, job.trainer.placement)
    trainer: TrainerBase = job.trainer.build(model, engine, callbacks, job.seed, job.saving)
    trainer.augments = job.config.augments()
    return trainer


def run_job(job: Job, callbacks: CallbackList | None = None, model: Model | None = None) -> Outcome:
    """Trains as the job describes.

    Args:
        model: The network in this process, where there is one already; it then has the selected weights.

    Raises:
        TrainingError: Gradients are not finite any more and there are no good weights to go back to.
    """
    checkpoint = _checkpoint_of(job)
    if model is None:
        model = build(job.config, job.facts, job.seed, job.assets, starts=job.weights is None and checkpoint is None)
        if job.weights is not None:
            model.load_weights(job.weights)
    start = {name: weight.clone() for name, weight in model.weights().items()} if job.trainer.refits else {}
    with draws_of(model, job.seed):
        trainer = trainer_of(job, model, callbacks or CallbackList())
        progress = trainer.train(job.training, job.validation, job.test, checkpoint)
        if start and job.validation is not None and progress.stop_reason != StopReason.INTERRUPTED:
            refit(trainer, model, start, Splits(job.training, job.validation, job.test))
    return Outcome(model.weights(), progress, trainer.resolved(), trainer.ended_by)


def draws_of(model: Model, seed: int) -> AbstractContextManager[None]:
    """Where foreign modules draw from the generators of the process, these belong to the run inside the block."""
    return seeded(seed) if model.draws_globally else nullcontext()


def _checkpoint_of(job: Job) -> Checkpoint | None:
    folder = job.saving.checkpoints
    found = checkpoints.load_latest(folder) if job.resumes and folder is not None else None
    if job.resumes and found is None:
        logger.warning("'%s' has no checkpoint, so training begins anew there.", job.saving.folder)
    return found
