"""Metrics of a model over a split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice

import torch

from ludwig.columns.frame import Frame
from ludwig.data.loader import batches
from ludwig.models.base import Model
from ludwig.outputs.base import OutputScores

BATCH_BYTES = 2**24  # of a frame's rows in one batch of evaluation, where no batch size is asked for
MOST_ROWS = 8192

Metrics = dict[str, dict[str, float]]


def rows_for_evaluation(frame: Frame, at_least: int) -> int:
    """A batch size that fits a fixed amount of memory; results do not depend on it."""
    row = max(frame.nbytes // max(len(frame), 1), 1) if frame.is_in_memory else BATCH_BYTES
    return max(at_least, min(BATCH_BYTES // row, MOST_ROWS))


def evaluate(
    model: Model,
    frame: Frame,
    batch_size: int,
    device: torch.device,
    wanted: Mapping[str, str] | None = None,
    most_batches: int | None = None,
) -> Metrics:
    """All metrics of all outputs over the frame, and their weighted loss as `combined`.

    Args:
        wanted: One more metric by output, beside those that are always reported.
        most_batches: Bound on the batches that are looked at.
    """
    scores = model.scores(wanted or {})
    model.eval()
    with torch.inference_mode():
        count(model, islice(batches(frame, batch_size, device), most_batches), scores)
    return compute(model, scores)


def count(model: Model, frames: Iterable[Frame], scores: Mapping[str, OutputScores]) -> None:
    """Feeds batches to the metrics."""
    for batch in frames:
        predictions = model.predict(batch)
        for name, score in scores.items():
            score.update(predictions[name], model.target(name, batch))


def compute(model: Model, scores: Mapping[str, OutputScores]) -> Metrics:
    """What the metrics have counted, with the combined loss."""
    metrics = {name: score.compute() for name, score in scores.items()}
    weights = {name: output.config.loss.weight for name, output in model.outputs.items()}
    losses = [weights[name] * values["loss"] for name, values in metrics.items() if "loss" in values]
    return {**metrics, "combined": {"loss": sum(losses)}} if losses else metrics
