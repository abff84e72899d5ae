"""`ludwig experiment --k_fold`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tabulate import tabulate

from ludwig.cli import flags
from ludwig.error import ArgumentError

OF_ONE_RUN = (  # options of `experiment` that folds have no use for
    *("training_set", "validation_set", "test_set", "training_set_metadata", "experiment_name", "model_name"),
    *("model_load_path", "model_resume_path", "eval_split"),
)
OF_FOLDS = ("fold_type", "fold_column", "num_processes", "skip_save_k_fold_split_indices")
SKIPS = tuple(name for name in flags.EXPERIMENT_SKIPS if name != "skip_save_unprocessed_output")


def add_folds(parser: flags.Parser) -> None:
    """What makes an experiment a cross-validation."""
    parser.add_argument("-kf", "--k_fold", type=int, metavar="N", help="cross-validation: number of folds")
    parser.add_argument("--fold_type", help="random, stratified, group or time, with --k_fold")
    parser.add_argument("--fold_column", help="column of groups, times or classes that the folds depend on")
    parser.add_argument("--num_processes", type=int, default=1, help="folds that are trained at once, with --k_fold")
    parser.add_argument(
        "-skfsi",
        "--skip_save_k_fold_split_indices",
        action="store_true",
        help="do not write kfold_split_indices.json",
    )


def refuse_without_folds(parser: flags.Parser, options: argparse.Namespace) -> None:
    """Raises for an option of folds where there are none."""
    given = _given(parser, options, OF_FOLDS)
    if given:
        raise ArgumentError(f"{given} needs --k_fold, the number of folds.")


def cross_validate(parser: flags.Parser, options: argparse.Namespace, words: list[str]) -> None:
    """Trains and evaluates a model for each fold, prints means and spread, and writes them with the folds' rows."""
    given = _given(parser, options, OF_ONE_RUN)
    if given:
        raise ArgumentError(f"{given} does not go with --k_fold, which trains a new model for each fold of --dataset.")
    if options.dataset is None:
        raise ArgumentError("--k_fold needs --dataset, the data that the folds are made of.")
    trackers = flags.trackers_of(options)
    from ludwig.api import kfold_cross_validate
    from ludwig.config import read_yaml

    config = options.config or read_yaml(options.config_str, "--config_str")
    wanted = flags.chosen(options, "dataset", "data_format", "output_directory", "random_seed", *SKIPS)
    folds = flags.chosen(options, "fold_type", "fold_column", "num_processes")
    with flags.announced(trackers, "experiment", words):
        statistics, indices = kfold_cross_validate(
            options.k_fold, config, **wanted, **folds, **flags.machine(options), callbacks=trackers
        )
    _write(Path(options.output_directory), statistics, None if options.skip_save_k_fold_split_indices else indices)
    _print(statistics["overall"])
    print(f"The folds are in {options.output_directory}")


def _given(parser: flags.Parser, options: argparse.Namespace, names: tuple[str, ...]) -> str:
    """Those of the options that have another value than by default, as a user writes them."""
    return ", ".join(f"--{name}" for name in names if getattr(options, name) != parser.get_default(name))


def _write(folder: Path, statistics: dict[str, Any], indices: dict[str, Any] | None) -> None:
    from ludwig.kfold import save_spread
    from ludwig.runtime.atomic import storing, write_json
    from ludwig.training.records.curves import is_installed

    with storing(folder):
        write_json(folder / "kfold_training_statistics.json", statistics)
        if indices is not None:
            write_json(folder / "kfold_split_indices.json", indices)
    if is_installed():
        save_spread(statistics, folder / "kfold_spread.png")


def _print(overall: dict[str, Any]) -> None:
    rows = [
        [output, name.removesuffix("_mean"), value, values[f"{name.removesuffix('_mean')}_std"]]
        for output, values in overall.items()
        for name, value in values.items()
        if name.endswith("_mean")
    ]
    print(tabulate(rows, headers=["output", "metric", "mean", "std"], floatfmt=".4f"))
