"""Aim: a run for each training, with its configs, and metrics by split and output."""

from __future__ import annotations

from typing import Any

from ludwig.integrations.tracking import Tracking, Training, package_of

SPLITS = ("train", "validation", "test")


class AimCallback(Tracking):
    """Logs trainings to Aim, as runs of an experiment that is called as `experiment_name`.

    Args:
        repo: The folder or the address of the repository; null takes that of the working directory, or of the
            nearest folder above it that has one.

    Raises:
        MissingExtraError: The package aim is not installed.
    """

    def __init__(self, repo: str | None = None) -> None:
        super().__init__(AimService(repo))


class AimService:
    """Keeps a training as an Aim run."""

    name = "aim"

    def __init__(self, repo: str | None) -> None:
        self.repo = repo
        self.run: Any = None
        _aim()

    def begin(self, training: Training, run_id: str | None) -> str:
        self.run = _aim().Run(run_hash=run_id, repo=self.repo, experiment=training.experiment)
        self.run.name = training.name
        self.run["base_config"] = training.config
        self.run["train_config"] = training.rendered
        found: str = self.run.hash
        return found

    def log(self, metrics: dict[str, float], step: int, epoch: int) -> None:
        for flat, value in metrics.items():
            name, context = named(flat)
            self.run.track(value, name=name, step=step, epoch=epoch, context=context)

    def end(self, failed: bool) -> None:
        run, self.run = self.run, None
        run["status"] = "failed" if failed else "finished"
        run.close()


def named(flat: str) -> tuple[str, dict[str, str]]:
    """`validation_metrics.y.loss` as the metric `loss` of a split and an output."""
    best = "best_" if flat.startswith("best.") else ""
    split, _, rest = flat.removeprefix("best.").partition("_metrics.")
    output, _, metric = rest.rpartition(".")
    if split not in SPLITS or not output:
        return flat, {}
    return best + metric, {"subset": split, "output": output}


def _aim() -> Any:
    return package_of("aim", "Logging to Aim")
