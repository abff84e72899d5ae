"""What the folds have in common: mean and spread of their metrics, and the predictions of all rows.

N = rows of the table, K = folds
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

Evaluation = Mapping[str, Mapping[str, Any]]  # by output, by statistic


def overall(evaluations: Sequence[Evaluation]) -> dict[str, dict[str, Any]]:
    """`<metric>_mean` and `<metric>_std` of every scalar statistic of each output, over the folds that have it.

    The standard deviation is that of the K values themselves (divided by K, not by K - 1).
    """
    found: dict[str, dict[str, Any]] = {}
    for output in dict.fromkeys(name for each in evaluations for name in each):
        found[output] = {}
        for metric, values in scores(evaluations, output).items():
            found[output][f"{metric}_mean"] = np.mean(values)
            found[output][f"{metric}_std"] = np.std(values)
    return found


def scores(evaluations: Sequence[Evaluation], output: str) -> dict[str, list[float]]:
    """The scalar statistics of an output: a value for each fold that has it."""
    metrics: dict[str, list[float]] = {}
    for evaluation in evaluations:
        for metric, value in evaluation.get(output, {}).items():
            if isinstance(value, int | float | np.number) and not isinstance(value, bool):
                metrics.setdefault(metric, []).append(float(value))
    return metrics


def out_of_fold(predictions: Sequence[pd.DataFrame], index: pd.Index) -> pd.DataFrame:
    """The predictions of all N rows, each by the model that was not trained on it; null for rows that no fold tests.

    Args:
        predictions: Those of each fold, with the positions of its rows as index.
        index: The caller's.
    """
    there = [table for table in predictions if len(table)]
    if not there:
        return pd.DataFrame(index=index)
    lists = [name for name in there[0].columns if all(name in table and _repeats(table, name) for table in there)]
    found = pd.concat(there)
    for name in lists:
        parts = _parts(found, name)
        found[parts] = found[parts].fillna(0.0)  # a class that is not among the training rows of a fold
        found[name] = pd.Series(found[parts].to_numpy().tolist(), found.index)
    return found.reindex(pd.RangeIndex(len(index))).set_axis(index, axis=0)


def _repeats(table: pd.DataFrame, name: str) -> bool:
    """Whether the column has lists whose values stand in columns of their own too, as the probabilities of classes do.

    The order within a list is that of the fold's own classes, so it has to be made anew from those columns.
    """
    parts = _parts(table, name)
    return bool(parts) and bool(table[name].tolist() == table[parts].to_numpy().tolist())


def _parts(table: pd.DataFrame, name: str) -> list[str]:
    return [column for column in table.columns if column.startswith(f"{name}_")]
