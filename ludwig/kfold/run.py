"""The folds of a cross-validation are trained and evaluated, one after the other or in several processes."""

from __future__ import annotations

import dataclasses
import logging
import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch

from ludwig.api_types import PreprocessedDataset, TrainingResults, TrainingStats
from ludwig.data.dataset import Dataset
from ludwig.data.encoding import Parsed
from ludwig.data.sources import Source
from ludwig.data.split import SplitIndex
from ludwig.error import ArgumentError, InputDataError, TrainingError
from ludwig.features.base import Facts
from ludwig.kfold.folds import Folding
from ludwig.kfold.statistics import out_of_fold, overall
from ludwig.lifecycle import Held, fold_data, fold_state, parsed_table
from ludwig.lifecycle.held import within_call
from ludwig.runtime.arguments import path_of, seed_of, whole_number
from ludwig.runtime.atomic import claimed, storing
from ludwig.runtime.console import logger_of, warn
from ludwig.runtime.distributed import workers_of
from ludwig.training import Saves

logger = logger_of(__name__)

Statistics = dict[str, Any]
Indices = dict[str, dict[str, Any]]


class Trainable(Held, Protocol):
    """A `LudwigModel`, as far as a fold uses it."""

    def train(
        self,
        *,
        dataset: PreprocessedDataset,
        experiment_name: str,
        model_name: str,
        skip_save_training_description: bool,
        skip_save_training_statistics: bool,
        skip_save_model: bool,
        skip_save_progress: bool,
        skip_save_log: bool,
        output_directory: str | None,
        random_seed: int,
    ) -> TrainingResults: ...

    def evaluate(
        self,
        *,
        dataset: Dataset,
        skip_save_predictions: bool,
        skip_save_eval_stats: bool,
        collect_predictions: bool,
        collect_overall_stats: bool,
        output_directory: str,
    ) -> tuple[dict[str, Any], Any, str]: ...


