"""Weights & Biases: a run for each training, with its config and metrics."""

from __future__ import annotations

import os
from typing import Any

from ludwig.integrations.tracking import Tracking, Training, package_of


class WandbCallback(Tracking):
    """Logs trainings to Weights & Biases: project WANDB_PROJECT, else as `experiment_name`; named as the run's folder.

    A run that is open already is used and left open. With WANDB_MODE=offline all stays on this machine, in the folder
    `wandb` of WANDB_DIR, else of the output directory.

    Raises:
        MissingExtraError: The package wandb is not installed.
    """

    def __init__(self) -> None:
        super().__init__(WandbService())


class WandbService:
    """Keeps a training as a run of Weights & Biases."""

    name = "wandb"

    def __init__(self) -> None:
        self.run: Any = None
        self.is_ours = False
        _wandb()

    def begin(self, training: Training, run_id: str | None) -> str:
        wandb = _wandb()
        self.run, self.is_ours = wandb.run, wandb.run is None
        if self.is_ours:
            if training.root is not None:
                training.root.mkdir(parents=True, exist_ok=True)
            self.run = wandb.init(
                project=os.environ.get("WANDB_PROJECT") or training.experiment,
                name=training.name,
                config=training.config,
                dir=os.environ.get("WANDB_DIR") or training.root,
                id=run_id,
                resume="allow",
            )
            self.run.define_metric("*", step_metric="steps")  # its own count goes on after a resume, and is not ours
        else:
            self.run.config.update(training.config, allow_val_change=True)
        found: str = self.run.id
        return found

    def log(self, metrics: dict[str, float], step: int, epoch: int) -> None:
        self.run.log({**metrics, "steps": step, "epoch": epoch})

    def end(self, failed: bool) -> None:
        run, is_ours = self.run, self.is_ours
        self.run, self.is_ours = None, False
        if is_ours:
            run.finish(exit_code=int(failed))


def _wandb() -> Any:
    return package_of("wandb", "Logging to Weights & Biases")
