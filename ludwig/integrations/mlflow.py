"""MLflow: a run for each training, with params, metrics and artifacts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from ludwig.integrations.tracking import Tracking, Training, package_of
from ludwig.runtime.console import logger_of

logger = logger_of(__name__)

PER_CALL = 100  # params that the service takes at once; of metrics it takes more
LONGEST_NAME = 250


class MlflowCallback(Tracking):
    """Logs trainings to MLflow, as runs of an experiment that is called as `experiment_name`.

    An active run is used and left open. A run that is resumed goes on there too.

    Args:
        tracking_uri: Where runs are kept. Null takes MLFLOW_TRACKING_URI or what `mlflow.set_tracking_uri` has set,
            and where neither is set the database `mlflow.db` in the output directory.
        log_artifacts: Whether the config and the run's folder with the model are kept there too.

    Raises:
        MissingExtraError: The package mlflow is not installed.
    """

    def __init__(self, tracking_uri: str | None = None, log_artifacts: bool = True) -> None:
        super().__init__(MlflowService(tracking_uri, log_artifacts))


class MlflowService:
    """Keeps a training as an MLflow run."""

    name = "mlflow"

    def __init__(self, tracking_uri: str | None, log_artifacts: bool) -> None:
        self.tracking_uri, self.log_artifacts = tracking_uri, log_artifacts
        self.training: Training | None = None
        self.is_ours = self.is_own_store = False
        if tracking_uri is not None:
            _mlflow().set_tracking_uri(tracking_uri)
        else:
            _mlflow()

    def begin(self, training: Training, run_id: str | None) -> str:
        mlflow = _mlflow()
        self.training = training
        run = mlflow.active_run()
        self.is_ours = run is None
        if run is None:
            self._choose_store(mlflow, training.root)
            run = self._resumed(mlflow, run_id) or self._new(mlflow, training)
        found: str = run.info.run_id
        known = mlflow.get_run(found).data.params  # a param cannot change, not even when training is resumed
        params = {_name(name): value for name, value in training.params.items()}
        for some in _chunks({name: value for name, value in params.items() if name not in known}):
            mlflow.log_params(some)
        return found

    def log(self, metrics: dict[str, float], step: int, epoch: int) -> None:
        mlflow = _mlflow()
        for some in _chunks({_name(name): value for name, value in metrics.items()}):
            mlflow.log_metrics(some, step=step)

    def end(self, failed: bool) -> None:
        mlflow = _mlflow()
        try:
            if self.log_artifacts and self.training is not None:
                self._log_artifacts(mlflow, self.training)
        finally:
            if self.is_ours:
                mlflow.end_run("FAILED" if failed else "FINISHED")
            if self.is_own_store:
                mlflow.set_tracking_uri(None)
            self.training, self.is_ours, self.is_own_store = None, False, False

    def _choose_store(self, mlflow: Any, root: Path | None) -> None:
        """The database of the output directory, where nobody names another."""
        if self.tracking_uri is not None:
            mlflow.set_tracking_uri(self.tracking_uri)
        elif root is not None and not mlflow.is_tracking_uri_set():
            root.mkdir(parents=True, exist_ok=True)
            mlflow.set_tracking_uri(f"sqlite:///{(root / 'mlflow.db').as_posix()}")
            self.is_own_store = True

    def _resumed(self, mlflow: Any, run_id: str | None) -> Any:
        """The run as it goes on; None where there is none."""
        if run_id is None:
            return None
        try:
            return mlflow.start_run(run_id=run_id)
        except mlflow.MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            where = mlflow.get_tracking_uri()
            logger.warning("MLflow has no run '%s' at '%s', so a new one begins there.", run_id, where)
            return None

    def _new(self, mlflow: Any, training: Training) -> Any:
        experiment = mlflow.get_experiment_by_name(training.experiment)
        if experiment is not None:
            number = experiment.experiment_id
        else:
            inside = training.root if self.is_own_store else None  # else the service has a place for artifacts
            place = None if inside is None else (inside / "mlartifacts").as_uri()
            number = mlflow.create_experiment(training.experiment, artifact_location=place)
        return mlflow.start_run(experiment_id=number, run_name=training.name)

    def _log_artifacts(self, mlflow: Any, training: Training) -> None:
        config = yaml.safe_dump(training.config, sort_keys=False, allow_unicode=True)
        mlflow.log_text(config, "config.yaml")
        if training.folder is not None and training.folder.is_dir():
            mlflow.log_artifacts(str(training.folder))


def _mlflow() -> Any:
    return package_of("mlflow", "Logging to MLflow")


def _name(name: str) -> str:
    """The name with nothing in it that MLflow does not take in names."""
    return re.sub(r"[^\w\-. ]", "_", name)[:LONGEST_NAME]


def _chunks(values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The entries, as many at a time as one call takes."""
    entries = list(values.items())
    for start in range(0, len(entries), PER_CALL):
        yield dict(entries[start : start + PER_CALL])