Make = Callable[[], Trainable]


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What becomes of the evaluation of a fold."""

    saves_predictions: bool
    saves_statistics: bool
    collects_predictions: bool
    collects_overall: bool  # confusion matrices, curves and statistics of each class


@dataclasses.dataclass(frozen=True)
class Kept:
    """Where the folds are kept, and what of them."""

    output_directory: str
    saves: Saves
    evaluation: Evaluation

    def __post_init__(self) -> None:
        """Refuses what is no path, before anything is done."""
        path_of("output_directory", self.output_directory)

    def folder(self) -> Path | None:
        """A new folder for all folds; None where nothing is written.

        Raises:
            StorageError: No folder can be made there.
        """
        if not (self.saves.anything or self.evaluation.saves_predictions or self.evaluation.saves_statistics):
            return None
        place = Path(self.output_directory).absolute()
        with storing(place):
            return claimed(place / "kfold_run")


@dataclasses.dataclass(frozen=True)
class Fold:
    """One fold, ready to be trained, here or in another process."""

    name: str
    data: PreprocessedDataset
    kept: Kept
    folder: Path | None  # of all folds
    seed: int


@dataclasses.dataclass(frozen=True)
class FoldResult:
    """What came out of a fold."""

    training: TrainingStats
    evaluation: dict[str, Any]
    predictions: pd.DataFrame  # of its test rows, by position; empty unless collected

    def statistics(self) -> Statistics:
        """As users get it."""
        frequency = vars(self.training.evaluation_frequency)
        return {**self.training, "evaluation_frequency": dict(frequency), "fold_eval_stats": self.evaluation}


def cross_validate(
    make: Make, dataset: Source | None, data_format: str | None, folding: Folding, kept: Kept, seed: int, processes: int
) -> tuple[Statistics, Indices]:
    """Trains a model for each fold and evaluates it on the rows that it has not seen.

    Args:
        make: Makes the model of a fold; it can be pickled where there are several processes.
    """
    seed, processes = seed_of(seed), whole_number("num_processes", processes, 1)
    held = make()
    if processes > 1 and held.callbacks:
        raise ArgumentError("Callbacks hear of folds that are trained in this process only. Set num_processes to 1.")
    with within_call(held):
        column = folding.sanitized_column
        parsed = parsed_table(held, dataset, data_format, column, is_textual=folding.is_textual)
        folds = folding.folds(parsed, held.config_obj.preprocessing, seed)
        if kept.evaluation.collects_predictions:
            _refuse_tested_twice(folds)
        ready = _ready(held, parsed, folds, _fitted(held, parsed, folds), kept, seed)
        run = _run_here(make, ready) if processes == 1 else _run_elsewhere(make, ready, min(processes, len(folds)))
        results = []
        for number, result in enumerate(run, start=1):
            results.append(result)
            logger.info("fold_%d of %d is trained and evaluated.", number, len(folds))
    names = [f"fold_{number}" for number in range(1, len(folds) + 1)]
    statistics: Statistics = {name: result.statistics() for name, result in zip(names, results, strict=True)}
    statistics["overall"] = overall([result.evaluation for result in results])
    if kept.evaluation.collects_predictions:
        predictions = [result.predictions for result in results]
        statistics["out_of_fold_predictions"] = out_of_fold(predictions, parsed.table.index)
    return statistics, {name: _indices(rows) for name, rows in zip(names, folds, strict=True)}


def _indices(rows: SplitIndex) -> dict[str, Any]:
    training = np.sort(np.concatenate([rows.training, rows.validation]))
    return {"training_indices": training, "test_indices": rows.test}


def _refuse_tested_twice(folds: list[SplitIndex]) -> None:
    tested = np.concatenate([rows.test for rows in folds])
    if len(np.unique(tested)) < len(tested):
        raise ArgumentError(
            "The splitter tests some rows in several folds, so they have no single out-of-fold prediction. Remove "
            "collect_out_of_fold_predictions, or use a splitter that tests each row once."
        )


def _fitted(held: Held, parsed: Parsed, folds: list[SplitIndex]) -> list[dict[str, Facts]]:
    """The fitted state of every fold, so that one that cannot be trained is found before any is."""
    states = []
    for number, rows in enumerate(folds, start=1):
        try:
            states.append(fold_state(held, parsed, rows))
        except InputDataError as error:
            raise InputDataError(f"fold_{number}: {error}") from None
    return states


def _ready(
    held: Held, parsed: Parsed, folds: list[SplitIndex], states: list[dict[str, Facts]], kept: Kept, seed: int
) -> Iterator[Fold]:
    """The folds, each encoded when it is its turn; the folder is made once the first one is."""
    workers, folder = workers_of(held.device), None
    for number, (rows, facts) in enumerate(zip(folds, states, strict=True), start=1):
        data = fold_data(held, parsed, rows, facts, seed)
        if number == 1:
            folder = workers.broadcast(kept.folder() if workers.is_main else None)
        yield Fold(f"fold_{number}", data, kept, folder, seed)


def _run_here(make: Make, folds: Iterator[Fold]) -> Iterator[FoldResult]:
    for fold in folds:
        yield train_fold(make(), fold)


def _run_elsewhere(make: Make, folds: Iterator[Fold], processes: int) -> Iterator[FoldResult]:
    """In spawned processes, which share the threads; one fold more than that is held ready."""
    threads = max(torch.get_num_threads() // processes, 1)
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, context, initializer=torch.set_num_threads, initargs=(threads,))
    running: deque[Future[FoldResult]] = deque()
    try:
        for idle in [pool.submit(int) for _ in range(processes)]:
            idle.result()  # so that a process that cannot start is found before anything is written
        for fold in folds:
            if len(running) == processes:
                yield running.popleft().result()
            running.append(pool.submit(_train_quietly, make, fold))
        while running:
            yield running.popleft().result()
    except BrokenProcessPool:
        raise TrainingError(
            "A process that trained a fold has ended: it ran out of memory, or the script that calls this has no "
            "`if __name__ == '__main__':`, which spawned processes need. Lower num_processes, or mend the script."
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _train_quietly(make: Make, fold: Fold) -> FoldResult:
    """Without progress bars, which would be drawn over those of the other processes."""
    model = make()
    model.logging_level = max(model.logging_level, logging.WARNING)
    return train_fold(model, fold)


def train_fold(model: Trainable, fold: Fold) -> FoldResult:
    """Trains on a fold and evaluates on its test rows."""
    saves, evaluation, folder = fold.kept.saves, fold.kept.evaluation, fold.folder
    results = model.train(
        dataset=fold.data,
        experiment_name=fold.name,
        model_name="",
        skip_save_training_description=not saves.description,
        skip_save_training_statistics=not saves.statistics,
        skip_save_model=not saves.model,
        skip_save_progress=not saves.progress,
        skip_save_log=not saves.log,
        output_directory=None if folder is None else str(folder),
        random_seed=fold.seed,
    )
    if fold.data.test_set is None:
        warn(f"{fold.name} has no test row that can be used, so it is not evaluated.")
        return FoldResult(results.train_stats, {}, pd.DataFrame())
    found, predictions, _ = model.evaluate(
        dataset=fold.data.test_set,
        skip_save_predictions=not evaluation.saves_predictions,
        skip_save_eval_stats=not evaluation.saves_statistics,
        collect_predictions=evaluation.collects_predictions,
        collect_overall_stats=evaluation.collects_overall,
        output_directory=str((folder or Path(fold.kept.output_directory)) / fold.name),
    )
    return FoldResult(results.train_stats, found, predictions)
