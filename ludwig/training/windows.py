"""What an epoch is learned from: the rows in their order, as batches, as the windows of optimizer steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ludwig.columns.frame import Frame
from ludwig.data.loader import batches, bucketed, of_worker, shuffled
from ludwig.models.base import Model
from ludwig.runtime.distributed import Workers
from ludwig.runtime.engine import Engine
from ludwig.training.options import BatchOptions
from ludwig.training.plan import Plan
from ludwig.training.progress import Progress


@dataclasses.dataclass(frozen=True)
class Window:
    """The batches that one optimizer step learns from.

    Its loss is that of one big batch: each batch counts by its share of what all rows of the step count together,
    those of other processes too.
    """

    batches: Sequence[Frame]
    rows: int  # of all batches and processes
    weights: dict[str, Tensor] | None = None  # by output: what all rows count together; None where one batch is all

    @staticmethod
    def of(batches: Sequence[Frame], rows: int, model: Model, engine: Engine) -> Window:
        """The window of these batches and of what other processes learn from at the same time."""
        if len(batches) == 1 and engine.workers.count == 1:
            return Window(batches, rows)
        counted = [model.weights_of(batch) for batch in batches]
        weights = {name: torch.stack([each[name] for each in counted]).sum() for name in model.outputs}
        engine.workers.all_reduce_sum(list(weights.values()))
        return Window(batches, rows, weights)


def windows(
    training: Frame, order: Tensor | None, plan: Plan, progress: Progress, model: Model, engine: Engine
) -> Iterator[Window]:
    """The windows of the rest of the epoch, or of the run where that ends before.

    All processes take as many steps. Of a last batch with very few rows one may get none: it learns from an empty one.
    """
    own = batches(training, plan.batch_size, engine.device, order)
    starts = range(progress.row, plan.rows, plan.step_rows)[: progress.total_steps - progress.steps]
    for first in range(0, len(starts), plan.accumulation):
        chosen = starts[first : first + plan.accumulation]
        gathered = [next(own, None) or training.slice(0, 0).load(engine.device) for _ in chosen]
        rows = min(chosen[-1] + plan.step_rows, plan.rows) - chosen[0]
        yield Window.of(gathered, rows, model, engine)


def order_of(
    training: Frame, options: BatchOptions, plan: Plan, progress: Progress, seed: int, workers: Workers
) -> Tensor | None:
    """The rows that this process still has to learn from in the epoch; None for all as they lie."""
    if not options.should_shuffle and options.bucketing_field is None and progress.row == 0 and workers.count == 1:
        return None
    rows = len(training)
    order = shuffled(rows, seed, progress.epoch) if options.should_shuffle else torch.arange(rows)
    if options.bucketing_field is not None:
        whole = progress.base_batch_size * workers.count  # not the batch of the moment: an epoch keeps its order
        order = bucketed(order, training.lengths(options.bucketing_field), whole, seed, progress.epoch)
    return of_worker(order[progress.row :], plan.batch_size, workers.rank, workers.count)
