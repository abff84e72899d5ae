"""Metrics of a model over a split."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from math import isfinite
from typing import Any

import torch
from torch import Tensor

from ludwig.columns.frame import Frame
from ludwig.data.loader import batches
from ludwig.error import TrainingError
from ludwig.models.base import Model
from ludwig.nn.sharded import in_shards
from ludwig.outputs.base import OutputScores
from ludwig.runtime.console import warn
from ludwig.runtime.distributed import ALONE, Workers

CPU = torch.device("cpu")
BATCH_BYTES = 2**24  # of a frame's rows in one batch of evaluation, where no batch size is set
MOST_ROWS = 8192
WITHOUT_ROWS = (
    "A process has no rows of a split, and with trainer.parallel 'fsdp' all processes compute together. Give each "
    "process rows of each split, or set trainer.parallel to ddp."
)

Metrics = dict[str, dict[str, float]]


def rows_for_evaluation(model: Model, frame: Frame, at_least: int) -> int:
    """A batch size that fits a fixed amount of memory; results do not depend on it."""
    row = max(frame.nbytes // max(len(frame), 1), 1) if frame.is_in_memory else BATCH_BYTES
    return max(at_least, min(BATCH_BYTES // row, model.most_rows() or MOST_ROWS, MOST_ROWS))


def evaluate(
    model: Model,
    frame: Frame,
    batch_size: int,
    device: torch.device,
    wanted: Mapping[str, str] | None = None,
    most_batches: int | None = None,
    workers: Workers = ALONE,
) -> Metrics:
    """All metrics of all outputs over the frame, and their weighted loss as `combined`.

    Args:
        wanted: One more metric by output, beside those that are always reported.
        most_batches: Bound on the batches that are looked at.
        workers: Processes that share the work; all of them get the metrics of all rows.
    """
    scores = model.scores(wanted or {})
    own = _own_rows(frame, None if most_batches is None else most_batches * batch_size, workers)
    model.eval()
    with torch.inference_mode(), in_step(model, frame, own, batch_size, device, workers):
        count(model, batches(own, batch_size, device), scores)
    return compute(model, merged(scores, lambda: model.scores(wanted or {}), workers))


def _own_rows(frame: Frame, most: int | None, workers: Workers) -> Frame:
    """The rows that this process evaluates, so that all together evaluate `most`, or each row once."""
    bound = len(frame) if most is None else most
    chosen = workers.part_of(bound if workers.holds_shard else min(bound, len(frame)))
    if workers.holds_shard:
        chosen = slice(0, len(frame) if most is None else chosen.stop - chosen.start)
    return frame if chosen.stop - chosen.start >= len(frame) else frame.slice(chosen.start, chosen.stop)


@contextmanager
def in_step(
    model: Model, frame: Frame, own: Frame, batch_size: int, device: torch.device, workers: Workers
) -> Iterator[None]:
    """Inside the block this process computes predictions of its `own` rows, as the others do of theirs.

    All processes gather sharded weights together, so one with fewer batches goes on, with results that nobody reads,
    until the others are done.

    Raises:
        TrainingError: Weights are sharded and a process has no rows at all.
    """
    if workers.count == 1 or not in_shards(model):
        yield
        return
    counts = workers.gather((-(-len(own) // batch_size), len(frame)))
    most = max(needed for needed, _ in counts)
    if most and min(rows for _, rows in counts) == 0:
        raise TrainingError(WITHOUT_ROWS)
    yield
    spare = frame.slice(0, 1).load(device)
    for _ in range(most - counts[workers.rank][0]):
        model.scored(spare)


def merged(
    scores: dict[str, OutputScores], fresh: Callable[[], dict[str, OutputScores]], workers: Workers
) -> dict[str, OutputScores]:
    """What the metrics of all processes have counted, added up in the same order everywhere."""
    if workers.count == 1:
        return scores
    whole, *others = [
        _with_state(fresh(), state)
        for state in workers.gather({name: moved(score.state(), CPU) for name, score in scores.items()})
    ]
    for other in others:
        for name, score in whole.items():
            score.merge(other[name])
    return whole


def _with_state(scores: dict[str, OutputScores], state: Mapping[str, Any]) -> dict[str, OutputScores]:
    for name, score in scores.items():
        score.load_state(state[name])
    return scores


def moved(value: Any, device: torch.device) -> Any:
    """The same dicts and lists with their tensors on the device."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {key: moved(entry, device) for key, entry in value.items()}
    return [moved(entry, device) for entry in value] if isinstance(value, list) else value


def report_not_finite(metrics: Metrics, where: str) -> None:
    """Warns of metrics that are NaN or infinite: sums beyond the range of float64, or predictions that are."""
    found = [f"{output}.{name}" for output, values in metrics.items() for name in values if not isfinite(values[name])]
    if found:
        warn(
            f"Metrics of {where} are not finite (NaN or infinity): {', '.join(found)}. Look for extreme values in "
            "the data; very large numbers are best divided by a constant."
        )


def count(model: Model, frames: Iterable[Frame], scores: Mapping[str, OutputScores]) -> None:
    """Feeds batches to the metrics."""
    for batch in frames:
        predictions = model.scored(batch)
        for name, score in scores.items():
            score.update(predictions[name], model.target(name, batch), batch.weights)


def compute(model: Model, scores: Mapping[str, OutputScores]) -> Metrics:
    """What the metrics have counted, with the combined loss."""
    metrics = {name: score.compute() for name, score in scores.items()}
    weights = {name: output.config.loss.weight for name, output in model.outputs.items()}
    losses = [weights[name] * values["loss"] for name, values in metrics.items() if "loss" in values]
    return {**metrics, "combined": {"loss": sum(losses)}} if losses else metrics
