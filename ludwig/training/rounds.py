"""Evaluations between the steps of a run: what is gathered for them, and what they find."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ludwig.columns.frame import Frame
from ludwig.inference.evaluation import Metrics
from ludwig.models.base import Model, Step
from ludwig.runtime.distributed import Workers
from ludwig.training.scores import TrainingScores
from ludwig.training.stopping import StopReason


@dataclasses.dataclass(frozen=True)
class RoundResult:
    """What an evaluation found."""

    trained: Metrics = dataclasses.field(default_factory=dict)
    validated: Metrics | None = None  # None without a validation split
    is_best: bool = False
    stop: StopReason | None = None


class Gathered:
    """What is known of the steps since the last evaluation."""

    def __init__(self, model: Model, *, with_scores: bool) -> None:
        self.scores = TrainingScores(model) if with_scores else None
        self.steps = self.optimizer_steps = 0
        self.is_due = False  # whether the next evaluation is due at the end of the accumulation window

    def add(self, steps: Sequence[tuple[Step, Frame]], is_due: bool) -> None:
        """Takes in a batch that was trained on, as its micro-batches."""
        if self.scores is not None:
            for step, batch in steps:
                self.scores.add(step, batch)
        self.steps += 1
        self.is_due = self.is_due or is_due

    def metrics(self, workers: Workers) -> Metrics | None:
        """Training metrics of these steps, of all processes; None where a pass of its own computes them."""
        return None if self.scores is None else self.scores.compute(workers)

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs to go on in the middle."""
        scores = None if self.scores is None or not self.steps else self.scores.state()
        return {"scores": scores, "steps": self.steps, "optimizer_steps": self.optimizer_steps}

    def load_state_dict(self, state: Mapping[str, Any], device: torch.device, *, with_scores: bool) -> None:
        """Goes on where another process stood."""
        self.steps, self.optimizer_steps = state["steps"], state["optimizer_steps"]
        if self.scores is not None and state["scores"] is not None and with_scores:
            self.scores.load_state(state["scores"], device)
