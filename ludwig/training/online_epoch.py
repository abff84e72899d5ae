"""The epochs of online training: each goes on where the one before ended, be it that of a saved model."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, Protocol

from torch import Tensor

from ludwig.columns.frame import Frame
from ludwig.nn.dropout import drawing
from ludwig.runtime.console import warn
from ludwig.runtime.distributed import Workers
from ludwig.runtime.process import repeatable
from ludwig.training import checkpoints, rounds
from ludwig.training.checkpoints import Checkpoint
from ludwig.training.learner import Learner
from ludwig.training.loop_options import LoopOptions
from ludwig.training.plan import Plan
from ludwig.training.recipe import Size
from ludwig.training.rounds import Gathered, refuse_run_without_weights
from ludwig.training.windows import AccumulationWindow, resident


class OnlineRun(rounds.Run, Protocol):
    """A run whose epochs come one by one."""

    size: Size
    base: Plan
    workers: Workers
    has_begun: bool
    weights_in_training: list[Tensor]  # between epochs, where others are evaluated
    online_from: Checkpoint | None  # what the first epoch goes on from

    @property
    def config(self) -> LoopOptions: ...

    def begin(self, training: Frame, size: Size, resume_from: Checkpoint | None) -> None: ...
    def windows_over(self, training: Frame) -> Iterator[AccumulationWindow]: ...
    def step(self, window: AccumulationWindow) -> None: ...
    def give_back(self) -> None: ...


def one_more_epoch(run: OnlineRun, training: Frame) -> None:
    """Trains once on all rows. Between epochs the model has the weights that are evaluated, which may be averages.

    Raises:
        TrainingError: Gradients are not finite.
    """
    training = resident(training, run.engine)
    if not run.has_begun:
        _begin(run, training)
    run.learner.take(run.weights_in_training)
    run.plan = dataclasses.replace(run.plan, rows=len(training))
    run.progress.begin_epoch(0)
    run.progress.total_steps = run.progress.steps + run.plan.steps_per_epoch
    run.model.train()
    run.gathered = Gathered(run.model, with_scores=False)
    try:
        with repeatable(run.config.deterministic), drawing(run.model, run.engine.generator):
            for window in run.windows_over(training):
                run.step(window)
    finally:
        run.model.eval()
        run.weights_in_training = run.learner.show_evaluated_weights()
        run.give_back()
    if int(run.learner.skipped) >= min(run.config.max_skipped_steps, run.gathered.optimizer_steps):
        refuse_run_without_weights(run)


def state_of(run: OnlineRun) -> Checkpoint | None:
    """What the next epoch goes on from, beside the weights of the model; None where these are held in shards."""
    if run.engine.shards:
        return None
    if not run.has_begun:
        return run.online_from
    state = {
        "learner": run.learner.state_dict(),
        "layout": _layout(run.learner),
        "size": vars(run.size),
        "weights_in_training": run.weights_in_training,
        "random": checkpoints.random_state(run.engine, of_process=False),
    }
    return Checkpoint({}, run.progress, state)


def _begin(run: OnlineRun, training: Frame) -> None:
    """What is settled by the size of the data stays as the very first epoch settled it."""
    before = run.online_from
    state: dict[str, Any] = {} if before is None else before.optimizer or {}
    size = Size(**state["size"]) if state else Size.of(run.model, training, run.workers, validates=False)
    run.begin(training, size, None)
    run.online_from = None
    if before is None:
        return
    if state["layout"] != _layout(run.learner):
        warn(
            "The section `trainer` was changed after the model was saved, and the state of its optimizer no longer "
            "fits. Online training goes on from the weights alone."
        )
        return
    run.progress = dataclasses.replace(before.progress, base_batch_size=run.base.batch_size)
    run.learner.load_state_dict(state["learner"])
    run.weights_in_training = [weight.clone() for weight in state["weights_in_training"]]
    if run.workers.count == 1:  # of several each draws dropout of its own
        checkpoints.restore_random_state(state["random"], run.engine, of_process=False)


def _layout(learner: Learner) -> list[Any]:
    """What a state must have in common with a learner to be loaded: the optimizer, the shapes of its groups."""
    groups = [[list(weight.shape) for weight in group["params"]] for group in learner.optimizer.param_groups]
    return [type(learner.optimizer).__name__, groups]
