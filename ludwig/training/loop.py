"""The training loop."""

from __future__ import annotations

import dataclasses
import logging
import math
import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor

from ludwig.callbacks import CallbackList
from ludwig.columns.frame import Frame
from ludwig.error import ConfigValidationError, TrainingError
from ludwig.inference.evaluation import Metrics, rows_for_evaluation
from ludwig.models.base import Model
from ludwig.runtime.engine import Engine
from ludwig.runtime.seed import repeatable
from ludwig.schema import param
from ludwig.training import checkpoints
from ludwig.training.base import TrainerBase
from ludwig.training.batch_size import measured
from ludwig.training.calibration import LEAST_ROWS, calibrate
from ludwig.training.checkpoints import Checkpoint
from ludwig.training.evaluator import Evaluator
from ludwig.training.interrupt import Interrupt, listening
from ludwig.training.learner import Learner, Piece
from ludwig.training.optim.averaging import Score, Weights
from ludwig.training.options import BatchOptions, EvaluationOptions, Fault, LengthOptions, MachineOptions
from ludwig.training.plan import SCALINGS, Plan, leaves_batch_open, most_rows, plan_of
from ludwig.training.profiling import ProfilerOptions, Profiling
from ludwig.training.progress import Progress
from ludwig.training.run import Saving
from ludwig.training.scores import TrainingScores
from ludwig.training.selection import Selection
from ludwig.training.windows import Window, order_of, windows

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5  # between looks at the state of things, where they wait for a device or for other processes
MOST_STEPS_UNSEEN = 50


