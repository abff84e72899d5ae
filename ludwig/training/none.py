"""Zero-shot evaluation: a pretrained model is evaluated as it is."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import torch
from torch import Tensor

from ludwig.callbacks import CallbackList
from ludwig.columns.frame import Frame
from ludwig.inference.evaluation import Metrics, evaluate
from ludwig.models.base import Model
from ludwig.runtime.engine import Engine
from ludwig.schema import param
from ludwig.training.base import TRAINERS, TrainerBase
from ludwig.training.checkpoints import Checkpoint
from ludwig.training.progress import Progress
from ludwig.training.run import Saving
from ludwig.training.stopping import StopReason


@TRAINERS.register("none", kinds=("llm",))
class NoTrainer(TrainerBase):
    """Zero-shot evaluation: the pretrained model is evaluated on the splits, and no weight changes.

    ```yaml
    trainer:
      type: none
      eval_batch_size: 8
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(TrainerBase.Config):
        trains = False
        steps_per_checkpoint: ClassVar[int] = 0  # the one evaluation counts as that of an epoch
        checkpoints_per_epoch: ClassVar[int] = 0

        validation_field: str | None = param(
            None, help="Output feature whose metric is reported as that of the model; null for the only one."
        )
        validation_metric: str | None = param(
            None, help="Validation metric that is reported; null for the default metric of the output."
        )
        skip_all_evaluation: bool = param(False, help="Whether to skip evaluation altogether.")
        evaluate_training_set: bool = param(False, help="Whether the training split is evaluated too.")
        eval_steps: int | None = param(
            None, min=1, help="Maximum number of batches of a split that are evaluated; null for all."
        )
        eval_batch_size: int = param(2, min=1, help="Batch size of evaluation and prediction.")

        @property
        def evaluation_rows(self) -> int | None:
            return self.eval_batch_size

    config: Config

    def __init__(
        self, config: Config, model: Model, engine: Engine, callbacks: CallbackList, seed: int, saving: Saving
    ) -> None:
        super().__init__(config, model, engine, callbacks, seed, saving)
        self.progress = Progress(config.eval_batch_size, steps_per_epoch=0, total_steps=0, learning_rate=0.0)
        self.last_loss = torch.zeros(())
        self.last_parts: dict[str, Tensor] = {}
        engine.place(model)

    # what callbacks may look at
    epochs = steps_per_epoch = total_steps = 0

    @property
    def batch_size(self) -> int:
        return self.config.eval_batch_size

    def train(
        self, training: Frame, validation: Frame | None, test: Frame | None, resume_from: Checkpoint | None = None
    ) -> Progress:
        """Evaluates. There is nothing to resume, so a checkpoint changes nothing."""
        progress = self.progress
        self.callbacks.on_trainer_train_setup(self, self.save_path, self.engine.is_main)
        progress.start_clock()
        try:
            if not self.config.skip_all_evaluation:
                self.notify("on_eval_start")
                if self.config.evaluate_training_set:
                    progress.best_eval_train_metrics = self._evaluate(training)
                    progress.add(progress.train_metrics, progress.best_eval_train_metrics)
                if validation is not None:
                    self._validate(validation)
                self.notify("on_eval_end")
                if test is not None:
                    self._test(test)
            progress.stop_reason = StopReason.FINISHED
        finally:
            self.callbacks.on_trainer_train_teardown(self, progress, self.save_path, self.engine.is_main)
        return progress

    def limit_time(self, seconds: float) -> None:
        """An evaluation is not broken off."""

    def train_online(self, training: Frame) -> None:
        """The model stays as it is."""

    def _validate(self, validation: Frame) -> None:
        progress, config = self.progress, self.config
        self.notify("on_validation_start")
        metrics = self._evaluate(validation)
        progress.add(progress.validation_metrics, metrics)
        progress.best_eval_validation_metrics = metrics
        field, metric = str(config.validation_field), str(config.validation_metric)
        progress.best_eval_metric_value = metrics.get(field, {}).get(metric)
        progress.best_eval_loss = metrics.get("combined", {}).get("loss")
        self.notify("on_validation_end")

    def _test(self, test: Frame) -> None:
        progress = self.progress
        self.notify("on_test_start")
        progress.best_eval_test_metrics = self._evaluate(test)
        progress.add(progress.test_metrics, progress.best_eval_test_metrics)
        self.notify("on_test_end")

    def _evaluate(self, frame: Frame) -> Metrics:
        wanted = {str(self.config.validation_field): str(self.config.validation_metric)}
        return evaluate(
            self.model,
            frame,
            self.config.eval_batch_size,
            self.engine.device,
            wanted,
            self.config.eval_steps,
            self.engine.workers,
        )
