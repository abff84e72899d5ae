"""Predictions of a whole frame.

N = rows of the frame, B = rows of a batch
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from ludwig.columns.frame import Frame
from ludwig.data.loader import batches
from ludwig.inference.evaluation import Metrics, compute
from ludwig.models.base import Model
from ludwig.nn.prediction import Prediction

Arrays = dict[str, dict[str, NDArray[Any]]]  # by output, by what it answers, such as "predictions": [N, ...]


def predict(model: Model, frame: Frame, batch_size: int, device: torch.device) -> Arrays:
    """What the outputs predict for all rows."""
    found = _Collected(model)
    model.eval()
    with torch.inference_mode():
        for batch in batches(frame, batch_size, device):
            found.add(model.predict(batch))
        if len(frame) == 0:  # one batch of no rows shows what the columns are
            found.add(model.predict(frame.load(device)))
    return found.arrays()


def predict_and_score(
    model: Model, frame: Frame, batch_size: int, device: torch.device, wanted: Mapping[str, str]
) -> tuple[Arrays, Metrics]:
    """Predictions of all rows and the metrics over them, in one pass.

    Args:
        wanted: One more metric by output, beside those that are always reported.
    """
    found, scores = _Collected(model), model.scores(wanted)
    model.eval()
    with torch.inference_mode():
        for batch in batches(frame, batch_size, device):
            predictions = model.predict(batch)
            found.add(predictions)
            for name, score in scores.items():
                score.update(predictions[name], model.target(name, batch), batch.weights)
    return found.arrays(), compute(model, scores)


class _Collected:
    """The predictions of the batches so far."""

    def __init__(self, model: Model) -> None:
        self.outputs = model.outputs
        self.parts: dict[str, dict[str, list[Tensor]]] = {name: {} for name in model.outputs}

    def add(self, predictions: dict[str, Prediction]) -> None:
        for name, prediction in predictions.items():
            for key, values in self.outputs[name].answers(prediction).items():
                self.parts[name].setdefault(key, []).append(values)

    def arrays(self) -> Arrays:
        return {
            name: {key: _joined(parts).cpu().numpy() for key, parts in by_key.items()}
            for name, by_key in self.parts.items()
        }


def _joined(parts: list[Tensor]) -> Tensor:
    """All rows; where batches have sequences of different lengths, the shorter are padded with -1."""
    if len({part.shape[1:] for part in parts}) > 1:
        longest = max(part.shape[1] for part in parts)
        parts = [torch.nn.functional.pad(part, (0, longest - part.shape[1]), value=-1) for part in parts]
    return parts[0] if len(parts) == 1 else torch.cat(parts)
