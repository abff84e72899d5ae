"""The options that commands share: one definition each, named as the parameters of the methods they call."""

from __future__ import annotations

import argparse
import importlib
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tabulate import tabulate

from ludwig.callbacks import Callback, CallbackList

LEVELS = ("critical", "error", "warning", "info", "debug", "notset")

SKIPS: dict[str, tuple[str, ...]] = {  # parameter -> (short options, what is not done)
    "skip_save_training_description": ("-sstd", "do not write description.json"),
    "skip_save_training_statistics": ("-ssts", "do not write training_statistics.json"),
    "skip_save_model": ("-ssm", "do not write the model"),
    "skip_save_progress": ("-ssp", "do not write checkpoints, so that the run cannot be resumed"),
    "skip_save_log": ("-ssl", "do not write TensorBoard logs"),
    "skip_save_processed_input": ("-sspi", "do not keep the preprocessed data"),
    "skip_save_unprocessed_output": ("-ssuo", "do not write .npy files"),
    "skip_save_predictions": ("-sstp", "do not write predictions"),
    "skip_save_eval_stats": ("-sses", "-sstes", "do not write test_statistics.json"),
    "skip_collect_predictions": ("-scp", "do not collect predictions"),
    "skip_collect_overall_stats": ("-scos", "do not compute confusion matrices and curves"),
    "skip_save_hyperopt_statistics": ("-sshs", "do not write hyperopt_statistics.json"),
}
TRACKERS = {  # flag -> (service, class of ludwig.integrations.<flag>)
    "mlflow": ("MLflow", "MlflowCallback"),
    "wandb": ("Weights & Biases", "WandbCallback"),
    "comet": ("Comet", "CometCallback"),
    "aim": ("Aim", "AimCallback"),
}
TRAINING_SKIPS = tuple(SKIPS)[:6]
EVALUATION_SKIPS = tuple(SKIPS)[6:11]
EXPERIMENT_SKIPS = (*TRAINING_SKIPS, *EVALUATION_SKIPS)
SEARCH_SKIPS = (*TRAINING_SKIPS, *EVALUATION_SKIPS[:3], "skip_save_hyperopt_statistics")

Parser = argparse.ArgumentParser


def parser_of(command: str, description: str) -> Parser:
    """A parser with what every command takes."""
    parser = Parser(prog=f"ludwig {command}", description=description)
    parser.add_argument("-l", "--logging_level", default="info", choices=LEVELS, help="logging level")
    parser.add_argument("-b", "--backend", help="backend: where the work runs, such as local")
    parser.add_argument("-g", "--gpus", help="GPUs to use, by index, as in CUDA_VISIBLE_DEVICES")
    parser.add_argument("-gml", "--gpu_memory_limit", type=float, help="share of a GPU's memory, from 0 to 1")
    parser.add_argument("-dpt", "--disable_parallel_threads", action="store_true", help="use one CPU thread")
    return parser


def add_config(parser: Parser) -> None:
    """`--config` or `--config_str`."""
    either = parser.add_mutually_exclusive_group(required=True)
    either.add_argument("-c", "--config", help="YAML file with the config")
    either.add_argument("-cs", "--config_str", help="the config as YAML text")


def add_data(parser: Parser, *, splits: bool) -> None:
    """The data, whole or by split."""
    parser.add_argument("--dataset", required=not splits, help="path of the data")
    if splits:
        for name in ("training_set", "validation_set", "test_set"):
            parser.add_argument(f"--{name}", help=f"path of the {name.replace('_', ' ')}, in place of --dataset")
        parser.add_argument(
            "--training_set_metadata",
            help="training_set_metadata.json of an earlier run: fitted preprocessing state to use again",
        )
    parser.add_argument("--data_format", help="format of the data; inferred from its name by default")


