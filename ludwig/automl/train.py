"""A table and a target -> a trained model: types inferred, a search within a time limit, the best trial."""

from __future__ import annotations

import copy
import inspect
import logging
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ludwig.automl.config import IMBALANCE, UserConfig, auto_config, limit_of
from ludwig.automl.features import Targets, table_of, targets_of
from ludwig.automl.results import AutoTrainResults
from ludwig.automl.search import at
from ludwig.config import load_config, read_config
from ludwig.data.sources import Source, read_table
from ludwig.error import ArgumentError, nearest
from ludwig.hyperopt.console import LINES, TABLE
from ludwig.hyperopt.run import hyperopt
from ludwig.runtime.arguments import name_of, path_of, seed_of, whole_number
from ludwig.runtime.atomic import storing
from ludwig.runtime.console import logger_of, logging_at
from ludwig.schema import plain_section

logger = logger_of(__name__)

NAME = "auto_train"  # of the folder of the search
OWN: tuple[str, ...] = (
    "config",
    "dataset",
    "training_set",
    "validation_set",
    "test_set",
    "training_set_metadata",
    "data_format",
)
OWN += ("output_directory", "random_seed", "kwargs")  # parameters of a search that this module sets
SHORTEST = 1  # seconds of a search whose preprocessing took the whole budget


def auto_train(
    dataset: Source,
    target: Targets,
    time_limit_s: float,
    output_directory: str | Path = ".",
    tune_for_memory: bool = False,
    user_config: UserConfig = None,
    random_seed: int = 42,
    use_reference_config: bool = False,
    imbalance_threshold: float = IMBALANCE,
    **hyperopt_kw: Any,
) -> AutoTrainResults:
    """Trains the best model for a table that can be found within a time limit.

    The types of the columns are inferred. The first trial is the default config, whose trainer chooses rate, batch size
    and length by the data; then presets and values beside the defaults are tried until 20 trials are done or the time
    is over. The trial with the least loss on the validation split is the best one.

    Args:
        dataset: A path, a DataFrame, a dict of columns or a list of records.
        target: The column to predict, or several.
        time_limit_s: Seconds for all, from reading the data on. A trial that is running then ends with the best weights
            so far; evaluating and saving it, and a first trial where preprocessing took all the time, come on top.
        output_directory: Where the folder of the search goes, `auto_train` by default.
        tune_for_memory: Deprecated: batches that do not fit into memory are split in any case.
        user_config: Parts of the config that are set and not inferred; see `create_auto_config`.
        random_seed: Of the split and of the search; trial n trains with random_seed + n.
        use_reference_config: Whether the preset `best_quality` is tried right after the defaults.
        imbalance_threshold: Share of the most frequent class of a target from which the split is stratified.
        hyperopt_kw: Other parameters of `ludwig.hyperopt.run.hyperopt`, such as callbacks or experiment_name.

    Returns:
        The trials and the best model.

    Raises:
        ArgumentError: A value of an argument is wrong.
        InputDataError: The table cannot be used.
        StorageError: Nothing can be written to the folder.
        TrainingError: All trials failed.

    Example:
        results = auto_train("table.csv", "price", time_limit_s=300)
        predictions, _ = results.best_model.predict("new.csv")
    """
    began, targets, limit, seed = time.monotonic(), targets_of(target), limit_of(time_limit_s), seed_of(random_seed)
    folder = _checked(output_directory, hyperopt_kw)
    table = read_table(dataset)
    config, guesses = auto_config(
        table, targets, limit, tune_for_memory, user_config, seed, use_reference_config, imbalance_threshold
    )
    with logging_at(logging.INFO if hyperopt_kw.get("hyperopt_log_verbosity", TABLE) >= LINES else logging.WARNING):
        logger.info("%s", table_of(guesses))
    source = dataset if isinstance(dataset, str | Path) else table  # relative paths in cells begin at the file's folder
    results = _searched(source, config, folder, seed, began, hyperopt_kw)
    return AutoTrainResults(results, config, guesses)


def train_with_config(
    dataset: Source,
    config: Mapping[str, Any] | str | Path,
    output_directory: str | Path = ".",
    random_seed: int = 42,
    **hyperopt_kw: Any,
) -> AutoTrainResults:
    """Runs the search of a config, as `create_auto_config` gives it, and as it may have been changed since.

    Args:
        dataset: A path, a DataFrame, a dict of columns or a list of records.
        config: A config with a section `hyperopt`, as a dict or the path of a YAML file. Its
            `executor.time_budget_s` counts from the call on, preprocessing included.
        output_directory, random_seed, hyperopt_kw: As in `auto_train`.

    Returns:
        The trials and the best model.

    Raises:
        ArgumentError: The config has no section `hyperopt`, or a value of an argument is wrong.
        ConfigValidationError: The config has faults.
    """
    began, seed, folder = time.monotonic(), seed_of(random_seed), _checked(output_directory, hyperopt_kw)
    raw = plain_section(read_config(config if isinstance(config, str | Path) else dict(config)))
    if raw.get("hyperopt") is None:
        raise ArgumentError("The config has no section `hyperopt`. create_auto_config gives one that has.")
    load_config(raw)
    return AutoTrainResults(_searched(dataset, raw, folder, seed, began, hyperopt_kw), copy.deepcopy(raw))


def _searched(
    dataset: Source, config: dict[str, Any], folder: Path, seed: int, began: float, hyperopt_kw: dict[str, Any]
) -> Any:
    """The search, with what is left of its time."""
    search = copy.deepcopy(config["hyperopt"])
    budget = at(search, "executor.time_budget_s")
    if isinstance(budget, int):
        search["executor"]["time_budget_s"] = max(int(budget - (time.monotonic() - began)), SHORTEST)
    options = {"experiment_name": NAME, "resume": False, **hyperopt_kw}
    return hyperopt({**config, "hyperopt": search}, dataset, output_directory=str(folder), random_seed=seed, **options)


def _checked(output_directory: str | Path, hyperopt_kw: Mapping[str, Any]) -> Path:
    """The folder, which can be written to, with keywords that a search has.

    Raises:
        ArgumentError: A keyword is none of a search, or its value is wrong.
        StorageError: Nothing can be written there.
    """
    known = [name for name in inspect.signature(hyperopt).parameters if name not in OWN]
    for keyword in hyperopt_kw:
        if keyword not in known:
            raise ArgumentError(f"There is no parameter '{keyword}'.{nearest(keyword, known)}")
    name_of("experiment_name", hyperopt_kw.get("experiment_name", NAME))
    whole_number("hyperopt_log_verbosity", hyperopt_kw.get("hyperopt_log_verbosity", TABLE), 0, TABLE)
    folder = path_of("output_directory", output_directory).absolute()
    there = next(place for place in (folder, *folder.parents) if place.exists())
    with storing(folder), tempfile.TemporaryFile(dir=there):
        return folder
