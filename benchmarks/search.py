"""A search of tiny trials against the plain loop of the same trainings, in one process and on one thread.

`python benchmarks/search.py [--trials 20] [--repeats 5] [--algorithm variant_generator]` prints a table of ratios with
their targets, in CPU seconds: the machine may be busy, but a trial waits for the disk as its training does.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from tabulate import tabulate

from ludwig.api import LudwigModel
from ludwig.config.search import with_parameters
from ludwig.hyperopt.run import hyperopt

ROWS = 200
TRAINING_SKIPS = ("skip_save_model", "skip_save_progress", "skip_save_log")
EVALUATION_SKIPS = ("skip_save_predictions", "skip_save_unprocessed_output", "skip_save_eval_stats")
SAVING = {  # whether a trial leaves models, checkpoints, logs, predictions and statistics out
    "all that a search saves by default": False,
    "no models, checkpoints, logs, predictions": True,
}
RAW = {
    "input_features": [
        {"name": "a", "type": "number"},
        {"name": "b", "type": "number"},
        {"name": "c", "type": "category"},
    ],
    "output_features": [{"name": "y", "type": "binary"}],
    "trainer": {"epochs": 3, "batch_size": 32, "validation_field": "y", "validation_metric": "roc_auc"},
}


def table() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    numbers = draw.normal(size=(ROWS, 2))
    words = draw.choice(["red", "green", "blue"], ROWS)
    target = numbers @ [1.0, -1.0] + (words == "red") + draw.normal(size=ROWS) > 0
    return pd.DataFrame({"a": numbers[:, 0], "b": numbers[:, 1], "c": words, "y": target})


def config(trials: int, algorithm: str) -> dict[str, Any]:
    return {
        **RAW,
        "hyperopt": {
            "output_feature": "y",
            "metric": "roc_auc",
            "parameters": {
                "trainer.learning_rate": {"space": "loguniform", "lower": 0.001, "upper": 0.1},
                "combiner.output_size": {"space": "choice", "categories": [16, 32, 64]},
            },
            "search_alg": {"type": algorithm},
            "executor": {"num_samples": trials},
        },
    }


def searched(data: pd.DataFrame, trials: int, algorithm: str, skips: bool, folder: str) -> list[dict[str, Any]]:
    """The parameters of the trials, in their order."""
    found = hyperopt(
        config(trials, algorithm),
        data,
        output_directory=folder,
        hyperopt_log_verbosity=0,
        random_seed=1,
        **dict.fromkeys((*TRAINING_SKIPS, *EVALUATION_SKIPS), skips),
    )
    assert all(trial.error is None for trial in found.ordered_trials)
    return [trial.parameters for trial in sorted(found.ordered_trials, key=lambda trial: trial.number)]


def looped(data: pd.DataFrame, points: list[dict[str, Any]], skips: bool, folder: str) -> None:
    """What a user writes without a search: preprocess once, train each config, and evaluate it."""
    ready = LudwigModel(RAW, logging_level=logging.ERROR).preprocess(
        data, random_seed=1, skip_save_processed_input=True
    )
    for place, point in enumerate(points):
        model = LudwigModel(with_parameters(RAW, point), logging_level=logging.ERROR)
        results = model.train(
            ready,
            output_directory=str(Path(folder) / f"trial_{place}"),
            experiment_name=f"trial_{place}",
            random_seed=1 + place,
            **dict.fromkeys(TRAINING_SKIPS, skips),
        )
        model.evaluate(
            ready.validation_set,
            output_directory=results.output_directory,
            **dict.fromkeys(EVALUATION_SKIPS, skips),
        )


def cpu_seconds(work: Callable[[str], Any]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        begin = time.process_time()
        work(folder)
        return time.process_time() - begin


def line(name: str, skips: bool, options: argparse.Namespace) -> list[str]:
    """The search and the loop in turn, so that a change of the machine's pace meets both."""
    data, trials = table(), options.trials
    with tempfile.TemporaryDirectory() as folder:
        points = searched(data, trials, options.algorithm, skips, folder)  # which also imports what is needed
    pairs = []
    for _ in range(options.repeats):
        loop = cpu_seconds(lambda folder: looped(data, points, skips, folder))
        search = cpu_seconds(lambda folder: searched(data, trials, options.algorithm, skips, folder))
        pairs.append((search, loop))
    above = statistics.median((search - loop) / trials * 1000 for search, loop in pairs)
    ratio = statistics.median(search / loop for search, loop in pairs)
    each = [statistics.median(column) / trials * 1000 for column in zip(*pairs, strict=True)]
    verdict = "ok" if above <= options.most and ratio <= options.times else "MISSED"
    return [name, *(f"{one:,.1f} ms" for one in each), f"{above:,.1f} ms", f"{ratio:.2f}x", verdict]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=20, help="trials of a search")
    parser.add_argument("--repeats", type=int, default=5, help="how often each pair is measured")
    parser.add_argument("--algorithm", default="variant_generator", help="search algorithm")
    parser.add_argument("--most", type=float, default=50, help="target: CPU milliseconds of a trial above its training")
    parser.add_argument("--times", type=float, default=2, help="target: ratio to the loop")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        rows = [line(name, skips, options) for name, skips in SAVING.items()]
    headers = ["saved", "a trial", "its training alone", "above it", "ratio", ""]
    print(tabulate(rows, headers=headers, disable_numparse=True))


if __name__ == "__main__":
    main()
