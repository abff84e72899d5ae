"""Where a run stands: saved as JSON, shown to callbacks, resumed from."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping
from typing import Any, Self

Metrics = dict[str, dict[str, float]]  # by output, by metric
History = dict[str, dict[str, list[list[float]]]]  # by output, by metric: [epoch, step, value] of each evaluation


@dataclasses.dataclass
class Progress:
    """Counters, histories and the best so far. An epoch is counted when it begins: the first is 1."""

    batch_size: int
    steps_per_epoch: int
    total_steps: int
    learning_rate: float
    epoch: int = 0
    steps: int = 0
    row: int = 0  # rows that are done of the epoch, in its order
    seconds: float = 0.0  # that training has taken, up to the last evaluation
    checkpoint_number: int = 0
    best_eval_metric_value: float | None = None
    best_eval_loss: float | None = None
    best_eval_metric_steps: int = 0
    best_eval_metric_epoch: int = 0
    best_eval_metric_checkpoint_number: int = 0
    best_eval_train_metrics: Metrics = dataclasses.field(default_factory=dict)
    best_eval_validation_metrics: Metrics = dataclasses.field(default_factory=dict)
    best_eval_test_metrics: Metrics = dataclasses.field(default_factory=dict)
    last_improvement_steps: int = 0
    train_metrics: History = dataclasses.field(default_factory=dict)
    validation_metrics: History = dataclasses.field(default_factory=dict)
    test_metrics: History = dataclasses.field(default_factory=dict)
    base_batch_size: int = 0  # before batches grew
    num_increases_batch_size: int = 0
    last_increase_batch_size_steps: int = 0
    soup: dict[str, list[float | None]] = dataclasses.field(default_factory=dict)  # value and loss by step
    soup_steps: list[int] = dataclasses.field(default_factory=list)  # of the evaluations whose weights were averaged
    calibration: dict[str, Any] = dataclasses.field(default_factory=dict)  # by output: how it was calibrated
    thresholds: dict[str, Any] = dataclasses.field(default_factory=dict)  # by output: how its threshold was chosen
    intervals: dict[str, Any] = dataclasses.field(default_factory=dict)  # by output: how its quantiles were shifted
    checkpoint_to_step: dict[str, int] = dataclasses.field(default_factory=dict)
    checkpoint_to_epoch: dict[str, int] = dataclasses.field(default_factory=dict)
    stop_reason: str | None = None  # why training ended

    _began: tuple[float, int] | None = dataclasses.field(default=None, repr=False, compare=False)
    _before: float = dataclasses.field(default=0.0, repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        fields = [field.name for field in dataclasses.fields(self) if not field.name.startswith("_")]
        return {name: getattr(self, name) for name in fields}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        return cls(**raw)

    @property
    def is_done(self) -> bool:
        """Whether all steps are done."""
        return self.steps >= self.total_steps

    def begin_epoch(self, rows: int) -> None:
        """Counts a new epoch where none has begun, or so many rows are done of the last one."""
        if self.epoch == 0 or self.row >= rows:
            self.epoch, self.row = self.epoch + 1, 0

    def count_checkpoint(self) -> None:
        """Records a checkpoint of this moment."""
        self.seconds = self.seconds_now()
        self.checkpoint_number += 1
        self.checkpoint_to_step[str(self.checkpoint_number)] = self.steps
        self.checkpoint_to_epoch[str(self.checkpoint_number)] = self.epoch

    def note_best(self, value: float, loss: float, trained: Metrics, validated: Metrics) -> None:
        """Records that the evaluation of this moment is the best so far."""
        self.best_eval_metric_value, self.best_eval_loss = value, loss
        self.best_eval_metric_steps, self.best_eval_metric_epoch = self.steps, self.epoch
        self.best_eval_metric_checkpoint_number = self.checkpoint_number + 1
        self.last_improvement_steps = self.steps
        self.best_eval_train_metrics, self.best_eval_validation_metrics = trained, validated

    @property
    def progress_pct(self) -> float:
        """Share of the steps that are done, in percent."""
        return 100 * self.steps / max(self.total_steps, 1)

    @property
    def eta_seconds(self) -> float | None:
        """How long the remaining steps take at the pace so far; None before the first step."""
        if self._began is None or self.steps == self._began[1]:
            return None
        pace = (time.monotonic() - self._began[0]) / (self.steps - self._began[1])
        return pace * (self.total_steps - self.steps)

    def start_clock(self) -> None:
        """Records when this process began to train."""
        self._began = (time.monotonic(), self.steps)
        self._before = self.seconds

    def seconds_now(self) -> float:
        """How long training has taken, in this process and in those before."""
        return self._before + (0.0 if self._began is None else time.monotonic() - self._began[0])

    def add(self, history: History, metrics: Metrics, *, epoch: int | None = None, step: int | None = None) -> None:
        """Records the metrics of an evaluation, by default of this moment."""
        where = [self.epoch if epoch is None else epoch, self.steps if step is None else step]
        for output, values in metrics.items():
            for name, value in values.items():
                history.setdefault(output, {}).setdefault(name, []).append([*where, value])

    def improves(self, value: float, loss: float, direction: str) -> bool:
        """Whether an evaluation is better than the best so far: by the metric, and where that is equal by the loss.

        A value that is not finite (NaN or infinity) is worse than any finite one.
        """
        return rank(value, loss, direction) > rank(self.best_eval_metric_value, self.best_eval_loss, direction)

    def adopt_best(self, other: Self) -> None:
        """Takes over which evaluation is the best: the other one was saved with its weights.

        They differ where a run died after it had saved these weights and before it had saved where it stood.
        """
        for name in BEST_FIELDS:
            setattr(self, name, getattr(other, name))

    def forget_best(self) -> None:
        """As if no evaluation had been best yet: its weights are lost."""
        self.best_eval_metric_value = self.best_eval_loss = None
        self.best_eval_metric_steps = self.best_eval_metric_epoch = self.best_eval_metric_checkpoint_number = 0
        self.best_eval_train_metrics, self.best_eval_validation_metrics = {}, {}

    def log_metrics(self) -> dict[str, float]:
        """The latest metrics and counters, flat, as tracking services want them."""
        flat: dict[str, float] = {
            "epoch": self.epoch,
            "steps": self.steps,
            "learning_rate": self.learning_rate,
            "batch_size": self.batch_size,
            "last_improvement_steps": self.last_improvement_steps,
            "checkpoint_number": self.checkpoint_number,
        }
        if self.best_eval_metric_value is not None:
            flat["best_valid_metric"] = self.best_eval_metric_value
        for split in ("train", "validation", "test"):
            for output, values in getattr(self, f"{split}_metrics").items():
                flat |= {f"{split}_metrics.{output}.{name}": series[-1][2] for name, series in values.items()}
            for output, values in getattr(self, f"best_eval_{split}_metrics").items():
                flat |= {f"best.{split}_metrics.{output}.{name}": value for name, value in values.items()}
        return flat


BEST_FIELDS = (
    *(field.name for field in dataclasses.fields(Progress) if field.name.startswith("best_eval_")),
    "last_improvement_steps",
)


def rank(value: float | None, loss: float | None, direction: str) -> tuple[bool, float, float]:
    """How good an evaluation is, by its metric and where that is equal by its loss: a larger one is better."""
    if value is None or math.isnan(value):
        return (False, 0.0, 0.0)
    good = value if direction == "maximize" else -value
    return (True, good, -math.inf if loss is None or math.isnan(loss) else -loss)
