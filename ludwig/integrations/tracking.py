"""What the callbacks of all tracking services share: what is logged of a training, and when."""

from __future__ import annotations

import dataclasses
import importlib
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from ludwig.callbacks import Callback
from ludwig.error import MissingExtraError
from ludwig.runtime.atomic import plain, read_json, write_json

TRACKING_FILE_NAME = "tracking.json"  # in a run's folder: its id at each service
TEST_PREFIXES = ("test_metrics.", "best.test_metrics.")


@dataclasses.dataclass(frozen=True)
class Training:
    """A training as a service sees it."""

    experiment: str
    model: str
    folder: Path | None  # of the run
    output_directory: Path | None
    config: dict[str, Any]  # as the user gave it
    rendered: dict[str, Any] = dataclasses.field(default_factory=dict)  # with every default

    @property
    def name(self) -> str:
        """The name of the run's folder, or what it would be called."""
        if self.folder is not None:
            return self.folder.name
        return f"{self.experiment}_{self.model}" if self.model else self.experiment

    @property
    def root(self) -> Path | None:
        """The folder of all runs."""
        return self.output_directory if self.folder is None else self.folder.parent

    @property
    def params(self) -> dict[str, Any]:
        """The options of the trainer and the types of the features, flat."""
        params = flat(self.rendered.get("trainer", {}), "trainer")
        for side in ("input_features", "output_features"):
            params |= {f"{side}.{feature['name']}.type": feature["type"] for feature in self.rendered.get(side, [])}
        return params


class Service(Protocol):
    """A place that keeps numbers of trainings."""

    name: str

    def begin(self, training: Training, run_id: str | None) -> str:
        """Opens a run, or goes on with the one of the id; gives its id."""

    def log(self, metrics: dict[str, float], step: int, epoch: int) -> None:
        """Keeps finite numbers of a step."""

    def end(self, failed: bool) -> None:
        """Closes the run, unless it was open before training."""


class Tracking(Callback):
    """Logs a training to a service: its config, the metrics of each evaluation and of the test split, how it ended.

    Nothing is kept of the service between trainings, so that one callback serves many of them.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self.training: Training | None = None
        self.is_open = False
        self.error_before: BaseException | None = None

    def on_train_init(
        self,
        base_config: dict[str, Any],
        experiment_directory: str | None,
        experiment_name: str,
        model_name: str,
        output_directory: str | None,
        resume_directory: str | None,
        **kwargs: Any,
    ) -> None:
        folder = None if experiment_directory is None else Path(experiment_directory).absolute()
        root = None if output_directory is None else Path(output_directory).absolute()
        self.training = Training(experiment_name, model_name, folder, root, plain(base_config))
        self.error_before = sys.exc_info()[1]

    def on_train_start(self, model: Any, config: dict[str, Any], config_fp: str | None, **kwargs: Any) -> None:
        if self.training is not None:
            self.training = dataclasses.replace(self.training, rendered=plain(config))

    def on_trainer_train_setup(self, trainer: Any, save_path: str | None, is_coordinator: bool, **kwargs: Any) -> None:
        """Opens the run: only here is it known which of several processes logs for all."""
        if self.training is None or not is_coordinator:
            return
        folder, service = self.training.folder, self.service
        run_id = service.begin(self.training, remembered_id(folder, service.name))
        self.is_open = True
        if folder is not None:
            remember_id(folder, service.name, run_id)

    def on_eval_end(self, trainer: Any, progress_tracker: Any, save_path: str | None, **kwargs: Any) -> None:
        self._log(progress_tracker, finite(progress_tracker.log_metrics()))

    def on_test_end(self, trainer: Any, progress_tracker: Any, save_path: str | None, **kwargs: Any) -> None:
        metrics = finite(progress_tracker.log_metrics())
        self._log(progress_tracker, {name: value for name, value in metrics.items() if name.startswith(TEST_PREFIXES)})

    def on_train_end(self, output_directory: str | None, **kwargs: Any) -> None:
        failed = sys.exc_info()[1] is not self.error_before  # training may itself stand in somebody's `except`
        was_open = self.is_open
        self.training, self.error_before, self.is_open = None, None, False
        if was_open:
            self.service.end(failed)

    def _log(self, progress: Any, metrics: dict[str, float]) -> None:
        if self.is_open:
            self.service.log(metrics, progress.steps, progress.epoch)


def package_of(name: str, purpose: str) -> Any:
    """The package of a service.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:  # it is there, and what it needs is not
            raise
        raise MissingExtraError(name, "trackers", purpose) from error


def flat(section: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Nested sections as one: `{"optimizer": {"type": "adam"}}` is `{"trainer.optimizer.type": "adam"}`."""
    found: dict[str, Any] = {}
    for key, value in section.items():
        name = f"{prefix}.{key}"
        found |= flat(value, name) if isinstance(value, Mapping) else {name: value}
    return found


def finite(metrics: Mapping[str, float]) -> dict[str, float]:
    """The metrics that are numbers."""
    return {name: float(value) for name, value in metrics.items() if math.isfinite(value)}


def remembered_id(folder: Path | None, service: str) -> str | None:
    """The id that the run has at the service; None for a run that is new there."""
    file = None if folder is None else folder / TRACKING_FILE_NAME
    return read_json(file).get(service) if file is not None and file.is_file() else None


def remember_id(folder: Path, service: str, run_id: str) -> None:
    """Keeps the id, so that the run goes on there when training is resumed."""
    file = folder / TRACKING_FILE_NAME
    known = read_json(file) if file.is_file() else {}
    write_json(file, {**known, service: run_id})
