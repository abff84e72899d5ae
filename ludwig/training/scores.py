"""Training metrics from the batches as they are trained on, without a pass of their own.

B = rows of a batch
"""

from __future__ import annotations

from collections.abc import Mapping
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


class TrainingScores:
    """Gathers what was predicted in training and counts it in large pieces."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.scores = model.scores({})
        self.gathered: dict[str, list[tuple[Prediction, Tensor]]] = {name: [] for name in self.scores}
        self.rows = self.numbers = 0

    def add(self, step: Step, batch: Frame) -> None:
        """Takes the predictions of a training step."""
        for name, pairs in self.gathered.items():
            prediction = step.predictions[name]
            answer = _detached(prediction)
            pairs.append((answer, self.model.target(name, batch)))
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
        for name, pairs in self.gathered.items():
            self.gathered[name] = _joined(pairs)
        gathered = {
            name: [[*(getattr(answer, field) for field in KEPT), target] for answer, target in pairs]
            for name, pairs in self.gathered.items()
        }
        scores = {name: score.state() for name, score in self.scores.items()}
        return {"scores": scores, "gathered": gathered, "rows": self.rows, "numbers": self.numbers}

    def load_state(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Goes on from what another had gathered."""
        state = moved(dict(state), device)
        for name, score in self.scores.items():
            score.load_state(state["scores"][name])
            self.gathered[name] = [
                (Prediction(**dict(zip(KEPT, values, strict=True))), target)
                for *values, target in state["gathered"][name]
            ]
        self.rows, self.numbers = state["rows"], state["numbers"]

    def _count(self) -> None:
        with torch.no_grad():
            for name, pairs in self.gathered.items():
                for answer, target in _joined(pairs):
                    self.scores[name].update(self.model.outputs[name].complete(answer), target)
                pairs.clear()
        self.rows = self.numbers = 0


def _detached(prediction: Prediction) -> Prediction:
    """What metrics need of a prediction, without its graph; where logits were kept, the rest follows from them."""
    if prediction.logits is not None:
        return Prediction(prediction.logits.detach(), prediction.hidden.detach(), mask=prediction.mask)
    values = {name: getattr(prediction, name) for name in KEPT}
    kept: dict[str, Any] = {name: None if value is None else value.detach() for name, value in values.items()}
    return Prediction(**kept)


def _joined(pairs: list[tuple[Prediction, Tensor]]) -> list[tuple[Prediction, Tensor]]:
    """One large batch where all have one shape, which sequences of different lengths have not."""
    if len(pairs) < 2 or len({_shapes(answer, target) for answer, target in pairs}) > 1:
        return pairs
    columns = {name: [getattr(answer, name) for answer, _ in pairs] for name in KEPT}
    whole: dict[str, Any] = {
        name: None if values[0] is None else torch.cat(values) for name, values in columns.items()
    }  # [B, ...]
    return [(Prediction(**whole), torch.cat([target for _, target in pairs]))]


def _shapes(answer: Prediction, target: Tensor) -> tuple[torch.Size | None, ...]:
    kept = [getattr(answer, name) for name in KEPT]
    return (*(None if value is None else value.shape[1:] for value in kept), target.shape[1:])
