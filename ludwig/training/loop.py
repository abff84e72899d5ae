"""The training loop."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ludwig.callbacks import CallbackList
from ludwig.columns.frame import Frame
from ludwig.error import ConfigValidationError
from ludwig.models.base import Model
from ludwig.nn.dropout import drawing
from ludwig.nn.named_weight import NamedWeight
from ludwig.runtime.console import logger_of
from ludwig.runtime.engine import Engine
from ludwig.runtime.process import repeatable
from ludwig.training import checkpoints
from ludwig.training.base import TrainerBase
from ludwig.training.checkpoints import Checkpoint
from ludwig.training.evaluator import Evaluator
from ludwig.training.finishing import finish
from ludwig.training.interrupt import Interrupt, listening
from ludwig.training.learner import Learner, MicroBatch
from ludwig.training.loop_options import LoopOptions
from ludwig.training.objective import losses_by_output, weighted_sum
from ludwig.training.online_epoch import one_more_epoch, state_of
from ludwig.training.plan import SCALINGS, Plan, plan_of
from ludwig.training.profiling import Profiling
from ludwig.training.progress import Progress
from ludwig.training.recipe import Size, batch_size_of, explain, rates_in, rates_of
from ludwig.training.rounds import Gathered, Round, RoundResult, Splits, refuse_run_without_weights
from ludwig.training.run import Saving
from ludwig.training.run_state import own_state, restore_own_state
from ludwig.training.save_times import SaveTimes
from ludwig.training.selection import Selection
from ludwig.training.stopping import Stopping, StopReason
from ludwig.training.windows import AccumulationWindow, check_bucketing, order_of, windows

logger = logger_of(__name__)


class Loop(TrainerBase):
    """Goes through the training split batch by batch. `run` reads aloud: batch, step, evaluate?, checkpoint?, stop?"""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(LoopOptions, TrainerBase.Config):
        pass

    config: Config

    def __init__(
        self, config: Config, model: Model, engine: Engine, callbacks: CallbackList, seed: int, saving: Saving
    ) -> None:
        super().__init__(config, engine.place(model), engine, callbacks, seed, saving)
        self.whole_model = model  # which is the one that is trained, unless processes hold shards of that
        model, self.workers = self.model, engine.workers
        self.evaluator = Evaluator(config, model, engine)
        self.selection = Selection(saving, self.evaluator.direction, config.model_soup, config.model_soup_top_k)
        self.last_steps: list[MicroBatch] = []
        self.has_begun = False
        self.weights_in_training: list[Tensor] = []  # between online calls, where others are evaluated
        self.online_from: Checkpoint | None = None  # what the first online call goes on from
        if config.enable_profiling:
            self.callbacks = callbacks.plus([Profiling(config.profiler)])
        self.held = _prepared(config, model, engine)

    # what callbacks may look at: model, config, objective, and
    size: Size
    plan: Plan
    progress: Progress
    learner: Learner

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        return self.learner.optimizer

    @property
    def epochs(self) -> int:
        return self.plan.pace.epochs

    @property
    def batch_size(self) -> int:
        return self.plan.batch_size

    @property
    def steps_per_epoch(self) -> int:
        return self.plan.steps_per_epoch

    @property
    def total_steps(self) -> int:
        return self.progress.total_steps

    @property
    def last_parts(self) -> dict[str, Tensor]:
        """The loss of each output in the last batch, on the device: []."""
        return losses_by_output(self.last_steps)

    @property
    def last_loss(self) -> Tensor:
        """The weighted sum of these: []."""
        return weighted_sum(self.last_parts, self.learner.loss_weights)

    @property
    def last_gradient_norm(self) -> Tensor:
        """The norm of all gradients in the last step, before they were clipped: []."""
        return self.learner.gradient_norm

    def train(
        self, training: Frame, validation: Frame | None, test: Frame | None, resume_from: Checkpoint | None = None
    ) -> Progress:
        """Trains; afterwards the model has the best weights.

        Raises:
            TrainingError: Gradients are not finite any more and there are no good weights to go back to.
        """
        with repeatable(self.config.deterministic), drawing(self.model, self.engine.generator):
            splits = Splits(training, validation, test).embedded(self.model, self.engine, resume_from).on(self.engine)
            size = Size.of(self.model, splits.training, self.workers, validates=splits.validation is not None)
            self.begin(splits.training, size, resume_from)
            self.callbacks.on_trainer_train_setup(self, self.save_path, self.engine.is_main)
            try:
                if resume_from is not None:
                    self.callbacks.on_resume_training(self.engine.is_main)
                with listening() as interrupt:
                    why = self.run(splits, interrupt)
                self.progress.stop_reason, self.ended_by = why, interrupt.signal
                finish(self, splits)
                self.give_back()
            finally:
                self.model.release()
                self.callbacks.on_trainer_train_teardown(self, self.progress, self.save_path, self.engine.is_main)
        return self.progress

    def run(self, splits: Splits, interrupt: Interrupt) -> StopReason:
        """The steps of the run and what happens between them, until there is a reason to stop."""
        progress = self.progress
        reason = self.stopping.at_start(progress)
        while reason is None:
            progress.begin_epoch(self.plan.rows)
            self.notify("on_epoch_start")
            for window in self.windows_of_epoch(splits.training):
                self.step(window)
                if self.gathered.is_due:
                    reason = self.evaluate(splits).stop
                    self.checkpoint()
                reason = reason or self.stopping.after_step(progress, interrupt, self.learner.skipped)
                if reason is not None:
                    break
            self.notify("on_epoch_end")
        self._close(splits, reason)
        return reason

    def limit_time(self, seconds: float) -> None:
        self.stopping.limit_time(seconds)

    def resolved(self) -> dict[str, Any]:
        return {**self.base.resolved(), **self.evaluator.resolved(), **rates_in(self.config)}

    def train_online(self, training: Frame) -> None:
        one_more_epoch(self, training)

    def online_state(self) -> Checkpoint | None:
        return state_of(self)

    def resume_online(self, state: Checkpoint | None) -> None:
        self.online_from = state

    def give_back(self) -> None:
        """The caller's model has the trained weights, which another one had while processes held shards."""
        if self.whole_model is not self.model:
            self.engine.reshard(self.model)
            self.whole_model.load_weights(self.model.weights())
            self.whole_model.to(self.engine.device)

    # -- the beginning

    def begin(self, training: Frame, size: Size, resume_from: Checkpoint | None) -> None:
        check_bucketing(training, self.config.bucketing_field)
        given, self.size = self.config, size
        self.config = dataclasses.replace(given, **rates_of(given, size, self.model.suggested_learning_rate()))
        self.base = self.plan = self._plan(size, resume_from)
        self.rate = float(self.config.learning_rate) * SCALINGS[self.config.learning_rate_scaling](self.workers.count)
        explain(given, size, self.resolved())
        self.stopping = Stopping(self.plan.pace.early_stop, self.config, self.engine)
        self.learner = Learner(self.config, self.model, self.engine, self.rate, self.objective, self.held)
        self.objective.begin(self.model)
        plan = self.plan
        self.progress = Progress(plan.batch_size, plan.steps_per_epoch, plan.total_steps(), self.rate)
        self.progress.base_batch_size = plan.batch_size
        if self.workers.count > 1 and self.model.draws_globally:  # each draws dropout of its own
            torch.manual_seed(self.seed + self.workers.rank)
        self._gather_anew()
        if resume_from is not None:
            self._resume(resume_from)
        self.saved = SaveTimes(self.progress.steps if resume_from is not None else None)
        self.selection.keep_frozen(self.model, self.progress)
        self._follow_plateaus()
        self.progress.start_clock()
        self.has_begun = True

    def _plan(self, size: Size, resume_from: Checkpoint | None) -> Plan:
        """The plan, whose batch size is settled once in the life of a run where the config leaves it open."""
        found = batch_size_of(self.config, size) if resume_from is None else resume_from.progress.base_batch_size
        return plan_of(self.config, size, self.workers.count, self.workers.broadcast(found))

    def _resume(self, checkpoint: Checkpoint) -> None:
        before = checkpoint.progress
        self.progress = dataclasses.replace(before, base_batch_size=self.base.batch_size, stop_reason=None)
        if before.base_batch_size != self.base.batch_size:  # evaluations are counted anew
            self.progress.last_increase_batch_size_steps = before.steps
        self.model.load_weights(checkpoint.weights)
        state = checkpoint.optimizer or {}
        if state:
            self.learner.load_state_dict(state["learner"])
            restore_own_state(state["workers"], self.model, self.engine, self.gathered)
        self._follow_plateaus()
        self.progress.total_steps = self.plan.total_steps(before.steps, before.epoch, before.row)
        self.selection.restore(self.model, self.progress)

    # -- steps

    def windows_of_epoch(self, training: Frame) -> Iterator[AccumulationWindow]:
        """What is left of the epoch; where batches grow, in larger ones from there on."""
        while self.progress.row < self.plan.rows and not self.progress.is_done:
            plan = self.plan
            for window in self.windows_over(training):
                yield window
                if self.plan is not plan:
                    break

    def windows_over(self, training: Frame) -> Iterator[AccumulationWindow]:
        order = order_of(training, self.config, self.plan, self.progress, self.seed, self.workers)
        weights_of = self.objective.weights_of
        found = windows(training, order, self.plan, self.progress, self.model, self.engine, weights_of)
        return (window.augmented(self.augments, self.engine.generator) for window in found) if self.augments else found

    def step(self, window: AccumulationWindow) -> None:
        """The gradients of the window's batches, then the optimizer moves the weights."""
        last = len(window.batches) - 1
        for place in range(len(window.batches)):
            self.notify("on_batch_start")
            self._accumulate(window, place)
            if place == last:
                self._move_weights(window)
            self.callbacks.on_batch_end(self, self.progress, self.save_path, place == last)

    def _accumulate(self, window: AccumulationWindow, place: int) -> None:
        progress, plan = self.progress, self.plan
        self.last_steps = []  # which frees their memory for the batch at hand
        self.last_steps = self.learner.accumulate(window, place)
        progress.steps, progress.row = progress.steps + 1, min(progress.row + plan.step_rows, plan.rows)
        since_growth = progress.steps - progress.last_increase_batch_size_steps
        self.gathered.add(self.last_steps, is_due=since_growth % plan.steps_per_round == 0)

    def _move_weights(self, window: AccumulationWindow) -> None:
        progress, schedule = self.progress, self.config.learning_rate_scheduler
        span = self.plan.span(progress.total_steps)
        progress.learning_rate = self.plateau_factor * schedule.rate(self.rate, progress.steps - 1, span)
        self.learner.step(window, progress.learning_rate)
        self.gathered.optimizer_steps += 1

    # -- evaluations

    def evaluate(self, splits: Splits) -> RoundResult:
        """Evaluates, keeps the weights where they are the best so far, and returns whether the run is to stop."""
        self.workers.all_reduce_mean(list(self.model.buffers()))  # running statistics of norms become those of all
        with self.learner.evaluated_weights():
            result = Round(self).evaluate(splits)
            self.engine.reshard(self.model)
        if not self.config.skip_all_evaluation:
            self._follow_plateaus()
            self.notify("on_eval_end")
        self._gather_anew()
        return result

    def _gather_anew(self) -> None:
        """Starts to gather training metrics for the next evaluation."""
        wants = not self.config.skip_all_evaluation and not self.config.evaluate_training_set
        self.gathered = Gathered(self.model, with_scores=wants)
        self.stopping.poll_soon()
        self.model.train()

    def _follow_plateaus(self) -> None:
        """Reduces the rate and lets batches grow where a metric plateaus. Both follow from the history alone."""
        config, progress, rates = self.config, self.progress, self.config.learning_rate_scheduler
        cuts = self.evaluator.plateaus(progress, rates.plateau)
        self.plateau_factor = float(rates.reduce_on_plateau_rate**cuts)
        grown = self.evaluator.plateaus(progress, config.plateau)
        plan = self.base.grown(config.increase_batch_size_on_plateau_rate**grown)
        progress.num_increases_batch_size = grown
        if plan != self.plan:
            self.plan = plan
            if plan.batch_size != progress.batch_size:
                logger.info("From step %d on batches have %d rows.", progress.steps, plan.batch_size)
                progress.last_increase_batch_size_steps = progress.steps
                progress.total_steps = plan.total_steps(progress.steps, progress.epoch, progress.row)
        progress.batch_size, progress.steps_per_epoch = plan.batch_size, plan.steps_per_epoch

    # -- checkpoints, and the end

    def checkpoint(self, *, is_last: bool = False) -> None:
        """Keeps all that the run needs to go on from this very step, as often as time allows and in the end."""
        self.progress.count_checkpoint()
        if self.workers.broadcast(is_last or self.saved.is_due()):
            with self.saved.timed(self.progress):
                self._save()

    def _save(self) -> None:
        progress, folder = self.progress, self.saving.checkpoints if self.saving.latest else None
        self.selection.save(progress)
        states = self.workers.gather(own_state(self.model, self.engine, self.gathered))
        if folder is not None or self.engine.shards:
            state = {"learner": self.learner.state_dict(), "workers": states}
            weights = self.selection.changing(self.model)  # of shards, for which all processes ask together
            if folder is not None:
                checkpoints.save(folder, checkpoints.LATEST, Checkpoint(weights, progress, state))
                self.callbacks.on_checkpoint(self, progress)
        self.selection.tidy(progress)

    def _close(self, splits: Splits, reason: StopReason) -> None:
        """Evaluates the steps since the last evaluation; an interrupted run is kept as it is, to go on from there."""
        if reason is StopReason.NOT_FINITE:
            refuse_run_without_weights(self)
        is_interrupted = reason is StopReason.INTERRUPTED
        if self.gathered.steps and is_interrupted:
            self.checkpoint(is_last=True)
        if self.gathered.steps and (not is_interrupted or self.selection.best is None):
            self.evaluate(splits)
            if is_interrupted:
                self.selection.save(self.progress)
        if self.saved.steps != self.progress.steps:
            self.checkpoint(is_last=True)


def _prepared(config: Loop.Config, model: Model, engine: Engine) -> list[NamedWeight]:
    """The model as the options want it; gives the weights that stay though others of their tensor are trained."""
    held = model.freeze(config.layers_to_freeze_regex) if config.layers_to_freeze_regex else []
    if held and engine.shards:
        raise ConfigValidationError(
            "trainer.layers_to_freeze_regex: Freezes some inputs of several that share one encoder, which "
            "trainer.parallel 'fsdp' cannot. Freeze all inputs with equal encoders, or none of them."
        )
    if config.modality_dropout:
        model.leave_out_inputs(config.modality_dropout)
    if config.enable_gradient_checkpointing:
        model.recompute_activations()
    if config.compile:
        model.compile_forward()
    return held