def add_run(parser: Parser, experiment_name: str) -> None:
    """Where a run goes and how it begins."""
    parser.add_argument("--output_directory", default="results", help="folder of all runs")
    parser.add_argument("--experiment_name", default=experiment_name, help="first part of the run's folder")
    parser.add_argument("--model_name", default="run", help="second part of the run's folder")
    parser.add_argument("-mlp", "--model_load_path", help="folder of a trained model to start from (fine-tuning)")
    parser.add_argument("-mrp", "--model_resume_path", help="folder of a run to resume")
    parser.add_argument(
        "-rs", "--random_seed", type=int, default=42, help="random seed of split, weights, shuffling and dropout"
    )


def add_model_path(parser: Parser) -> None:
    """A saved model."""
    parser.add_argument("-m", "--model_path", required=True, help="folder of the trained model")


def add_folder(parser: Parser) -> None:
    """Where files go."""
    parser.add_argument("-od", "--output_directory", default="results", help="folder that the files are written to")


def add_model(parser: Parser) -> None:
    """The trained model of `predict` and `evaluate`."""
    add_model_path(parser)
    add_folder(parser)
    parser.add_argument("-s", "--split", default="full", help="full, training, validation or test")


def add_skips(parser: Parser, names: tuple[str, ...]) -> None:
    """Switches for what is not to be done."""
    for name in names:
        *words, text = SKIPS[name]
        parser.add_argument(*words, f"--{name}", action="store_true", help=text)


def add_trackers(parser: Parser) -> None:
    """`--mlflow` and the like: services that the training is logged to."""
    for name, (service, _) in TRACKERS.items():
        parser.add_argument(f"--{name}", action="store_true", help=f"log the training to {service}")


def level_of(options: argparse.Namespace) -> int:
    """The logging level as a number."""
    return int(getattr(logging, options.logging_level.upper()))


def machine(options: argparse.Namespace) -> dict[str, Any]:
    """The arguments of the constructor and of `load` about the machine."""
    return {
        "logging_level": level_of(options),
        "backend": options.backend,
        "gpus": options.gpus,
        "gpu_memory_limit": options.gpu_memory_limit,
        "allow_parallel_threads": not options.disable_parallel_threads,
    }


def chosen(options: argparse.Namespace, *names: str) -> dict[str, Any]:
    """The options of these names."""
    return {name: getattr(options, name) for name in names}


DATA = ("dataset", "training_set", "validation_set", "test_set", "training_set_metadata", "data_format")
RUN = ("output_directory", "experiment_name", "model_name", "model_resume_path", "random_seed")


def trackers_of(options: argparse.Namespace) -> list[Any]:
    """The callbacks of the services whose flags are set.

    Raises:
        MissingExtraError: The package of one is not installed.
    """
    chosen = [(name, callback) for name, (_, callback) in TRACKERS.items() if getattr(options, name, False)]
    return [getattr(importlib.import_module(f"ludwig.integrations.{name}"), callback)() for name, callback in chosen]


def print_files(found: Sequence[tuple[str, Any]], files: Sequence[Path]) -> None:
    """Which file holds which tensor."""
    rows = [[name, list(tensor.shape), str(file)] for (name, tensor), file in zip(found, files, strict=True)]
    print(tabulate(rows, headers=["name", "shape", "file"]))


@contextmanager
def announced(callbacks: Sequence[Callback], command: str, words: Sequence[str]) -> Iterator[None]:
    """Calls the callbacks when the command begins, and when it is over, also after an error."""
    hooks = CallbackList(callbacks)
    hooks.on_cmdline(command, *words)
    try:
        yield
    finally:
        hooks.on_ludwig_end()


def model_of(options: argparse.Namespace) -> Any:
    """A new model of the config, or the trained one that the run begins from."""
    trackers = trackers_of(options)  # a package that is missing is reported before anything is read
    from ludwig.api import LudwigModel

    if vars(options).get("model_load_path"):
        return LudwigModel.load(options.model_load_path, **machine(options), callbacks=trackers)
    return LudwigModel(config_of(options), **machine(options), callbacks=trackers)


def config_of(options: argparse.Namespace) -> Any:
    """The path of the config, or the config itself where it is given as text."""
    from ludwig.config import read_yaml

    return options.config or read_yaml(options.config_str, "--config_str")