class Loop(TrainerBase):
    """Goes through the training split batch by batch, evaluates in rounds and keeps the best weights."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(EvaluationOptions, LengthOptions, BatchOptions, Learner.Config, MachineOptions, TrainerBase.Config):
        enable_profiling: bool = param(False, help="Whether a few steps are profiled.")
        profiler: ProfilerOptions = param(ProfilerOptions, help="Which steps are profiled.")

        def faults(self) -> list[Fault]:
            faults = [*self.faults_of_rounds(), *self.faults_of_batches(), *self.faults_of_steps()]
            faults += self.faults_of_averages(self.optimizer)
            if self.use_mixed_precision and self.optimizer.needs_closure:
                text = f"The line search of '{self.optimizer.type}' needs exact losses. Set it to false."
                faults.append(("use_mixed_precision", text))
            return faults

    def __init__(
        self, config: Config, model: Model, engine: Engine, callbacks: CallbackList, seed: int, saving: Saving
    ) -> None:
        self.config, self.model, self.engine, self.callbacks = config, model, engine, callbacks
        self.seed, self.saving, self.workers = seed, saving, engine.workers
        self.save_path = None if saving.folder is None else str(saving.folder)
        self.evaluator = Evaluator(config, model, engine)
        self.selection = Selection(saving, self.evaluator.direction, config.model_soup, config.model_soup_top_k)
        self.last_pieces: list[Piece] = []
        self._between_calls = ExitStack()  # of online training: closing it gives back the weights that are learned
        self._scores: TrainingScores | None = None
        self._interrupted = self._round_is_due = False
        self._steps_since_round = self._optimizer_steps = self._looks = self._next_look = 0
        if config.enable_profiling:
            self.callbacks = callbacks.plus([Profiling(config.profiler)])
        self._prepare_model()

    def _prepare_model(self) -> None:
        config, model = self.config, self.model
        self.engine.place(model)
        if config.layers_to_freeze_regex:
            pattern = re.compile(config.layers_to_freeze_regex)
            for name, weight in model.named_parameters():
                if pattern.search(name):
                    weight.requires_grad_(False)
        if config.modality_dropout:
            model.leave_out_inputs(config.modality_dropout)
        if config.enable_gradient_checkpointing:
            model.recompute_activations()
        if config.compile:
            model.compile_forward()

    # what callbacks may look at: model, config, and
    plan: Plan
    progress: Progress
    learner: Learner

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        return self.learner.optimizer

    @property
    def epochs(self) -> int:
        return self.config.epochs

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
        """The loss of each output in the last batch, on the device."""
        rows = sum(len(piece) for _, piece in self.last_pieces)
        parts: dict[str, Tensor] = {}
        for step, piece in self.last_pieces:
            for name, loss in step.parts.items():
                term = loss.detach() * (len(piece) / rows)
                parts[name] = parts[name] + term if name in parts else term
        return parts

    @property
    def last_loss(self) -> Tensor:
        """The weighted sum of these: []."""
        weights = self.learner.loss_weights
        losses = [weights[name] * loss for name, loss in self.last_parts.items()]
        return torch.stack(losses).sum() if losses else torch.zeros(())

    @property
    def last_gradient_norm(self) -> Tensor:
        """The norm of all gradients in the last step, before they were bounded: []."""
        return self.learner.gradient_norm

    def train(
        self, training: Frame, validation: Frame | None, test: Frame | None, resume_from: Checkpoint | None = None
    ) -> Progress:
        """Trains; afterwards the model has the best weights.

        Raises:
            TrainingError: Gradients are no numbers any more and there are no good weights to go back to.
        """
        training, validation = self._resident(training), self._resident(validation)
        with repeatable(self.config.deterministic):
            self._begin(training, resume_from)
            self.callbacks.on_trainer_train_setup(self, self.save_path, self.engine.is_main)
            if resume_from is not None:
                self.callbacks.on_resume_training(self.engine.is_main)
            try:
                with listening() as interrupt:
                    self._run(training, validation, interrupt)
                self._finish(training, validation, test)
            finally:
                self.callbacks.on_trainer_train_teardown(self, self.progress, self.save_path, self.engine.is_main)
        return self.progress

    def settled(self) -> dict[str, Any]:
        """The options that were automatic, with the values that they got."""
        found = {"batch_size": self.base.batch_size, "learning_rate": self._own_rate()}
        rows = self.evaluator.measured_rows
        return found if rows is None else {**found, "eval_batch_size": rows}

    def _own_rate(self) -> float:
        """The learning rate of one worker."""
        rate = self.config.learning_rate
        return self.model.suggested_learning_rate() if rate == "auto" else rate

    def train_online(self, training: Frame) -> None:
        """One more epoch, keeping the optimizer from call to call.

        Between calls the model has the weights that are judged, which may be means.
        """
        training = self._resident(training)
        if not hasattr(self, "learner"):
            self._begin(training, None)
        self._between_calls.close()
        self.plan = dataclasses.replace(self.plan, rows=len(training))
        self.progress.epoch, self.progress.row = self.progress.epoch + 1, 0
        self.progress.total_steps = self.progress.steps + self.plan.steps_per_epoch
        self.model.train()
        self._scores, self._optimizer_steps = None, 0
        for window in self._windows(training):
            for place in range(len(window.batches)):
                self._learn(window, place)
            self._step(window)
        self.model.eval()
        if int(self.learner.skipped) >= min(self.config.max_skipped_steps, self._optimizer_steps):
            self._give_up()
        self._between_calls.enter_context(self.learner.judged())

    # -- the beginning

    def _begin(self, training: Frame, resume_from: Checkpoint | None) -> None:
        self._check_bucketing(training)
        self.base = self.plan = self._plan(training, resume_from)
        self.rate = self._own_rate() * SCALINGS[self.config.learning_rate_scaling](self.workers.count)
        self.learner = Learner(self.config, self.model, self.engine, self.rate)
        plan = self.plan
        self.progress = Progress(plan.batch_size, plan.steps_per_epoch, plan.total_steps(), self.rate)
        self.progress.base_batch_size = plan.batch_size
        if self.workers.count > 1:  # each draws dropout of its own
            torch.manual_seed(self.seed + self.workers.rank)
        self._watch()
        if resume_from is not None:
            self._resume(resume_from)
        self._follow_plateaus()
        self.progress.start_clock()

    def _check_bucketing(self, training: Frame) -> None:
        if self.config.bucketing_field is not None:
            try:
                training.lengths(self.config.bucketing_field)
            except LookupError as error:
                raise ConfigValidationError(f"trainer.bucketing_field: {error.args[0]}") from None

    def _plan(self, training: Frame, resume_from: Checkpoint | None) -> Plan:
        """The plan, with the batch size that is measured where the config leaves it open; once in the life of a run."""
        found = 1
        if leaves_batch_open(self.config):
            most = most_rows(self.config, len(training), self.engine.device.type)
            if resume_from is not None:
                found = resume_from.progress.base_batch_size
            else:
                found = measured(self.model, training, most, self.engine, learns=True)
            found = self.workers.broadcast(found)
        return plan_of(self.config, len(training), self.workers.count, found)

    def _resume(self, checkpoint: Checkpoint) -> None:
        before = checkpoint.progress
        self.progress = dataclasses.replace(before, base_batch_size=self.base.batch_size)
        if before.base_batch_size != self.base.batch_size:  # rounds are counted anew
            self.progress.last_increase_batch_size_steps = before.steps
        self.model.load_weights(checkpoint.weights)
        state = checkpoint.optimizer or {}
        if state:
            self.learner.load_state_dict(state["learner"])
            self._take_up_own(state["workers"])
        self._follow_plateaus()
        self.progress.total_steps = self.plan.total_steps(before.steps, before.epoch, before.row)
        limit = self.config.time_limit_s
        self.progress.stopped_early = self._waited_too_long() or (limit is not None and before.seconds >= limit)
        self.selection.restore(self.progress)

    def _take_up_own(self, states: list[dict[str, Any]]) -> None:
        """What each process has of its own: random states, and metrics of a round that has begun."""
        known = len(states) == self.workers.count
        if not known:
            counts = len(states), self.workers.count
            logger.warning("The run had %d workers and now has %d: dropout is drawn anew.", *counts)
        own = states[self.workers.rank if known else 0]
        if known:
            checkpoints.restore_random_state(own["random"], self.engine.device)
            buffers = [buffer for buffer in self.model.buffers() if buffer.is_floating_point()]
            for buffer, saved in zip(buffers, own["buffers"], strict=False):
                buffer.copy_(saved)
        self._optimizer_steps = own["optimizer_steps"]
        self._steps_since_round = own["steps_since_round"]
        if self._scores is not None and own["scores"] is not None and (known or self.engine.is_main):
            self._scores.load_state(own["scores"], self.engine.device)

    # -- the run

    def _run(self, training: Frame, validation: Frame | None, interrupt: Interrupt) -> None:
        progress = self.progress
        while not self._is_over():
            if progress.epoch == 0 or progress.row >= self.plan.rows:
                progress.epoch, progress.row = progress.epoch + 1, 0
            self.callbacks.on_epoch_start(self, progress, self.save_path)
            while not self._is_over() and progress.row < self.plan.rows:
                self._go_on(training, validation, interrupt)
            self.callbacks.on_epoch_end(self, progress, self.save_path)
        if self._interrupted and self._steps_since_round:
            self._checkpoint()  # so that the run goes on from here
        if self._steps_since_round and (not self._interrupted or self.selection.best is None):
            self._round(training, validation, checkpoint=not self._interrupted)

    def _is_over(self) -> bool:
        progress = self.progress
        return progress.steps >= progress.total_steps or progress.stopped_early or self._interrupted

    def _go_on(self, training: Frame, validation: Frame | None, interrupt: Interrupt) -> None:
        """Trains to the end of the epoch, or until batches grow."""
        progress, plan = self.progress, self.plan
        for window in self._windows(training):
            for place in range(len(window.batches)):
                self.callbacks.on_batch_start(self, progress, self.save_path)
                self._learn(window, place)
                steps = place == len(window.batches) - 1
                if steps:
                    self._step(window)
                self.callbacks.on_batch_end(self, progress, self.save_path, steps)
            if self._round_is_due:
                self._round(training, validation)
            self._look_up(interrupt)
            if self._is_over() or self.plan is not plan:
                return

    def _windows(self, training: Frame) -> Iterator[Window]:
        order = order_of(training, self.config, self.plan, self.progress, self.seed, self.workers)
        return windows(training, order, self.plan, self.progress, self.model, self.engine)

    def _learn(self, window: Window, place: int) -> None:
        """Adds the gradients of a batch."""
        progress, plan = self.progress, self.plan
        self.last_pieces = []  # which frees their memory for the batch at hand
        self.last_pieces = self.learner.learn(window, place)
        progress.steps, progress.row = progress.steps + 1, min(progress.row + plan.step_rows, plan.rows)
        if self._scores is not None:
            for step, piece in self.last_pieces:
                self._scores.add(step, piece)
        self._steps_since_round += 1
        since_growth = progress.steps - progress.last_increase_batch_size_steps
        self._round_is_due = self._round_is_due or since_growth % plan.steps_per_round == 0

    def _step(self, window: Window) -> None:
        """Moves the weights."""
        progress, plan = self.progress, self.plan
        schedule = self.config.learning_rate_scheduler
        rate = self.cut * schedule.rate(self.rate, progress.steps - 1, plan.span(progress.total_steps))
        progress.learning_rate = rate
        self.learner.step(window, rate)
        self._optimizer_steps += 1

    def _look_up(self, interrupt: Interrupt) -> None:
        """Is there time left, does anybody ask for the end, are gradients still numbers?

        What takes waiting, for the device or for other processes, is asked now and then only.
        """
        interrupt.rest()
        self._looks += 1
        alone = self.workers.count == 1
        always = alone and self.engine.device.type == "cpu"
        waits = always or self._looks >= self._next_look
        if alone or waits:
            until_next = 1 if always else self._looks_until_next()
            told = self.workers.gather((interrupt.asked, self._is_out_of_time(), until_next))
            self._interrupted = any(asked for asked, _, _ in told)
            if any(is_out_of_time for _, is_out_of_time, _ in told):
                logger.info("The time limit is reached: training stops at step %d.", self.progress.steps)
                self.progress.stopped_early = True
            if waits:
                self._next_look = self._looks + told[0][2]
        if waits and int(self.learner.skipped) >= self.config.max_skipped_steps:
            self._give_up()

    def _looks_until_next(self) -> int:
        """As many optimizer steps as take about LOOK_SECONDS."""
        pace = self.progress.seconds_now() / max(self._looks, 1)
        return min(max(int(LOOK_SECONDS / max(pace, 1e-9)), 1), MOST_STEPS_UNSEEN)

    def _is_out_of_time(self) -> bool:
        limit = self.config.time_limit_s
        return limit is not None and self.progress.seconds_now() >= limit

    def _give_up(self) -> None:
        """Ends a run whose gradients are no numbers any more. The weights never took one in."""
        text = f"The gradients of {int(self.learner.skipped)} steps in a row, up to step {self.progress.steps}, are no "
        text += "finite numbers"
        if self.selection.best is None:
            raise TrainingError(
                f"{text}. Lower trainer.learning_rate, or look for extreme values in the data; with "
                "use_mixed_precision try bfloat16."
            )
        best = self.progress.best_eval_metric_steps
        logger.warning("%s: training stops, and the best weights, of step %d, are kept.", text, best)
        self.progress.stopped_early = True

    # -- a round of evaluation

    def _watch(self) -> None:
        """Starts to gather training metrics for the next round."""
        wants = not self.config.skip_all_evaluation and not self.config.evaluate_training_set
        self._scores = TrainingScores(self.model) if wants else None
        self._steps_since_round = self._optimizer_steps = 0
        self._round_is_due = False
        self._next_look = 0  # so that nothing that is asked for is missed at the end of a round
        self.model.train()

    def _round(self, training: Frame, validation: Frame | None, checkpoint: bool = True) -> None:
        progress = self.progress
        self.workers.all_reduce_mean(list(self.model.buffers()))  # running means of norms are those of all processes
        with self.learner.judged():
            if self.config.skip_all_evaluation:
                self._refuse_lost_run(float(self.last_loss))
                self._keep_as_best()
            else:
                self._judge(training, validation)
        if not self.config.skip_all_evaluation:
            self._follow_plateaus()
            self.callbacks.on_eval_end(self, progress, self.save_path)
        self._watch()
        if checkpoint:
            self._checkpoint()

    def _judge(self, training: Frame, validation: Frame | None) -> None:
        progress = self.progress
        self.callbacks.on_eval_start(self, progress, self.save_path)
        if self._scores is not None:
            trained = self._scores.compute(self.workers)
        else:
            trained = self.evaluator.evaluate(training, self.plan.batch_size)
        progress.add(progress.train_metrics, trained)
        self._refuse_lost_run(trained.get("combined", {}).get("loss", math.nan))
        validated = self._validate(validation)
        self._select(trained, validated)
        if validated is not None:
            self._consider_stopping()

    def _refuse_lost_run(self, loss: float) -> None:
        """Ends the run when the round learned nothing, since none of its losses was a number."""
        is_lost = not math.isfinite(loss) and int(self.learner.skipped) >= self._optimizer_steps > 0
        if any(self.workers.gather(is_lost)):
            self._give_up()

    def _validate(self, validation: Frame | None) -> Metrics | None:
        if validation is None:
            return None
        self.callbacks.on_validation_start(self, self.progress, self.save_path)
        metrics = self.evaluator.evaluate(validation, self.plan.batch_size)
        self.progress.add(self.progress.validation_metrics, metrics)
        self.callbacks.on_validation_end(self, self.progress, self.save_path)
        return metrics

    def _select(self, trained: Metrics, validated: Metrics | None) -> None:
        """Keeps the weights when they are the best so far; without a validation split the last are the best."""
        progress = self.progress
        value, loss = self.evaluator.selected(validated or trained)
        if 2 * int(self.learner.skipped) > self._optimizer_steps:  # weights that gave no gradients are no good ones
            return
        if validated is not None:
            self.selection.consider(self.model.weights(), progress, value, loss)
            if not progress.improves(value, loss, self.evaluator.direction):
                return
        progress.best_eval_metric_value, progress.best_eval_loss = value, loss
        progress.best_eval_metric_steps, progress.best_eval_metric_epoch = progress.steps, progress.epoch
        progress.best_eval_metric_checkpoint_number = progress.checkpoint_number + 1
        progress.last_improvement_steps = progress.steps
        progress.best_eval_train_metrics, progress.best_eval_validation_metrics = trained, validated or {}
        self._keep_as_best()

    def _keep_as_best(self) -> None:
        self.selection.keep_best(self.model.weights(), self.progress)
        self.callbacks.on_save_best_checkpoint(self, self.progress, self.save_path)

    def _consider_stopping(self) -> None:
        progress = self.progress
        if self._waited_too_long():
            rounds = self.config.early_stop
            logger.info("No improvement for %d rounds: training stops at step %d.", rounds, progress.steps)
            progress.stopped_early = True
        elif self.workers.broadcast(self.callbacks.should_early_stop(self, progress, self.engine.is_main)):
            progress.stopped_early = True

    def _waited_too_long(self) -> bool:
        progress, patience = self.progress, self.config.early_stop
        rounds = progress.validation_metrics.get("combined", {}).get("loss", [])
        since = [step for _, step, _ in rounds if step > progress.last_improvement_steps]
        return patience > 0 and len(since) >= patience

    def _follow_plateaus(self) -> None:
        """Cuts the rate and lets batches grow where a metric stands still. Both follow from the history alone."""
        config, progress, rates = self.config, self.progress, self.config.learning_rate_scheduler
        found = self.evaluator.plateaus(
            progress,
            rates.reduce_eval_split,
            rates.reduce_eval_metric,
            rates.reduce_on_plateau_patience,
            rates.reduce_on_plateau,
        )
        self.cut = float(rates.reduce_on_plateau_rate**found)
        grown = self.evaluator.plateaus(
            progress,
            config.increase_batch_size_eval_split,
            config.increase_batch_size_eval_metric,
            config.increase_batch_size_on_plateau_patience,
            config.increase_batch_size_on_plateau,
        )
        plan = self.base.grown(config.increase_batch_size_on_plateau_rate**grown)
        progress.num_increases_batch_size = grown
        if plan != self.plan:
            self.plan = plan
            if plan.batch_size != progress.batch_size:
                logger.info("From step %d on batches have %d rows.", progress.steps, plan.batch_size)
                progress.last_increase_batch_size_steps = progress.steps
                progress.total_steps = plan.total_steps(progress.steps, progress.epoch, progress.row)
        progress.batch_size, progress.steps_per_epoch = plan.batch_size, plan.steps_per_epoch

    def _checkpoint(self) -> None:
        progress, folder = self.progress, self.saving.checkpoints
        progress.seconds = progress.seconds_now()
        progress.checkpoint_number += 1
        progress.checkpoint_to_step[str(progress.checkpoint_number)] = progress.steps
        progress.checkpoint_to_epoch[str(progress.checkpoint_number)] = progress.epoch
        own = {
            "random": checkpoints.random_state(self.engine.device),
            "scores": None if self._scores is None or not self._steps_since_round else self._scores.state(),
            "steps_since_round": self._steps_since_round,
            "optimizer_steps": self._optimizer_steps,
            "buffers": self._own_buffers(),
        }
        states = self.workers.gather(own)
        if folder is None or not self.saving.latest:
            return
        state = {"learner": self.learner.state_dict(), "workers": states}
        checkpoints.save(folder, checkpoints.LATEST, Checkpoint(self.model.weights(), progress, state))
        self.callbacks.on_checkpoint(self, progress)

    def _own_buffers(self) -> list[Tensor]:
        """Running means of norms, which processes do not share between rounds."""
        own = [buffer for buffer in self.model.buffers() if buffer.is_floating_point()]
        return [buffer.cpu() for buffer in own] if self.workers.count > 1 else []

    # -- before and after

    def _resident(self, frame: Frame | None) -> Any:
        """The frame on the device, where it may live there."""
        if frame is None or not frame.is_in_memory or not self.engine.has_room_for(frame.nbytes):
            return frame
        return frame.to(self.engine.device)

    def _finish(self, training: Frame, validation: Frame | None, test: Frame | None) -> None:
        """Takes the best weights, averages and calibrates them, and tells how they do on the test split."""
        progress = self.progress
        progress.seconds = progress.seconds_now()
        if self.selection.best is not None:
            self.model.load_weights(self.selection.best)
        if validation is not None:
            self._make_soup(validation)
        self.model.eval()
        held_out = training if validation is None or len(validation) < LEAST_ROWS else validation
        rows = rows_for_evaluation(held_out, self.plan.batch_size)
        progress.calibration = calibrate(self.model, held_out, rows, self.engine.device)
        if test is None or self.config.skip_all_evaluation:
            return
        self.callbacks.on_test_start(self, progress, self.save_path)
        metrics = self.evaluator.evaluate(self._resident(test), self.plan.batch_size)
        progress.best_eval_test_metrics = metrics
        best = (progress.best_eval_metric_epoch, progress.best_eval_metric_steps)
        progress.add(progress.test_metrics, metrics, epoch=best[0], step=best[1])
        self.callbacks.on_test_end(self, progress, self.save_path)

    def _make_soup(self, validation: Frame) -> None:
        """Averages the best rounds where that is no worse; the metrics of the selected weights are then the soup's."""
        progress, found = self.progress, {}

        def score(weights: Weights) -> Score:
            self.model.load_weights(weights)
            found["metrics"] = self.evaluator.evaluate(validation, self.plan.batch_size)
            return self.evaluator.score(found["metrics"])

        soup = self.selection.souped(progress, score)
        if soup is None:
            if self.selection.best is not None:
                self.model.load_weights(self.selection.best)
            return
        score(soup)
        progress.best_eval_validation_metrics = found["metrics"]
        progress.best_eval_metric_value, progress.best_eval_loss = self.evaluator.selected(found["metrics"])
