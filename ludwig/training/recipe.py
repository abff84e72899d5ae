"""The options of training that a config leaves open, settled by the size of the data and of the model.

The numbers are those that did best on 16 real tables of 283 to 12,800 training rows, and beyond on larger ones; what
was measured stands in docs/quality.md. A run counts optimizer steps, not epochs: how many steps training takes grows
far slower than the rows do.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Protocol

from ludwig.columns.frame import Frame
from ludwig.models.base import Model
from ludwig.runtime.console import logger_of
from ludwig.runtime.distributed import Workers
from ludwig.training.optim.base import Optimizer
from ludwig.training.optim.schedules import LearningRateScheduler
from ludwig.training.options import Auto

logger = logger_of(__name__)

BATCH = 512  # rows
BATCH_OF_EPOCHS = 128  # where a user counts epochs: smaller, so that a few epochs are steps enough
BATCH_BYTES = 2**24  # of the rows of a batch
UNREAD_ROW = 2**18  # bytes of a row that is read when it is trained on, such as an image file
BATCH_WEIGHTS = 2**31  # rows times weights that a batch may take: a large model has small batches
RATE, RATES = 0.002, (0.0015, 0.005)  # for 1000 rows, and its bounds: it grows with the root of the rows
RATE_OF_MANY = 0.0025  # for more than SMALL_ROWS
USUAL_RATE = 0.001  # that parts suggest where they have no needs of their own
SMALL_ROWS = 12_800  # up to which the rate is constant and patience ends a run; beyond, the rate falls to its end
STEPS, STEPS_OF_SCHEDULE = 2000, 600  # optimizer steps at most; of few rows with a schedule that falls to the end
GROWTH: float = 0.6  # power of the rows by which budgets grow beyond SMALL_ROWS
STEPS_UNSEEN = (100, 10)  # without a validation split: at least, and one for so many rows
INTERVAL, ROWS_A_STEP = 10, 100  # optimizer steps between evaluations: at least, and one for so many rows
ROUNDS = 15  # evaluations of a run at least
PATIENCE = 5  # evaluations at the automatic interval


class Options(Protocol):
    """The options that may be open, and those that decide how they are settled."""

    @property
    def epochs(self) -> int | Auto: ...
    @property
    def train_steps(self) -> int | Auto | None: ...
    @property
    def steps_per_checkpoint(self) -> int | Auto: ...
    @property
    def checkpoints_per_epoch(self) -> int: ...
    @property
    def early_stop(self) -> int | Auto: ...
    @property
    def batch_size(self) -> int | Auto: ...
    @property
    def max_batch_size(self) -> int | None: ...
    @property
    def learning_rate(self) -> float | Auto: ...
    @property
    def learning_rate_scheduler(self) -> LearningRateScheduler: ...
    @property
    def optimizer(self) -> Optimizer.Config: ...


@dataclasses.dataclass(frozen=True)
class Size:
    """What is known of data and model before training."""

    rows: int  # of the training split, those of all workers
    row_bytes: int
    weights: int
    validates: bool  # whether there is a validation split to stop by
    suggested_batch: int | None = None  # rows of a batch at most, where a part of the model wants few

    @staticmethod
    def of(model: Model, training: Frame, workers: Workers, *, validates: bool) -> Size:
        """The size of a run."""
        row_bytes = training.nbytes // max(len(training), 1) if training.is_in_memory else UNREAD_ROW
        weights = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
        rows = workers.rows_of_all(len(training))
        return Size(rows, row_bytes, weights, validates, model.suggested_batch_size())


@dataclasses.dataclass(frozen=True)
class Pace:
    """How long a run goes on and how often it is evaluated."""

    epochs: int  # an automatic budget of steps is rounded up to whole ones, so that the saved config can be changed
    train_steps: int | None  # batches, where they are given; else epochs count
    steps_per_checkpoint: int  # batches between evaluations; 0 where epochs are cut in parts
    checkpoints_per_epoch: int
    early_stop: int  # evaluations without improvement

    def resolved(self) -> dict[str, int | None]:
        """The options as the saved config has them."""
        return vars(self)


def counts_epochs(options: Options) -> bool:
    """Whether the user measures training in epochs."""
    return options.epochs != "auto" and options.train_steps in (None, "auto")


def batch_size_of(options: Options, size: Size) -> int:
    """Rows of an automatic batch of a worker."""
    wanted = min(BATCH_OF_EPOCHS if counts_epochs(options) else BATCH, size.suggested_batch or BATCH)
    bounds = (BATCH_BYTES // max(size.row_bytes, 1), BATCH_WEIGHTS // max(size.weights, 1), size.rows)
    return max(min(wanted, options.max_batch_size or wanted, *bounds), 1)


def learning_rate_of(options: Options, size: Size, suggested: float) -> float:
    """The learning rate: by the rows, unless a part of the model suggests less than the usual.

    Where a part wants smaller batches, it falls with the root of their size: the noise of a step stays as it was.
    """
    if options.learning_rate != "auto":
        return options.learning_rate
    low, high = RATES
    rate = min(max(RATE * math.sqrt(size.rows / 1000), low), high) if size.rows <= SMALL_ROWS else RATE_OF_MANY
    if options.batch_size == "auto" and size.suggested_batch is not None:
        rate *= math.sqrt(min(size.suggested_batch / BATCH, 1.0))
    return float(f"{rate:.3g}") if suggested >= USUAL_RATE else suggested


def schedule_of(options: Options, size: Size) -> LearningRateScheduler:
    """The learning rate schedule: one cosine over the run where there are many rows and nobody else ends the run."""
    schedule = options.learning_rate_scheduler
    if schedule.decay != "auto":
        return schedule
    is_open = options.early_stop == "auto" and not counts_epochs(options) and not schedule.reduce_on_plateau
    falls = is_open and size.rows > SMALL_ROWS and not options.optimizer.is_averaged
    return dataclasses.replace(schedule, decay="cosine" if falls else None)


def rates_of(options: Options, size: Size, suggested: float) -> dict[str, Any]:
    """The options of the learning rate, settled; `suggested` by the parts of the model."""
    rate = learning_rate_of(options, size, suggested)
    return {"learning_rate": rate, "learning_rate_scheduler": schedule_of(options, size)}


def rates_in(options: Options) -> dict[str, Any]:
    """These options as they are."""
    return {name: getattr(options, name) for name in ("learning_rate", "learning_rate_scheduler")}


def pace_of(options: Options, size: Size, step_rows: int, accumulation: int) -> Pace:
    """Budget, interval and patience of a run whose batches have so many rows, those of all workers together."""
    steps_per_epoch = math.ceil(size.rows / step_rows)
    given = options.train_steps if options.train_steps != "auto" else None
    budget = given or _budget(options, size) * accumulation  # batches
    usual = _usual_interval(size.rows, budget // accumulation) * accumulation  # batches between evaluations
    parts, interval = options.checkpoints_per_epoch, options.steps_per_checkpoint
    if interval == "auto":
        interval = 0 if parts or counts_epochs(options) else usual
    between = interval or max(steps_per_epoch // max(parts, 1), 1)
    return Pace(
        epochs=math.ceil(budget / steps_per_epoch) if options.epochs == "auto" else options.epochs,
        train_steps=given,
        steps_per_checkpoint=interval,
        checkpoints_per_epoch=parts,
        early_stop=_patience(options, usual / between) if options.early_stop == "auto" else options.early_stop,
    )


def _patience(options: Options, usual_intervals: float) -> int:
    """Evaluations without improvement: as many steps as at the usual interval, of which each interval has so many."""
    if options.learning_rate_scheduler.spans_run:
        return -1
    return max(math.ceil(PATIENCE * usual_intervals), PATIENCE)


def _budget(options: Options, size: Size) -> int:
    """Optimizer steps of an automatic run, at most."""
    growth = max(size.rows / SMALL_ROWS, 1.0) ** GROWTH
    most = int(STEPS * growth)
    if options.learning_rate_scheduler.spans_run:
        return most if size.rows > SMALL_ROWS else STEPS_OF_SCHEDULE
    least, rows_a_step = STEPS_UNSEEN
    return most if size.validates else min(max(size.rows // rows_a_step, least), most)


def _usual_interval(rows: int, budget: int) -> int:
    """Optimizer steps between evaluations where nothing else is asked for."""
    return max(min(rows // ROWS_A_STEP, budget // ROUNDS), INTERVAL)


def explain(options: Options, size: Size, settled: Mapping[str, Any]) -> None:
    """Logs in one line what was left open and how it is settled."""
    decay = settled["learning_rate_scheduler"].decay
    found = [f"decay {decay}"] if options.learning_rate_scheduler.decay == "auto" else []
    is_open = {name: getattr(options, name) == "auto" for name in settled}
    found += [f"{name} {value}" for name, value in settled.items() if is_open[name] and value is not None]
    if found:
        logger.info(
            "Settled by %d rows and %d weights: %s. Set them in the section trainer to have others.",
            size.rows,
            size.weights,
            ", ".join(found),
        )
