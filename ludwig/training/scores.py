"""Training metrics from the batches as they are trained on, without a pass of their own.

B = rows of a batch
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ludwig.columns.frame import Frame
from ludwig.inference.evaluation import Metrics, compute, merged, moved
from ludwig.models.base import Model, Step
from ludwig.nn.prediction import Prediction
from ludwig.runtime.distributed import ALONE, Workers

ROWS = 16_384  # that are gathered before metrics look at them, which makes metrics cheap for small batches
KEPT = ("logits", "hidden", "predictions", "token_losses", "mask")  # of a prediction, for metrics
NUMBERS = 2**24  # of logits that are held meanwhile at most

Answered = tuple[Prediction, Tensor, Tensor | None]  # of a batch: what was predicted, the target, weights of its rows


class TrainingScores:
    """Gathers what was predicted in training and counts it in large pieces."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.scores = model.scores({})
        self.gathered: dict[str, list[Answered]] = {name: [] for name in self.scores}
        self.rows = self.numbers = 0

    def add(self, step: Step, batch: Frame) -> None:
        """Takes the predictions of a training step."""
        for name, answers in self.gathered.items():
            prediction = step.predictions[name]
            answer = _detached(prediction)
            answers.append((answer, self.model.target(name, batch), batch.weights))
            self.numbers += answer.hidden.numel() if answer.logits is None else answer.logits.numel()
        self.rows += len(batch)
        if self.rows >= ROWS or self.numbers >= NUMBERS:
            self._count()

    def compute(self, workers: Workers = ALONE) -> Metrics:
        """The metrics of all that was added, by other processes too."""
        self._count()
        return compute(self.model, merged(self.scores, lambda: self.model.scores({}), workers))

    def state(self) -> dict[str, Any]:
        """What has been counted and gathered. Nothing is counted here: sums keep their order."""
        for name, answers in self.gathered.items():
            self.gathered[name] = _joined(answers)
        gathered = {
            name: [[*(getattr(answer, field) for field in KEPT), *rest] for answer, *rest in answers]
            for name, answers in self.gathered.items()
        }
        scores = {name: score.state() for name, score in self.scores.items()}
        return {"scores": scores, "gathered": gathered, "rows": self.rows, "numbers": self.numbers}

    def load_state(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Goes on from what another had gathered."""
        state = moved(dict(state), device)
        for name, score in self.scores.items():
            score.load_state(state["scores"][name])
            self.gathered[name] = [
                (Prediction(**dict(zip(KEPT, values, strict=True))), target, weights)
                for *values, target, weights in state["gathered"][name]
            ]
        self.rows, self.numbers = state["rows"], state["numbers"]

    def _count(self) -> None:
        with torch.no_grad():
            for name, answers in self.gathered.items():
                for answer, target, weights in _joined(answers):
                    self.scores[name].update(self.model.outputs[name].complete(answer), target, weights)
                answers.clear()
        self.rows = self.numbers = 0


def _detached(prediction: Prediction) -> Prediction:
    """What metrics need of a prediction, without its graph; where logits were kept, the rest follows from them."""
    if prediction.logits is not None:
        prediction = dataclasses.replace(prediction, predictions=None)
    values = {name: getattr(prediction, name) for name in KEPT}
    kept: dict[str, Any] = {name: None if value is None else value.detach() for name, value in values.items()}
    return Prediction(**kept)


def _joined(answers: list[Answered]) -> list[Answered]:
    """One large batch where all have one shape, which sequences of different lengths have not."""
    if len(answers) < 2 or len({_shapes(answer, target) for answer, target, _ in answers}) > 1:
        return answers
    whole: dict[str, Any] = {name: _cat([getattr(answer, name) for answer, _, _ in answers]) for name in KEPT}
    targets, weights = torch.cat([target for _, target, _ in answers]), _cat([weights for _, _, weights in answers])
    return [(Prediction(**whole), targets, weights)]


def _cat(parts: Sequence[Tensor | None]) -> Tensor | None:
    """All rows; None where they are not there: [B, ...]."""
    there = [part for part in parts if part is not None]
    return torch.cat(there) if there else None


def _shapes(answer: Prediction, target: Tensor) -> tuple[torch.Size | None, ...]:
    kept = [getattr(answer, name) for name in KEPT]
    return (*(None if value is None else value.shape[1:] for value in kept), target.shape[1:])
