"""TensorBoard logs: the loss of each step, the metrics of each round."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ludwig.callbacks import Callback
from ludwig.globals import LOGS_DIR_NAME

SPLITS = ("training", "validation", "test")


def is_installed() -> bool:
    """Whether the package tensorboard is there."""
    return importlib.util.find_spec("tensorboard") is not None


class TensorBoardCallback(Callback):
    """Writes to `logs/<split>` in the model's folder. Losses are kept on the device until a round."""

    def __init__(self) -> None:
        self.writers: dict[str, Any] = {}
        self.losses: list[tuple[int, float, dict[str, Tensor]]] = []  # step, learning rate, loss of each output

    def on_trainer_train_setup(self, trainer: Any, save_path: str | None, is_coordinator: bool, **kwargs: Any) -> None:
        from torch.utils.tensorboard import SummaryWriter

        if save_path is not None and is_coordinator:
            folder = Path(save_path) / LOGS_DIR_NAME
            self.writers = {split: SummaryWriter(str(folder / split)) for split in SPLITS}

    def on_batch_end(
        self, trainer: Any, progress_tracker: Any, save_path: str | None, sync_step: bool = True, **kwargs: Any
    ) -> None:
        parts = {name: part.detach() for name, part in trainer.last_parts.items()}
        losses = {"combined": trainer.last_loss, **parts}
        self.losses.append((progress_tracker.steps, progress_tracker.learning_rate, losses))

    def on_eval_end(self, trainer: Any, progress_tracker: Any, save_path: str | None, **kwargs: Any) -> None:
        self._write_losses()
        self._write_round("training", progress_tracker.train_metrics)
        self._write_round("validation", progress_tracker.validation_metrics)

    def on_test_end(self, trainer: Any, progress_tracker: Any, save_path: str | None, **kwargs: Any) -> None:
        self._write_round("test", progress_tracker.test_metrics)

    def on_trainer_train_teardown(
        self, trainer: Any, progress_tracker: Any, save_path: str | None, is_coordinator: bool, **kwargs: Any
    ) -> None:
        self._write_losses()
        for writer in self.writers.values():
            writer.close()

    def _write_losses(self) -> None:
        if self.losses and self.writers:
            writer, names = self.writers["training"], list(self.losses[0][2])
            values = torch.stack([torch.stack([parts[name] for name in names]) for _, _, parts in self.losses]).tolist()
            for (step, rate, _), row in zip(self.losses, values, strict=True):
                writer.add_scalar("combined/step_learning_rate", rate, step)
                for name, value in zip(names, row, strict=True):
                    writer.add_scalar(f"{name}/step_training_loss", value, step)
        self.losses.clear()

    def _write_round(self, split: str, history: dict[str, dict[str, list[list[float]]]]) -> None:
        if not self.writers:
            return
        for output, metrics in history.items():
            for name, rounds in metrics.items():
                _, step, value = rounds[-1]
                self.writers[split].add_scalar(f"{output}/epoch_{name}", value, int(step))
