"""The numbers of a run, settled once the number of rows is known."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ludwig.training.base import TrainingKnobs
from ludwig.training.schedules import Span

AUTO_SHARE = 0.2  # of the rows that an automatic batch may take
AUTO_MOST = {"cpu": 128}  # rows of an automatic batch by device
AUTO_MOST_ELSEWHERE = 1024


@dataclass(frozen=True)
class Plan:
    """How many rows, steps and rounds."""

    batch_size: int
    accumulation: int  # batches of an optimizer step
    steps_per_epoch: int
    total_steps: int
    steps_per_round: int
    learning_rate: float

    @property
    def span(self) -> Span:
        return Span(self.total_steps, self.steps_per_round)


def plan_of(knobs: TrainingKnobs, rows: int, device_type: str, suggested_rate: float) -> Plan:
    """Settles what is automatic: a batch takes a fifth of the rows at most, up to what the device does well."""
    batch_size, accumulation = _batch(knobs, rows, device_type)
    steps_per_epoch = math.ceil(rows / batch_size)
    if knobs.steps_per_checkpoint:
        steps_per_round = min(knobs.steps_per_checkpoint, steps_per_epoch)
    else:
        steps_per_round = max(steps_per_epoch // max(knobs.checkpoints_per_epoch, 1), 1)
    return Plan(
        batch_size=batch_size,
        accumulation=accumulation,
        steps_per_epoch=steps_per_epoch,
        total_steps=knobs.train_steps or knobs.epochs * steps_per_epoch,
        steps_per_round=steps_per_round,
        learning_rate=suggested_rate if knobs.learning_rate == "auto" else knobs.learning_rate,
    )


def _batch(knobs: TrainingKnobs, rows: int, device_type: str) -> tuple[int, int]:
    """(rows of a batch, batches of an optimizer step)."""
    size, steps, effective = knobs.batch_size, knobs.gradient_accumulation_steps, knobs.effective_batch_size
    if size == "auto" and effective != "auto" and steps != "auto":
        return max(effective // steps, 1), steps
    if size == "auto":
        most = min(AUTO_MOST.get(device_type, AUTO_MOST_ELSEWHERE), knobs.max_batch_size or rows)
        fitting = max(min(int(rows * AUTO_SHARE), most), 1)
        size = 2 ** int(math.log2(fitting))
        if effective != "auto":
            size = math.gcd(size, effective)
    settled = int(size)
    if steps == "auto":
        steps = 1 if effective == "auto" else max(effective // settled, 1)
    return settled, int(steps)
