"""`hyperopt`: many trials of a config, with parameters that a search chooses."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ludwig.api import LudwigModel, default_random_seed
from ludwig.backend import Backend
from ludwig.callbacks import Callback, checked_callbacks
from ludwig.config import ModelConfig, load_config, read_config
from ludwig.config.upgrade import upgraded
from ludwig.data.reading import given_sources
from ludwig.data.sources import Source
from ludwig.error import ArgumentError, TrainingError
from ludwig.globals import HYPEROPT_STATISTICS_FILE_NAME
from ludwig.hyperopt.config import Objective, SearchConfig
from ludwig.hyperopt.console import TABLE, Board
from ludwig.hyperopt.opening import Kept, hash_of, opened
from ludwig.hyperopt.record import FAILED, TrialResults, ordered
from ludwig.hyperopt.results import HyperoptResults
from ludwig.hyperopt.search import Search
from ludwig.hyperopt.study import quiet_optuna
from ludwig.hyperopt.trial import Flags, Target, Trials
from ludwig.hyperopt.workers import workers_of
from ludwig.runtime.arguments import name_of, path_of, refuse_unknown, seed_of, whole_number
from ludwig.runtime.atomic import storing, write_json
from ludwig.runtime.console import warn
from ludwig.schema import dump, plain_section

TRAINING = "training"


def hyperopt(
    config: str | Path | dict[str, Any],
    dataset: Source | None = None,
    training_set: Source | None = None,
    validation_set: Source | None = None,
    test_set: Source | None = None,
    training_set_metadata: str | dict[str, Any] | None = None,
    data_format: str | None = None,
    experiment_name: str = "hyperopt",
    model_name: str = "run",
    resume: bool | None = None,
    skip_save_training_description: bool = False,
    skip_save_training_statistics: bool = False,
    skip_save_model: bool = False,
    skip_save_progress: bool = False,
    skip_save_log: bool = False,
    skip_save_processed_input: bool = True,
    skip_save_unprocessed_output: bool = False,
    skip_save_predictions: bool = False,
    skip_save_eval_stats: bool = False,
    skip_save_hyperopt_statistics: bool = False,
    output_directory: str | None = "results",
    gpus: str | int | list[int] | None = None,
    gpu_memory_limit: float | None = None,
    allow_parallel_threads: bool = True,
    callbacks: list[Callback] | None = None,
    tune_callbacks: list[Any] | None = None,
    backend: Backend | Mapping[str, Any] | str | None = None,
    random_seed: int = default_random_seed,
    hyperopt_log_verbosity: int = 3,
    **kwargs: Any,
) -> HyperoptResults:
    """Searches for good parameters: the section `hyperopt` of the config declares what is tried and how.

    Data is preprocessed once for all trials that read it alike. Each trial trains and evaluates a model; one that
    fails is recorded with its error, and the search goes on. The history is kept in a journal, so that a search whose
    process died goes on where it stood.

    Args:
        config: The config as a dict, or the path of a YAML file, with a section `hyperopt`.
        dataset, training_set, validation_set, test_set, training_set_metadata, data_format: As in
            `LudwigModel.train`.
        experiment_name: The folder of the search below `output_directory`.
        model_name: Ending of the folders of the runs: `trial_<number>/trial_<number>_<model_name>`.
        resume: Whether a search in that folder goes on: None does so where it is the same search, and begins a new
            one in a numbered folder where it is not.
        output_directory: Where searches go; None saves nothing.
        callbacks: Hooks of the search and of all trials.
        tune_callbacks: Of Ray Tune; without effect where trials run on this machine.
        random_seed: Of the split and of the search; trial n trains with random_seed + n.
        hyperopt_log_verbosity: 0 prints nothing, 1 the best trials in the end, 2 a line a trial, 3 a live table.

    Returns:
        The trials, best first, and the study.

    Raises:
        ConfigValidationError: The config, the search, or a value that it may try has faults.
        ArgumentError: There is no section `hyperopt`, or no search to resume.
        InputDataError: The data does not fit the config.
        TrainingError: All trials failed, or none was run.
    """
    refuse_unknown(LudwigModel, hyperopt, kwargs)
    given_sources(dataset, training_set, validation_set, test_set)
    declared, raw = _declared(config)
    saves = output_directory is not None
    flags = Flags(
        training={
            "skip_save_training_description": skip_save_training_description,
            "skip_save_training_statistics": skip_save_training_statistics,
            "skip_save_model": skip_save_model or not saves,
            "skip_save_progress": skip_save_progress,
            "skip_save_log": skip_save_log,
        },
        evaluation={
            "skip_save_unprocessed_output": skip_save_unprocessed_output,
            "skip_save_predictions": skip_save_predictions,
            "skip_save_eval_stats": skip_save_eval_stats,
        },
        model_name=name_of("model_name", model_name),
    )
    sources = {
        "dataset": dataset,
        "training_set": training_set,
        "validation_set": validation_set,
        "test_set": test_set,
        "training_set_metadata": training_set_metadata,
        "data_format": data_format,
        "skip_save_processed_input": skip_save_processed_input,
    }
    machine = {
        "backend": backend,
        "gpus": gpus,
        "gpu_memory_limit": gpu_memory_limit,
        "allow_parallel_threads": allow_parallel_threads,
    }
    hooks, seed = checked_callbacks(callbacks), seed_of(random_seed)
    trials = _trials(declared, raw, sources, machine, hooks, seed, flags)
    kept = _kept(output_directory, experiment_name, resume, saves_statistics=not skip_save_hyperopt_statistics)
    verbosity = whole_number("hyperopt_log_verbosity", hyperopt_log_verbosity, 0, TABLE)
    search: Any = declared.hyperopt
    _warn_of(search, tune_callbacks)
    return _searched(search, trials, kept, verbosity)


def _kept(output_directory: object, experiment_name: object, resume: object, *, saves_statistics: bool) -> Kept:
    """Checks where a search is to be kept.

    Raises:
        ArgumentError: It has no name, or resume is something else.
    """
    if resume not in (None, True, False):
        raise ArgumentError(f"resume must be True, False or None. Received: {resume!r:.100}.")
    if resume and output_directory is None:
        raise ArgumentError("resume=True needs the output_directory of the search. Received: None.")
    name = name_of("experiment_name", experiment_name)
    if not name:
        raise ArgumentError("experiment_name must not be empty: it is the folder of the search.")
    folder = None if output_directory is None else path_of("output_directory", output_directory).absolute()
    return Kept(folder, name, None if resume is None else bool(resume), saves_statistics)


def _declared(config: str | Path | dict[str, Any]) -> tuple[ModelConfig, dict[str, Any]]:
    """The config, and as plain values without its search, in today's words.

    Raises:
        ArgumentError: It has no search.
    """
    raw = upgraded(plain_section(read_config(config)))
    declared = load_config(raw)
    if declared.hyperopt is None:
        raise ArgumentError("The config has no section `hyperopt`. Add one with the parameters to search.")
    del raw["hyperopt"]
    return declared, raw


def _trials(
    declared: ModelConfig,
    raw: dict[str, Any],
    sources: Mapping[str, Any],
    machine: Mapping[str, Any],
    hooks: list[Callback],
    seed: int,
    flags: Flags,
) -> Trials:
    search: Any = declared.hyperopt
    targets = [_target(declared, objective) for objective in search.wanted]
    trainer = raw.setdefault("trainer", {})
    if declared.trainer.trains and trainer.get("validation_metric") is None:  # the weights of a trial score best
        trainer |= {"validation_field": targets[0].output, "validation_metric": targets[0].metric}
    return Trials(
        raw=raw,
        sources=sources,
        machine=machine,
        callbacks=hooks,
        targets=targets,
        split=_split(search.split),
        eval_split=_split(search.eval_split),
        time=search.executor.scheduler.time,
        most=search.executor.scheduler.most,
        random_seed=seed,
        flags=flags,
    )


def _searched(search: SearchConfig, trials: Trials, kept: Kept, verbosity: int) -> HyperoptResults:
    """Runs the trials between the hooks of a search.

    Raises:
        TrainingError: All trials failed, or none was run.
    """
    hooks = trials.callbacks
    for hook in hooks:
        hook.on_hyperopt_init(kept.name)
    budget = search.executor.time_budget_s
    ends_at = None if budget is None else time.time() + budget
    data = _prepare(trials, search, kept.name)
    for hook in hooks:
        hook.on_hyperopt_start(kept.name)
    with quiet_optuna():
        found = _found(search, trials, kept, data, verbosity, ends_at)
    for hook in hooks:
        hook.on_hyperopt_end(kept.name)
        hook.on_hyperopt_finish(kept.name)
    done = found.ordered_trials
    if not done:
        raise TrainingError("No trial was run: a callback ended the search.")
    if all(trial.state == FAILED for trial in done):
        raise TrainingError(f"All {len(done)} trials of the search failed. The first one: {done[0].error}")
    return found


def _found(
    search: SearchConfig, trials: Trials, kept: Kept, data: str, verbosity: int, ends_at: float | None
) -> HyperoptResults:
    """The trials, also in a file, whatever ends them; `data`: a hash of it."""
    directions = [target.direction for target in trials.targets]
    board = Board(verbosity, search.trials, directions, ends_at)
    own = hash_of(search, trials.raw, data)
    with (
        opened(search, own, directions, kept, trials.random_seed) as (study, folder),
        contextlib.closing(workers_of(search, trials, study.stops)) as workers,
    ):
        running = Search(study, workers, board, folder, trials.random_seed, trials.callbacks, ends_at)
        board.done += running.results()  # of earlier processes
        try:
            running.run()
        finally:
            done = ordered(running.results(), directions)
            if folder is not None and kept.saves_statistics:
                _save_statistics(folder, search, done)
            board.close()
    return HyperoptResults(done, study.study, directions, None if folder is None else str(folder))


def _split(name: str) -> str:
    return TRAINING if name == "train" else name


def _target(config: ModelConfig, objective: Objective) -> Target:
    """An objective with the output that has the metric, and what is better of it."""
    outputs = {feature.name: feature for feature in config.output_features}
    output, metric = objective.output_feature, objective.metric
    if output is None:
        having = [name for name, feature in outputs.items() if metric in feature.metric_names()]
        output = "combined" if metric == "loss" and len(outputs) > 1 else (having or [*outputs])[0]
    better = "minimize" if output == "combined" else outputs[output].direction(metric)
    if objective.goal not in (None, better):
        warn(f"hyperopt.goal is {objective.goal}, although it is better to {better} {metric}.")
    return Target(output, metric, objective.goal or better)


def _warn_of(search: SearchConfig, tune_callbacks: list[Any] | None) -> None:
    """What does not happen as a user may think."""
    if tune_callbacks:
        warn("tune_callbacks have no effect: they are of Ray Tune, which does not run.")
    algorithm = search.search_alg
    if algorithm.stands_in is not None:
        warn(f"The search algorithm '{algorithm.type}' is run as {algorithm.stands_in}, by Optuna.")
    if search.grid.keys() == search.parameters.keys() and (search.executor.num_samples or 1) > 1:
        warn(f"All parameters are grids, so every point of the grid is run {search.executor.num_samples} times.")


def _prepare(trials: Trials, search: SearchConfig, experiment_name: str) -> str:
    """Preprocesses for all trials, unless they may read the data otherwise; gives a hash of the data."""
    is_shared = not any("preprocessing" in name.split(".") for name in search.parameters)
    hooks = trials.callbacks if is_shared else []
    for hook in hooks:
        hook.on_hyperopt_preprocessing_start(experiment_name)
    data = trials.prepare()
    for hook in hooks:
        hook.on_hyperopt_preprocessing_end(experiment_name)
    return data


def _save_statistics(folder: Path, search: SearchConfig, trials: list[TrialResults]) -> None:
    with storing(folder):
        write_json(
            folder / HYPEROPT_STATISTICS_FILE_NAME,
            {
                "hyperopt_config": dump(search),
                "hyperopt_results": [trial.to_dict() for trial in trials],
            },
        )
