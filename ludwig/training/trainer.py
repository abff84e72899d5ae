"""The training loop."""

from __future__ import annotations

import dataclasses
import logging
import math
import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ludwig.callbacks import CallbackList
from ludwig.columns.frame import Frame
from ludwig.data.loader import batches, shuffled
from ludwig.error import TrainingError
from ludwig.inference.evaluation import Metrics, evaluate, rows_for_evaluation
from ludwig.models.base import Model, Step
from ludwig.runtime.engine import Clipping, Engine
from ludwig.schema import param
from ludwig.training import checkpoints
from ludwig.training.base import TRAINERS, Auto, TrainerBase, TrainingKnobs
from ludwig.training.calibration import calibrate
from ludwig.training.checkpoints import Checkpoint
from ludwig.training.interrupt import Interrupt, listening
from ludwig.training.plan import Plan, plan_of
from ludwig.training.plateau import plateaus
from ludwig.training.progress import Progress
from ludwig.training.run import Saving
from ludwig.training.scores import TrainingScores

logger = logging.getLogger(__name__)


@TRAINERS.register("trainer", kinds=("ecd",))
class Trainer(TrainerBase):
    """Goes through the training split batch by batch, evaluates in rounds and keeps the best weights."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(TrainingKnobs, TrainerBase.Config):
        pass

    def __init__(
        self, config: Config, model: Model, engine: Engine, callbacks: CallbackList, seed: int, saving: Saving
    ) -> None:
        self.config, self.model, self.engine, self.callbacks = config, model, engine, callbacks
        self.seed, self.saving = seed, saving
        self.save_path = None if saving.folder is None else str(saving.folder)
        self.best_weights: dict[str, Tensor] | None = None
        self.last_loss = torch.zeros(())
        self.last_parts: dict[str, Tensor] = {}
        self._scores: TrainingScores | None = None
        engine.place(model)
        self._freeze()
        self.trained = [weight for weight in model.parameters() if weight.requires_grad]
        bounds = config.gradient_clipping
        self.clipping = None if bounds is None else Clipping(bounds.clipglobalnorm, bounds.clipnorm, bounds.clipvalue)
        self.validation_metric, self.direction = _judge(config, model)

    # what callbacks may look at: model, optimizer, and
    plan: Plan
    progress: Progress
    optimizer: torch.optim.Optimizer

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
        return self.plan.total_steps

    def train(
        self, training: Frame, validation: Frame | None, test: Frame | None, resume_from: Checkpoint | None = None
    ) -> Progress:
        """Trains; afterwards the model has the best weights.

        Raises:
            TrainingError: The loss is no longer a number and there are no good weights to go back to.
        """
        self.plan = plan_of(self.config, len(training), self.engine.device.type, self.model.suggested_learning_rate())
        training, validation = self._resident(training), self._resident(validation)
        self._begin(resume_from)
        self.callbacks.on_trainer_train_setup(self, self.save_path, self.engine.is_main)
        if resume_from is not None:
            self.callbacks.on_resume_training(self.engine.is_main)
        try:
            with listening() as interrupt:
                self._run(training, validation, interrupt)
            self._finish(validation if validation is not None else training, test)
        finally:
            self.callbacks.on_trainer_train_teardown(self, self.progress, self.save_path, self.engine.is_main)
        return self.progress

    def settled(self) -> dict[str, Any]:
        """The knobs that were automatic, with the values that they got."""
        return {"batch_size": self.plan.batch_size, "learning_rate": self.plan.learning_rate}

    def train_online(self, training: Frame) -> None:
        """One more epoch, keeping the optimizer from call to call."""
        self.plan = plan_of(self.config, len(training), self.engine.device.type, self.model.suggested_learning_rate())
        if not hasattr(self, "optimizer"):
            self._begin(None)
        self.progress.epoch, self.progress.position = self.progress.epoch + 1, 0
        self.model.train()
        self._scores = None
        for batch in self._batches(self._resident(training)):
            self._update(batch, len(training))
        self.model.eval()

    # -- the run

    def _begin(self, resume_from: Checkpoint | None) -> None:
        plan = self.plan
        self.optimizer = self.config.optimizer.make(self.trained, plan.learning_rate)
        self.progress = Progress(plan.batch_size, plan.steps_per_epoch, plan.total_steps, plan.learning_rate)
        self._round_is_due = False
        self._watch()
        if resume_from is not None:
            self._resume(resume_from)
        self.cut = self._cut_of_plateaus()
        self.progress.start_clock()

    def _resume(self, checkpoint: Checkpoint) -> None:
        plan = self.plan
        self.model.load_weights(checkpoint.weights)
        before = checkpoint.progress
        self.progress = dataclasses.replace(
            before,
            batch_size=plan.batch_size,
            total_steps=plan.total_steps,
            steps_per_epoch=plan.steps_per_epoch,
            position=before.position * before.batch_size // plan.batch_size,
            stopped_early=self._waited_too_long(before),
        )
        if checkpoint.optimizer is not None:
            self.optimizer.load_state_dict(checkpoint.optimizer)
        checkpoints.restore_random_state(checkpoint.random or {}, self.engine.device)
        folder = self.saving.checkpoints
        if folder is not None and (folder / checkpoints.BEST).is_dir():
            self.best_weights = checkpoints.load(folder / checkpoints.BEST).weights

    def _run(self, training: Frame, validation: Frame | None, interrupt: Interrupt) -> None:
        progress = self.progress
        while progress.steps < self.plan.total_steps and not progress.stopped_early and not interrupt.asked:
            if progress.epoch == 0 or progress.position >= self.plan.steps_per_epoch:
                progress.epoch, progress.position = progress.epoch + 1, 0
            self.callbacks.on_epoch_start(self, progress, self.save_path)
            self._epoch(training, validation, interrupt)
            self.callbacks.on_epoch_end(self, progress, self.save_path)
        if self._steps_since_round and not interrupt.asked:
            self._round(training, validation)
        elif interrupt.asked and self.best_weights is None:  # a run that is resumed has no round here
            self._round(training, validation, checkpoint=False)

    def _epoch(self, training: Frame, validation: Frame | None, interrupt: Interrupt) -> None:
        progress = self.progress
        for batch in self._batches(training):
            self.callbacks.on_batch_start(self, progress, self.save_path)
            synced = self._update(batch, len(training))
            self.callbacks.on_batch_end(self, progress, self.save_path, synced)
            if synced and self._round_is_due:
                self._round(training, validation)
            if progress.steps >= self.plan.total_steps or progress.stopped_early or interrupt.asked:
                break

    def _batches(self, training: Frame) -> Iterator[Frame]:
        progress = self.progress
        order = shuffled(len(training), self.seed, progress.epoch) if self.config.should_shuffle else None
        return batches(training, self.plan.batch_size, self.engine.device, order, first=progress.position)

    # -- a step

    def _update(self, batch: Frame, rows: int) -> bool:
        """Learns from a batch. True when the optimizer stepped."""
        progress, plan = self.progress, self.plan
        share = self._share_of_window(len(batch), rows)
        step = self._backward(batch, share)
        progress.steps, progress.position = progress.steps + 1, progress.position + 1
        ends = progress.position >= plan.steps_per_epoch or progress.steps >= plan.total_steps
        synced = ends or progress.position % plan.accumulation == 0
        if synced:
            self._step(batch, share)
        self.last_loss, self.last_parts = step.loss.detach(), step.parts
        if self._scores is not None:
            self._scores.add(step, batch)
        self._steps_since_round += 1
        self._round_is_due = self._round_is_due or progress.steps % plan.steps_per_round == 0
        return synced

    def _backward(self, batch: Frame, share: float) -> Step:
        with self.engine.autocast():
            step = self.model.training_loss(batch)
            loss = step.loss + self._penalty() if self.config.regularization_lambda else step.loss
        (loss if share == 1 else loss * share).backward()  # type: ignore[no-untyped-call]
        return step

    def _share_of_window(self, batch_rows: int, rows: int) -> float:
        """What a batch counts among those of its optimizer step: its share of their rows."""
        plan = self.plan
        if plan.accumulation == 1:
            return 1.0
        first = self.progress.position // plan.accumulation * plan.accumulation
        last = min(first + plan.accumulation, plan.steps_per_epoch)
        return batch_rows / (min(last * plan.batch_size, rows) - first * plan.batch_size)

    def _step(self, batch: Frame, share: float) -> None:
        schedule = self.config.learning_rate_scheduler
        rate = self.cut * schedule.rate(self.plan.learning_rate, self.progress.steps - 1, self.plan.span)
        self.progress.learning_rate = rate
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        if self.config.optimizer.needs_closure:
            self.optimizer.step(lambda: self._evaluated_again(batch, share))
        else:
            self._clip()
            self.optimizer.step()
        self.optimizer.zero_grad()

    def _evaluated_again(self, batch: Frame, share: float) -> float:
        """The loss and its gradients at the weights that a line search tries."""
        self.optimizer.zero_grad()
        loss = self._backward(batch, share).loss
        self._clip()
        return float(loss.detach())

    def _clip(self) -> None:
        if self.clipping is not None:
            self.engine.clip(self.trained, self.clipping)

    def _penalty(self) -> Tensor:
        """The norm of the weights that regularisation adds to the loss."""
        weights = torch.cat([weight.flatten() for weight in self.trained])
        kind, strength = self.config.regularization_type, self.config.regularization_lambda
        norms = {"l1": weights.abs().sum, "l2": weights.square().sum}
        names = kind.split("_") if kind else []
        return strength * torch.stack([norms[name]() for name in names]).sum() if names else weights.new_zeros(())

    # -- a round of evaluation

    def _watch(self) -> None:
        """Starts to gather training metrics for the next round."""
        wants = not self.config.skip_all_evaluation and not self.config.evaluate_training_set
        self._scores = TrainingScores(self.model) if wants else None
        self._steps_since_round = 0
        self.model.train()

    def _round(self, training: Frame, validation: Frame | None, checkpoint: bool = True) -> None:
        progress = self.progress
        self._round_is_due = False
        if self.config.skip_all_evaluation:
            self._refuse_lost_weights(float(self.last_loss))
            self._keep_as_best()
        else:
            self.callbacks.on_eval_start(self, progress, self.save_path)
            trained = self._scores.compute() if self._scores is not None else self._evaluate(training)
            progress.add(progress.train_metrics, trained)
            validated = self._validate(validation)
            self.cut = self._cut_of_plateaus()
            self._select(trained, validated)
            if validated is not None:
                self._consider_stopping()
            self.callbacks.on_eval_end(self, progress, self.save_path)
        if checkpoint:
            self._checkpoint()
        self._watch()

    def _evaluate(self, frame: Frame, most_batches: int | None = None) -> Metrics:
        asked = self.config.eval_batch_size
        rows = asked if isinstance(asked, int) else rows_for_evaluation(frame, self.plan.batch_size)
        wanted = {str(self.config.validation_field): str(self.config.validation_metric)}
        return evaluate(self.model, frame, rows, self.engine.device, wanted, most_batches or self.config.eval_steps)

    def _validate(self, validation: Frame | None) -> Metrics | None:
        if validation is None:
            return None
        self.callbacks.on_validation_start(self, self.progress, self.save_path)
        metrics = self._evaluate(validation)
        self.progress.add(self.progress.validation_metrics, metrics)
        self.callbacks.on_validation_end(self, self.progress, self.save_path)
        return metrics

    def _select(self, trained: Metrics, validated: Metrics | None) -> None:
        """Keeps the weights when they are the best so far; without a validation split the last are the best."""
        progress, field, metric = self.progress, str(self.config.validation_field), self.validation_metric
        judged = validated or trained
        value, loss = judged.get(field, {}).get(metric, math.nan), judged.get("combined", {}).get("loss", math.nan)
        self._refuse_lost_weights(trained.get("combined", {}).get("loss", math.nan))
        if validated is not None and not progress.improves(value, loss, self.direction):
            return
        progress.best_eval_metric_value, progress.best_eval_loss = value, loss
        progress.best_eval_metric_steps, progress.best_eval_metric_epoch = progress.steps, progress.epoch
        progress.best_eval_metric_checkpoint_number = progress.checkpoint_number + 1
        progress.last_improvement_steps = progress.steps
        progress.best_eval_train_metrics, progress.best_eval_validation_metrics = trained, validated or {}
        self._keep_as_best()

    def _refuse_lost_weights(self, loss: float) -> None:
        """Ends the run when the training loss is no longer a number: what follows could only be worse."""
        if math.isfinite(loss):
            return
        if self.best_weights is None:
            raise TrainingError(
                f"The training loss is no longer a number after step {self.progress.steps}. Lower "
                "trainer.learning_rate, clip gradients, or look for extreme values in the data."
            )
        logger.warning(
            "The training loss is no longer a number after step %d: training stops, and the best weights, of step %d, "
            "are kept.",
            self.progress.steps,
            self.progress.best_eval_metric_steps,
        )
        self.progress.stopped_early = True

    def _keep_as_best(self) -> None:
        self.best_weights = {name: weight.detach().clone() for name, weight in self.model.weights().items()}
        folder = self.saving.checkpoints
        if folder is not None and self.saving.best:
            checkpoints.save(folder, checkpoints.BEST, Checkpoint(self.best_weights, self.progress))
        self.callbacks.on_save_best_checkpoint(self, self.progress, self.save_path)

    def _consider_stopping(self) -> None:
        progress = self.progress
        if self._waited_too_long(progress):
            rounds = self.config.early_stop
            logger.info("No improvement for %d rounds: training stops at step %d.", rounds, progress.steps)
            progress.stopped_early = True
        elif self.callbacks.should_early_stop(self, progress, self.engine.is_main):
            progress.stopped_early = True

    def _cut_of_plateaus(self) -> float:
        """The factor that plateaus have cut the learning rate by."""
        knobs, progress = self.config.learning_rate_scheduler, self.progress
        if knobs.reduce_on_plateau == 0:
            return 1.0
        watched = progress.train_metrics if knobs.reduce_eval_split == "training" else progress.validation_metrics
        rounds = watched.get(str(self.config.validation_field), {}).get(knobs.reduce_eval_metric, [])
        direction = _direction(self.model, str(self.config.validation_field), knobs.reduce_eval_metric)
        values = [value for *_, value in rounds]
        found = plateaus(values, knobs.reduce_on_plateau_patience, knobs.reduce_on_plateau, direction)
        return float(knobs.reduce_on_plateau_rate**found)

    def _waited_too_long(self, progress: Progress) -> bool:
        waited, patience = progress.steps - progress.last_improvement_steps, self.config.early_stop
        return patience > 0 and bool(progress.validation_metrics) and waited >= patience * self.plan.steps_per_round

    def _checkpoint(self) -> None:
        progress, folder = self.progress, self.saving.checkpoints
        progress.checkpoint_number += 1
        progress.checkpoint_to_step[str(progress.checkpoint_number)] = progress.steps
        progress.checkpoint_to_epoch[str(progress.checkpoint_number)] = progress.epoch
        if folder is None or not self.saving.latest:
            return
        state = checkpoints.random_state(self.engine.device)
        whole = Checkpoint(self.model.weights(), progress, self.optimizer.state_dict(), state)
        checkpoints.save(folder, checkpoints.LATEST, whole)
        self.callbacks.on_checkpoint(self, progress)

    # -- before and after

    def _freeze(self) -> None:
        if self.config.layers_to_freeze_regex:
            pattern = re.compile(self.config.layers_to_freeze_regex)
            for name, weight in self.model.named_parameters():
                if pattern.search(name):
                    weight.requires_grad_(False)

    def _resident(self, frame: Frame | None) -> Any:
        """The frame on the device, where it may live there."""
        if frame is None or not frame.is_in_memory or not self.engine.has_room_for(frame.nbytes):
            return frame
        return frame.to(self.engine.device)

    def _finish(self, held_out: Frame, test: Frame | None) -> None:
        """Takes the best weights, calibrates them and tells how they do on the test split, which chose nothing."""
        progress = self.progress
        if self.best_weights is not None:
            self.model.load_weights(self.best_weights)
        self.model.eval()
        calibrate(self.model, held_out, rows_for_evaluation(held_out, self.plan.batch_size), self.engine.device)
        if test is None or self.config.skip_all_evaluation:
            return
        self.callbacks.on_test_start(self, progress, self.save_path)
        metrics = self._evaluate(self._resident(test))
        progress.best_eval_test_metrics = metrics
        best = (progress.best_eval_metric_epoch, progress.best_eval_metric_steps)
        progress.add(progress.test_metrics, metrics, epoch=best[0], step=best[1])
        self.callbacks.on_test_end(self, progress, self.save_path)


@TRAINERS.register("finetune", kinds=("llm",))
class FineTuning(Trainer):
    """The same for a pretrained language model, in batches that fit beside it."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Trainer.Config):
        batch_size: int | Auto = param(1, min=1, help="Rows of a batch; auto takes it from the number of rows.")
        eval_batch_size: int | Auto | None = param(2, min=1, help="Rows of a batch in evaluation.")


def _judge(config: TrainingKnobs, model: Model) -> tuple[str, str]:
    """(metric, direction) that decide which weights are best; the configured loss is told as `loss`."""
    field, metric = str(config.validation_field), str(config.validation_metric)
    if field == "combined" or metric == model.outputs[field].config.loss.type:
        return "loss", "minimize"
    return metric, _direction(model, field, metric)


def _direction(model: Model, field: str, metric: str) -> str:
    return "minimize" if field == "combined" else model.outputs[field].config.direction(metric)
