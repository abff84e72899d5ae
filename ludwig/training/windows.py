"""What an epoch consists of: the rows in their order, as batches, as the accumulation windows of optimizer steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from ludwig.columns.frame import Augment, Frame
from ludwig.data.loader import batches, bucketed, of_worker, shuffled
from ludwig.error import ConfigValidationError
from ludwig.models.base import Model
from ludwig.runtime.distributed import Workers
from ludwig.runtime.engine import Engine
from ludwig.training.options import BatchOptions
from ludwig.training.plan import Plan
from ludwig.training.progress import Progress

WeightsOf = Callable[[Model, Frame], dict[str, Tensor]]  # how much rows count together in the loss of each output


@dataclasses.dataclass(frozen=True)
class AccumulationWindow:
    """The batches whose gradients are accumulated for one optimizer step.

    Its loss is that of one big batch: each batch counts by its share of what all rows of the step count together,
    those of other processes too.
    """

    batches: Sequence[Frame]
    rows: int  # of all batches and processes
    weights: dict[str, Tensor] | None = None  # by output: what all rows count together; None where one batch is all
    spare: Frame | None = None  # a row for a process without rows, to take part in what all compute together

    @staticmethod
    def of(
        batches: Sequence[Frame],
        rows: int,
        model: Model,
        engine: Engine,
        weights_of: WeightsOf,
        spare: Frame | None = None,
    ) -> AccumulationWindow:
        """The window of these batches and of those of other processes at the same time."""
        if len(batches) == 1 and engine.workers.count == 1:
            return AccumulationWindow(batches, rows)
        counted = [weights_of(model, batch) for batch in batches]
        weights = {name: torch.stack([each[name] for each in counted]).sum() for name in model.outputs}
        engine.workers.all_reduce_sum(list(weights.values()))
        return AccumulationWindow(batches, rows, weights, spare)

    def augmented(self, augments: Mapping[str, Augment], generator: torch.Generator | None) -> AccumulationWindow:
        """The window with some inputs of its batches changed at random."""
        draws = generator or torch.default_generator
        return dataclasses.replace(self, batches=[batch.augmented(augments, draws) for batch in self.batches])


def windows(
    training: Frame,
    order: Tensor | None,
    plan: Plan,
    progress: Progress,
    model: Model,
    engine: Engine,
    weights_of: WeightsOf,
) -> Iterator[AccumulationWindow]:
    """The accumulation windows that are left of the epoch, or of the run where that ends before.

    All processes take as many steps. Of a last batch with very few rows one may get none: it takes an empty one.
    """
    own = batches(training, plan.batch_size, engine.device, order)
    starts = range(progress.row, plan.rows, plan.step_rows)[: progress.total_steps - progress.steps]
    for first in range(0, len(starts), plan.accumulation):
        chosen = starts[first : first + plan.accumulation]
        gathered = [next(own, None) or training.slice(0, 0).load(engine.device) for _ in chosen]
        rows = min(chosen[-1] + plan.step_rows, plan.rows) - chosen[0]
        spare = None if all(len(batch) for batch in gathered) else training.slice(0, 1).load(engine.device)
        yield AccumulationWindow.of(gathered, rows, model, engine, weights_of, spare)


def order_of(
    training: Frame,
    options: BatchOptions,
    plan: Plan,
    progress: Progress,
    seed: int,
    workers: Workers,
) -> Tensor | None:
    """The rows that this process still has to train on in the epoch; None for all as they lie."""
    shares = workers.count > 1 and not workers.holds_shard
    if not options.should_shuffle and options.bucketing_field is None and progress.row == 0 and not shares:
        return None
    rows, own = len(training), seed + workers.rank if workers.holds_shard else seed
    order = shuffled(rows, own, progress.epoch) if options.should_shuffle else torch.arange(rows)
    if options.bucketing_field is not None:
        whole = progress.base_batch_size * (workers.count if shares else 1)  # an epoch keeps its order as batches grow
        order = bucketed(order, training.lengths(options.bucketing_field), whole, own, progress.epoch)
    if workers.holds_shard:
        return order[progress.row // workers.count :]
    return of_worker(order[progress.row :], plan.batch_size, workers.rank, workers.count)


def check_bucketing(training: Frame, field: str | None) -> None:
    """Raises where the input whose lengths sort the rows is no sequence."""
    if field is not None:
        try:
            training.lengths(field)
        except LookupError as error:
            raise ConfigValidationError(f"trainer.bucketing_field: {error.args[0]}") from None


def resident(frame: Frame, engine: Engine) -> Frame:
    """The frame on the device, where it may live there."""
    return frame.to(engine.device) if frame.is_in_memory and engine.has_room_for(frame.nbytes) else frame
