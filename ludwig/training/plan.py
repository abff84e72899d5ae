"""The numbers of a run, settled once the number of rows is known."""

from __future__ import annotations

import dataclasses
import math
from typing import Protocol

from ludwig.error import ConfigValidationError
from ludwig.runtime.console import warn
from ludwig.training import recipe
from ludwig.training.optim.schedules import Span
from ludwig.training.options import Auto
from ludwig.training.recipe import Pace, Size, pace_of

SCALINGS = {"constant": lambda workers: 1.0, "sqrt": math.sqrt, "linear": float}


class Options(recipe.Options, Protocol):
    """The options that a plan follows from."""

    @property
    def batch_size(self) -> int | Auto: ...
    @property
    def effective_batch_size(self) -> int | Auto: ...
    @property
    def gradient_accumulation_steps(self) -> int | Auto: ...


@dataclasses.dataclass(frozen=True)
class Plan:
    """How many rows, steps and evaluations. A step takes a batch of each worker."""

    options: Options
    pace: Pace
    rows: int
    batch_size: int
    accumulation: int  # steps of an optimizer step
    workers: int = 1

    @property
    def step_rows(self) -> int:
        """Rows of a step, those of all workers together."""
        return self.batch_size * self.workers

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(self.rows / self.step_rows)

    @property
    def steps_per_round(self) -> int:
        if self.pace.steps_per_checkpoint:
            return self.pace.steps_per_checkpoint
        return max(self.steps_per_epoch // max(self.pace.checkpoints_per_epoch, 1), 1)

    def total_steps(self, steps: int = 0, epoch: int = 1, row: int = 0) -> int:
        """All steps of a run that has done these, and stands at this row of this epoch."""
        left = math.ceil((self.rows - row) / self.step_rows)
        return self.pace.train_steps or steps + left + (self.pace.epochs - max(epoch, 1)) * self.steps_per_epoch

    def span(self, total_steps: int) -> Span:
        """What a schedule knows of the run."""
        return Span(total_steps, self.steps_per_round)

    def resolved(self) -> dict[str, int | None]:
        """The options that may be automatic, as numbers."""
        return {
            **self.pace.resolved(),
            "batch_size": self.batch_size,
            "gradient_accumulation_steps": self.accumulation,
            "effective_batch_size": self.step_rows * self.accumulation,
        }

    def grown(self, factor: float) -> Plan:
        """With batches larger by the factor, up to the bound and to all rows."""
        if factor == 1:
            return self
        most = min(self.options.max_batch_size or self.rows, self.rows // self.workers)
        return dataclasses.replace(self, batch_size=max(min(int(self.batch_size * factor), most), self.batch_size))


def plan_of(options: Options, size: Size, workers: int, found: int) -> Plan:
    """The plan of a run; `found` is the batch size where the config leaves it open.

    Raises:
        ConfigValidationError: So many workers cannot have the effective batch size.
    """
    rows, accumulation = _batch(options, workers, found)
    effective = options.effective_batch_size
    if effective not in ("auto", rows * accumulation * workers):
        raise ConfigValidationError(
            f"trainer.effective_batch_size: Must be batch_size {rows} x gradient_accumulation_steps {accumulation} x "
            f"{workers} workers. Received: {effective}. Remove one of them to have it computed."
        )
    if options.gradient_accumulation_steps not in ("auto", accumulation) or options.batch_size not in ("auto", rows):
        warn(
            f"trainer: Each of {workers} workers takes batches of {rows} rows and accumulates {accumulation}, so that "
            f"effective_batch_size stays {effective}. To have batch_size and gradient_accumulation_steps as they are "
            "in the config, set effective_batch_size to auto."
        )
    pace = pace_of(options, size, rows * workers, accumulation)
    return Plan(options, pace, size.rows, rows, accumulation, workers)


def _batch(options: Options, workers: int, found: int) -> tuple[int, int]:
    """(rows of a batch, batches of an optimizer step)."""
    size, steps, effective = options.batch_size, options.gradient_accumulation_steps, options.effective_batch_size
    if effective == "auto":
        return (found if size == "auto" else size), (1 if steps == "auto" else steps)
    own = max(effective // workers, 1)
    if size != "auto" and (steps == "auto" or own % size == 0):
        return size, max(own // size, 1)
    if steps != "auto":
        return max(own // steps, 1), steps
    size = math.gcd(found, own)
    return size, own // size
