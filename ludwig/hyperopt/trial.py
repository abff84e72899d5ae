"""One trial: its parameters in the config, a model trained and evaluated."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ludwig.api import LudwigModel, PreprocessedDataset
from ludwig.callbacks import Callback
from ludwig.config import proc_column
from ludwig.config.search import with_parameters
from ludwig.error import InputDataError, TrainingError
from ludwig.globals import MODEL_FILE_NAME
from ludwig.hyperopt.record import COMPLETE, FAILED, STOPPED, TrialResults
from ludwig.runtime.atomic import write_json
from ludwig.schema import dump
from ludwig.training.progress import Progress

MOST_KEPT = 4  # preprocessed data sets that are kept, where parameters change how the data is read
LEAST_SECONDS = 0.1  # of the training of a trial that begins at the end of the budget
RESULT_FILE_NAME = "trial_result.json"

Stops = Callable[[int, float], bool]  # time and score of an evaluation: whether the trial is stopped


@dataclasses.dataclass(frozen=True)
class Target:
    """A metric that the search optimizes."""

    output: str
    metric: str
    direction: str  # minimize or maximize

    def of(self, statistics: Mapping[str, Any]) -> float:
        """The metric among statistics by output.

        Raises:
            TrainingError: The statistics have none.
        """
        found = statistics[self.output].get(self.metric)
        if found is None:
            raise TrainingError(
                f"{self.metric} of {self.output} is not defined on the split that trials are compared on, as where "
                "all its rows are of one class."
            )
        return float(found)


@dataclasses.dataclass(frozen=True)
class Plan:
    """A trial that is to run."""

    number: int
    parameters: dict[str, Any]
    seed: int
    folder: Path | None
    ends_at: float | None  # when the budget of the search is spent, by `time.time()`


@dataclasses.dataclass(frozen=True)
class Flags:
    """What a trial leaves on the disk, as `train` and `evaluate` take it."""

    training: Mapping[str, Any]
    evaluation: Mapping[str, Any]
    model_name: str = "run"


@dataclasses.dataclass
class Trials:
    """Runs the trials of one search, one after the other. It can be sent to another process."""

    raw: dict[str, Any]  # the config without its search
    sources: Mapping[str, Any]  # keywords of `preprocess`
    machine: Mapping[str, Any]  # keywords of `LudwigModel`
    callbacks: Sequence[Callback]
    targets: Sequence[Target]
    split: str
    eval_split: str
    time: str  # what the time of a trial is
    most: int | None  # the time at which a trial ends
    random_seed: int
    flags: Flags
    data: dict[str, PreprocessedDataset] = dataclasses.field(default_factory=dict)

    def prepare(self) -> str:
        """Preprocesses the data as the config has it, without parameters of the search; gives a hash of the data.

        Raises:
            InputDataError: The data does not fit the config, or has no rows to compare trials on.
        """
        data = self._data_of(self._model({}))
        for option, split in (("split", self.split), ("eval_split", self.eval_split)):
            if getattr(data, f"{split}_set") is None:
                raise InputDataError(
                    f"The {split} split has no rows, and hyperopt.{option} compares trials on it. Set another one, or "
                    "preprocessing.split."
                )
        text = json.dumps([data.training_set_metadata, data.rows], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def run(self, plan: Plan, stops: Stops) -> TrialResults:
        """Trains and evaluates; what was found is in the trial's folder as well."""
        began = time.perf_counter()
        model = self._model(plan.parameters)
        data = self._data_of(model)
        watch = Watch(self, plan.ends_at, stops)
        results = model.train(
            dataset=data,
            random_seed=plan.seed,
            callbacks=[watch],
            output_directory=None if plan.folder is None else str(plan.folder),
            experiment_name=f"trial_{plan.number}",
            model_name=self.flags.model_name,
            **self.flags.training,
        )
        folder = results.output_directory
        splits = dict.fromkeys((self.eval_split, self.split))  # each once
        statistics = {split: self._evaluated(model, data, split, folder) for split in splits}
        scores = [target.of(statistics[self.split]) for target in self.targets]
        saved = folder and not self.flags.training["skip_save_model"]
        found = TrialResults(
            parameters=plan.parameters,
            metric_score=scores[0],
            training_stats=dataclasses.asdict(results.train_stats),
            eval_stats=statistics[self.eval_split],
            model_path=str(Path(folder) / MODEL_FILE_NAME) if saved else None,
            number=plan.number,
            state=STOPPED if watch.stopped else COMPLETE,
            scores=scores,
            seconds=time.perf_counter() - began,
        )
        if not all(map(math.isfinite, scores)):
            named = ", ".join(f"{target.metric} of {target.output}" for target in self.targets)
            found = dataclasses.replace(found, state=FAILED, error=f"Not finite on the {self.split} split: {named}.")
        if plan.folder is not None:
            plan.folder.mkdir(parents=True, exist_ok=True)
            write_json(plan.folder / RESULT_FILE_NAME, found.to_dict())
        return found

    def _model(self, parameters: Mapping[str, Any]) -> LudwigModel:
        config = with_parameters(self.raw, parameters)
        return LudwigModel(config, logging_level=logging.ERROR, callbacks=list(self.callbacks), **self.machine)

    def _data_of(self, model: LudwigModel) -> PreprocessedDataset:
        """The preprocessed data, from an earlier trial that reads it alike."""
        key = _reading_of(model)
        if key not in self.data:
            while len(self.data) >= MOST_KEPT:
                del self.data[next(iter(self.data))]
            self.data[key] = model.preprocess(**self.sources, random_seed=self.random_seed)
        return self.data[key]

    def _evaluated(self, model: LudwigModel, data: PreprocessedDataset, split: str, folder: str) -> dict[str, Any]:
        """The statistics on a split; what is saved is that of the split that is reported."""
        rows = getattr(data, f"{split}_set")
        keeps = folder and split == self.eval_split
        flags = self.flags.evaluation if keeps else dict.fromkeys(self.flags.evaluation, True)
        statistics, _, _ = model.evaluate(dataset=rows, output_directory=folder or "results", **flags)
        return copy.deepcopy(statistics)


