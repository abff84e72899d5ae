"""A model is trained and then evaluated on one of the splits."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from ludwig.api_types import PreprocessedDataset, TrainingStats
from ludwig.callbacks import Callback
from ludwig.inference.session import Wanted
from ludwig.lifecycle.held import Given, Held, Kept, refuse_odd_split, split_of, within_call
from ludwig.lifecycle.prediction import Statistics, evaluate
from ludwig.lifecycle.training import train
from ludwig.runtime.console import warn

Result = tuple[dict[str, Any] | None, TrainingStats, PreprocessedDataset, str]


def experiment(
    held: Held,
    given: Given,
    kept: Kept,
    split: str,
    wanted: Wanted,
    statistics: Statistics,
    seed: int,
    callbacks: list[Callback] | None,
) -> Result:
    """Statistics (None where the split has no rows), training statistics, data, and the run's folder.

    Args:
        wanted: What becomes of predictions, in the run's folder where there is one.
    """
    refuse_odd_split(split)
    results = train(held, given, kept, seed, callbacks)
    data, run = results.preprocessed_data, results.output_directory
    rows = split_of(data, split)
    if rows is None:
        with within_call(held):
            warn(f"The {split} split has no rows, so it is not evaluated.")
        return None, results.train_stats, data, run
    if run:
        wanted = dataclasses.replace(wanted, folder=Path(run))
    found, _ = evaluate(held, Given(rows), "full", None, wanted, statistics, callbacks)
    return found, results.train_stats, data, run
