"""Comet: an experiment for each training, with its config, params and metrics."""

from __future__ import annotations

import json
from typing import Any

from ludwig.error import ArgumentError
from ludwig.integrations.tracking import Tracking, Training, package_of


class CometCallback(Tracking):
    """Logs trainings to Comet: project COMET_PROJECT_NAME, else as `experiment_name`; named as the run's folder.

    An experiment that is open already is used and left open. With COMET_START_ONLINE=false all stays on this machine,
    in the folder COMET_OFFLINE_DIRECTORY.

    Raises:
        MissingExtraError: The package comet_ml is not installed.
        ArgumentError: There is no key to Comet.
    """

    def __init__(self) -> None:
        super().__init__(CometService())


class CometService:
    """Keeps a training as an experiment of Comet."""

    name = "comet"

    def __init__(self) -> None:
        self.experiment: Any = None
        self.is_ours = False
        comet = _comet()
        is_online = comet.get_config("comet.start.online") is not False
        if is_online and not comet.get_config("comet.api_key"):
            raise ArgumentError(
                "Logging to Comet needs a key, and none was found. Set COMET_API_KEY, or COMET_START_ONLINE=false "
                "to keep everything on this machine."
            )

    def begin(self, training: Training, run_id: str | None) -> str:
        comet = _comet()
        self.experiment = comet.get_running_experiment()
        self.is_ours = self.experiment is None or self.experiment.ended
        if self.is_ours:
            self.experiment = comet.start(
                project_name=comet.get_config("comet.project_name") or training.experiment,
                experiment_key=run_id,
                mode="create" if run_id is None else "get_or_create",  # else it goes on with the last of the process
            )
            self.experiment.set_name(training.name)
        self.experiment.log_parameters(training.params)
        self.experiment.log_asset_data(json.dumps(training.config, indent=4), name="config.json")
        found: str = self.experiment.get_key()
        return found

    def log(self, metrics: dict[str, float], step: int, epoch: int) -> None:
        self.experiment.log_metrics(metrics, step=step, epoch=epoch)

    def end(self, failed: bool) -> None:
        experiment, is_ours = self.experiment, self.is_ours
        self.experiment, self.is_ours = None, False
        experiment.log_other("status", "failed" if failed else "finished")
        if is_ours:
            experiment.end()


def _comet() -> Any:
    return package_of("comet_ml", "Logging to Comet")
