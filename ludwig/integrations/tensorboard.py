"""TensorBoard logs: loss, learning rate and gradient norm of each step, the metrics of each evaluation."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ludwig.callbacks import Callback
from ludwig.globals import LOGS_DIR_NAME

MOST_STEPS = 1000  # that are kept on the device at most
SPLITS = ("training", "validation", "test")


def is_installed() -> bool:
    """Whether the package tensorboard is there."""
    return importlib.util.find_spec("tensorboard") is not None


class TensorBoardCallback(Callback):
    """Writes to `logs/<split>` in the model's folder. Losses are kept on the device until an evaluation."""

    def __init__(self) -> None:
        self.writers: dict[str, Any] = {}
        self.steps: list[tuple[int, float, dict[str, Tensor]]] = []  # step, learning rate, what the device knows of it

    def on_trainer_train_setup(self, trainer: Any, save_path: str | None, is_coordinator: bool, **kwargs: Any) -> None:
        from torch.utils.tensorboard import SummaryWriter

        if save_path is not None and is_coordinator:
            folder = Path(save_path) / LOGS_DIR_NAME
            self.writers = {split: SummaryWriter(str(folder / split)) for split in SPLITS}

    def on_batch_end(
        self, trainer: Any, progress_tracker: Any, save_path: str | None, sync_step: bool = True, **kwargs: Any
    ) -> None:
        losses = {"combined": trainer.last_loss, **trainer.last_parts}
        values = {f"{name}/step_training_loss": loss for name, loss in losses.items()}
        if sync_step:
            values["combined/step_gradient_norm"] = trainer.last_gradient_norm
        self.steps.append((progress_tracker.steps, progress_tracker.learning_rate, values))
        if len(self.steps) >= MOST_STEPS:
            self._write_steps()

    def on_eval_end(self, trainer: Any, progress_tracker: Any, save_path: str | None, **kwargs: Any) -> None:
        self._write_steps()
        self._write_round("training", progress_tracker.train_metrics)
        self._write_round("validation", progress_tracker.validation_metrics)

    def on_test_end(self, trainer: Any, progress_tracker: Any, save_path: str | None, **kwargs: Any) -> None:
        self._write_round("test", progress_tracker.test_metrics)

    def on_trainer_train_teardown(
        self, trainer: Any, progress_tracker: Any, save_path: str | None, is_coordinator: bool, **kwargs: Any
    ) -> None:
        self._write_steps()
        for writer in self.writers.values():
            writer.close()

    def _write_steps(self) -> None:
        if self.steps and self.writers:
            writer = self.writers["training"]
            flat = torch.stack([value.float() for _, _, values in self.steps for value in values.values()])
            numbers = iter(flat.tolist())  # all in one trip from the device
            for step, rate, values in self.steps:
                writer.add_scalar("combined/step_learning_rate", rate, step)
                for tag in values:
                    writer.add_scalar(tag, next(numbers), step)
        self.steps.clear()

    def _write_round(self, split: str, history: dict[str, dict[str, list[list[float]]]]) -> None:
        if not self.writers:
            return
        for output, metrics in history.items():
            for name, series in metrics.items():
                _, step, value = series[-1]
                self.writers[split].add_scalar(f"{output}/epoch_{name}", value, int(step))
