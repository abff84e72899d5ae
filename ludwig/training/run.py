"""The folder of a run: where it lies, what is written there and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ludwig.api_types import EvaluationFrequency, SplitStats, TrainingStats
from ludwig.globals import (
    MODEL_FILE_NAME,
    MODEL_HYPERPARAMETERS_FILE_NAME,
    TRAIN_SET_METADATA_FILE_NAME,
    TRAINING_CHECKPOINTS_DIR_PATH,
    TRAINING_PROGRESS_TRACKER_FILE_NAME,
)
from ludwig.models import artifacts, manifest
from ludwig.runtime.atomic import claimed, read_json, storing, write_json
from ludwig.runtime.console import logger_of
from ludwig.training import checkpoints
from ludwig.training.options import EvaluationOptions
from ludwig.training.progress import History, Progress
from ludwig.training.records import report
from ludwig.training.stopping import StopReason

logger = logger_of(__name__)

Json = dict[str, Any]


@dataclass(frozen=True)
class Saves:
    """What a training leaves on the disk."""

    description: bool = False
    statistics: bool = False
    model: bool = False
    progress: bool = False
    log: bool = False

    @property
    def anything(self) -> bool:
        return self.description or self.statistics or self.model or self.progress or self.log


@dataclass(frozen=True)
class Saving:
    """What the loop itself writes."""

    folder: Path | None = None  # the model's folder
    best: bool = True
    latest: bool = True

    @property
    def checkpoints(self) -> Path | None:
        return None if self.folder is None else self.folder / TRAINING_CHECKPOINTS_DIR_PATH


@dataclass(frozen=True)
class Run:
    """One training and its folder; without a folder nothing is written."""

    folder: Path | None
    saves: Saves
    resumes: bool = False

    @staticmethod
    def at(output_directory: str | None, experiment: str, model: str, saves: Saves, resume: str | None) -> Run:
        """An earlier run that goes on where there is one, else a new one, whose folder is made.

        Raises:
            StorageError: No folder can be made there.
        """
        if resume is not None and Path(resume).is_dir():
            return Run(Path(resume).absolute(), saves, resumes=True)
        if resume is not None:
            logger.info("There is no run '%s' to resume, so a new one begins.", resume)
        if output_directory is None or not saves.anything:
            return Run(None, Saves())
        name = f"{experiment}_{model}" if model else experiment
        folder = Path(output_directory).absolute()
        with storing(folder):
            return Run(claimed(folder / name), saves)

    def followed(self) -> Run:
        """The same run as the other processes of it see it: they write nothing."""
        return replace(self, saves=Saves())

    @property
    def name(self) -> str | None:
        """The folder as users see it."""
        return None if self.folder is None else str(self.folder)

    @property
    def model_folder(self) -> Path | None:
        return None if self.folder is None else self.folder / MODEL_FILE_NAME

    @property
    def saving(self) -> Saving:
        """What the loop writes of this run."""
        return Saving(self.model_folder, best=self.saves.model, latest=self.saves.progress)

    def open(
        self, config: Json, metadata: Json, sources: Mapping[str, Any], data_format: str | None, rows: Json, seed: int
    ) -> None:
        """Writes what is known before the first step, so that a run that dies can still be loaded and resumed."""
        if self.folder is None or self.model_folder is None or not self.saves.anything:
            return
        with storing(self.folder):
            if self.saves.description:
                report.save_description(self.folder, config, sources, data_format, rows, seed)
            goes_on = self.resumes and (self.model_folder / MODEL_HYPERPARAMETERS_FILE_NAME).is_file()
            if self.saves.model and not goes_on:  # else the model that is there stays whole until the run ends
                artifacts.save_config(self.model_folder, config)
                artifacts.save_facts(self.model_folder, metadata)

    def close(
        self, config: Json, metadata: Json, rows: Json, stats: TrainingStats, progress: Progress, seed: int
    ) -> None:
        """Writes what training gave, the weights aside.

        Raises:
            StorageError: The disk is full, or nothing may be written there.
        """
        if self.folder is None or self.model_folder is None:
            return
        with storing(self.folder):
            if self.saves.description:
                report.settle_description(self.folder, config)
            if self.saves.statistics:
                report.save_training_statistics(self.folder, _statistics(stats, progress))
            if self.saves.progress:
                write_json(self.model_folder / TRAINING_PROGRESS_TRACKER_FILE_NAME, progress.to_json())
            if self.saves.model:
                summary = report.training_report(config, metadata, rows, progress, seed, self.folder)
                report.save_report_and_card(self.folder, summary)
            if (self.saves.model or self.saves.progress) and progress.stop_reason != StopReason.INTERRUPTED:
                self._conclude(progress)

    def _conclude(self, progress: Progress) -> None:
        """Nothing of size stays but the model and one state to go on from."""
        assert self.model_folder is not None
        model = manifest.identity(self.model_folder) if self.saves.model else None
        end = checkpoints.Conclusion(model, progress.best_eval_metric_value, progress.best_eval_loss)
        checkpoints.conclude(self.model_folder / TRAINING_CHECKPOINTS_DIR_PATH, end)


def _statistics(stats: TrainingStats, progress: Progress) -> Json:
    """The histories, and what else is to be known of them."""
    about = {"evaluation_frequency": vars(stats.evaluation_frequency), "stop_reason": stats.stop_reason}
    fitted = {"calibration": progress.calibration, "thresholds": progress.thresholds, "intervals": progress.intervals}
    return {**stats, **about, **{name: found for name, found in fitted.items() if found}}


def facts_of_run(path: str | None) -> Json | None:
    """The fitted state of an earlier run, so that its weights still fit."""
    file = None if path is None else Path(path) / MODEL_FILE_NAME / TRAIN_SET_METADATA_FILE_NAME
    return read_json(file) if file is not None and file.is_file() else None


def training_stats(progress: Progress, options: EvaluationOptions) -> TrainingStats:
    """The histories without their epochs and steps."""
    histories = (progress.train_metrics, progress.validation_metrics, progress.test_metrics)
    training, validation, test = (_values(history) for history in histories)
    selected = {"epoch": progress.best_eval_metric_epoch, "step": progress.best_eval_metric_steps}
    return TrainingStats(training, validation, test, _frequency(options), progress.stop_reason, selected)


def _values(history: History) -> SplitStats:
    return {
        output: {name: [value for *_, value in series] for name, series in metrics.items()}
        for output, metrics in history.items()
    }


def _frequency(options: EvaluationOptions) -> EvaluationFrequency:
    interval = options.steps_per_checkpoint
    if interval != "auto" and interval > 0:
        return EvaluationFrequency(interval, EvaluationFrequency.STEP)
    return EvaluationFrequency(1 / max(options.checkpoints_per_epoch, 1), EvaluationFrequency.EPOCH)