def _reading_of(model: LudwigModel) -> str:
    """A hash of all that decides how the data is read."""
    config = model.config_obj
    inputs, outputs = config.resolve(model.assets)
    specs = [*inputs, *outputs, *config.besides(model.assets)]
    features = [[spec.name, spec.column, proc_column(spec)] for spec in specs]
    text = json.dumps([features, dump(config.preprocessing)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


class Watch(Callback):
    """Ends a trial that the scheduler stops, that reaches its maximum time, or whose search is out of time."""

    def __init__(self, trials: Trials, ends_at: float | None, stops: Stops) -> None:
        self.target, self.time, self.most = trials.targets[0], trials.time, trials.most
        self.ends_at, self.stops = ends_at, stops
        self.evaluations, self.stopped = 0, False

    def on_trainer_train_setup(self, trainer: Any, save_path: str | None, is_coordinator: bool, **kwargs: Any) -> None:
        if self.ends_at is not None:
            trainer.limit_time(max(self.ends_at - time.time(), LEAST_SECONDS))

    def should_early_stop(self, trainer: Any, progress_tracker: Progress, is_coordinator: bool, **kwargs: Any) -> bool:
        self.evaluations += 1
        elapsed = self._elapsed(progress_tracker)
        history = progress_tracker.validation_metrics.get(self.target.output, {}).get(self.target.metric)
        if history and not self.stopped:
            self.stopped = self.stops(elapsed, history[-1][2])
        return self.stopped or (self.most is not None and elapsed >= self.most)

    def _elapsed(self, progress: Progress) -> int:
        times = {
            "training_iteration": self.evaluations,
            "time_total_s": int(progress.seconds_now()),
            "timesteps_total": progress.steps,
        }
        return times[self.time]
