"""Evaluations between the steps of a run: what is gathered for them, and what they find."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from ludwig.callbacks import CallbackList
from ludwig.columns.frame import Frame
from ludwig.error import ConfigValidationError, TrainingError
from ludwig.inference.evaluation import Metrics
from ludwig.models.base import Model, Step
from ludwig.runtime.console import logger_of, warn
from ludwig.runtime.distributed import Workers
from ludwig.runtime.engine import Engine
from ludwig.training.checkpoints import Checkpoint
from ludwig.training.evaluator import Evaluator
from ludwig.training.learner import Learner
from ludwig.training.options import EvaluationOptions
from ludwig.training.plan import Plan
from ludwig.training.progress import Progress
from ludwig.training.scores import TrainingScores
from ludwig.training.selection import Selection
from ludwig.training.stopping import Stopping, StopReason
from ludwig.training.windows import resident

logger = logger_of(__name__)


@dataclasses.dataclass(frozen=True)
class Splits:
    """The rows of a run."""

    training: Frame
    validation: Frame | None
    test: Frame | None

    def embedded(self, model: Model, engine: Engine, checkpoint: Checkpoint | None) -> Splits:
        """With what frozen encoders of the model give for all rows, where the config asks that this is kept.

        Raises:
            ConfigValidationError: Processes hold shards of the weights.
        """
        if not model.keeps_embeddings:
            return self
        if engine.shards:
            raise ConfigValidationError(
                "trainer.parallel: 'fsdp' does not go with preprocessing.cache_encoder_embeddings, as processes with "
                "different rows gather the encoder's weights together. Use ddp, or remove one of them."
            )
        if checkpoint is not None:
            model.load_weights(checkpoint.weights)
        training = model.with_embeddings(self.training, engine.device)
        held_out = (
            None if frame is None else model.with_embeddings(frame, engine.device)
            for frame in (self.validation, self.test)
        )
        return Splits(training, *held_out)

    def on(self, engine: Engine) -> Splits:
        """With those splits on the device that are read again and again, where they may live there."""
        validation = None if self.validation is None else resident(self.validation, engine)
        return Splits(resident(self.training, engine), validation, self.test)


@dataclasses.dataclass(frozen=True)
class RoundResult:
    """What an evaluation found."""

    trained: Metrics = dataclasses.field(default_factory=dict)
    validated: Metrics | None = None  # None without a validation split
    is_best: bool = False
    stop: StopReason | None = None  # why the run is to end, if so


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


class Run(Protocol):
    """A run between two steps, as its evaluation sees it."""

    model: Model
    engine: Engine
    callbacks: CallbackList
    evaluator: Evaluator
    selection: Selection
    stopping: Stopping
    learner: Learner
    gathered: Gathered
    progress: Progress
    plan: Plan

    @property
    def config(self) -> EvaluationOptions: ...
    @property
    def last_loss(self) -> Tensor: ...
    def notify(self, hook: str) -> None: ...


class Round:
    """One evaluation of a run."""

    def __init__(self, run: Run) -> None:
        self.run, self.progress, self.workers = run, run.progress, run.engine.workers

    def evaluate(self, splits: Splits) -> RoundResult:
        """The metrics of the splits, whether they are the best so far, and whether the run is to stop."""
        run = self.run
        if run.config.skip_all_evaluation:
            if self._is_lost(float(run.last_loss)):
                return RoundResult(stop=StopReason.NOT_FINITE)
            self._keep_as_best()
            return RoundResult()
        run.notify("on_eval_start")
        trained = run.gathered.metrics(self.workers)
        if trained is None:
            trained = run.evaluator.evaluate(splits.training, run.plan.batch_size)
        self.progress.add(self.progress.train_metrics, trained)
        is_lost = self._is_lost(trained.get("combined", {}).get("loss", math.nan))
        validated = self._validated(splits.validation)
        if splits.test is not None and run.evaluator.follows_test_split:
            self._test(splits.test)
        is_best = self._select(trained, validated)
        stop = self._reason_to_stop() if validated is not None else None
        return RoundResult(trained, validated, is_best, StopReason.NOT_FINITE if is_lost else stop)

    def _is_lost(self, loss: float) -> bool:
        """Whether nothing was trained since the last evaluation, because no gradient was finite."""
        steps = self.run.gathered.optimizer_steps
        is_lost = not math.isfinite(loss) and int(self.run.learner.skipped) >= steps > 0
        return any(self.workers.gather(is_lost))

    def _validated(self, validation: Frame | None) -> Metrics | None:
        if validation is None:
            return None
        self.run.notify("on_validation_start")
        metrics = self.run.evaluator.evaluate(validation, self.run.plan.batch_size)
        self.progress.add(self.progress.validation_metrics, metrics)
        self.run.notify("on_validation_end")
        return metrics

    def _test(self, test: Frame) -> None:
        """Test metrics beside those of the other splits: they are recorded, and nothing follows from them."""
        self.run.notify("on_test_start")
        metrics = self.run.evaluator.evaluate(test, self.run.plan.batch_size)
        self.progress.add(self.progress.test_metrics, metrics)
        self.run.notify("on_test_end")

    def _select(self, trained: Metrics, validated: Metrics | None) -> bool:
        """Keeps the weights when they are the best so far; without a validation split the last are the best."""
        run, progress = self.run, self.progress
        value, loss = run.evaluator.selected(validated or trained)
        if 2 * int(run.learner.skipped) > run.gathered.optimizer_steps:  # weights without gradients are no good ones
            return False
        if validated is not None:
            run.selection.consider(run.model, progress, value, loss)
            if not progress.improves(value, loss, run.evaluator.direction):
                return False
        progress.note_best(value, loss, trained, validated or {})
        self._keep_as_best()
        return True

    def _keep_as_best(self) -> None:
        self.run.selection.keep_best(self.run.model, self.progress)
        self.run.notify("on_save_best_checkpoint")

    def _reason_to_stop(self) -> StopReason | None:
        run, progress = self.run, self.progress
        if run.stopping.is_out_of_patience(progress):
            text = "No improvement for %d evaluations: training stops at step %d."
            logger.info(text, run.stopping.patience, progress.steps)
            return StopReason.PATIENCE
        stops = self.workers.broadcast(run.callbacks.should_early_stop(run, progress, run.engine.is_main))
        return StopReason.CALLBACK if stops else None


ADVICE = "Lower trainer.learning_rate, or look for extreme values in the data; with use_mixed_precision try bfloat16."


def refuse_run_without_weights(run: Run) -> None:
    """Where gradients are not finite any more the best weights are kept, which never took such a gradient in.

    Raises:
        TrainingError: There are none, or none with a finite loss.
    """
    steps = int(run.learner.skipped)
    text = f"The gradients of {steps} steps in a row, up to step {run.progress.steps}, are not finite"
    if run.selection.best is None or is_diverged(run.progress):
        raise TrainingError(f"{text}. {ADVICE}")
    best = run.progress.best_eval_metric_steps
    warn(f"{text}: training stops, and the best weights, of step {best}, are kept. {ADVICE}")


def is_diverged(progress: Progress) -> bool:
    """Whether no evaluation found a finite loss."""
    history = progress.validation_metrics or progress.train_metrics
    losses = [value for *_, value in history.get("combined", {}).get("loss", [])]
    return bool(losses) and not any(map(math.isfinite, losses))
