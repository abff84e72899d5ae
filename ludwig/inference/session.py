"""Predictions and statistics of a dataset, as the user wants them and as files.

N = rows
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ludwig.data.pipeline import Rows
from ludwig.features.base import Facts
from ludwig.inference import report
from ludwig.inference.postprocess import (
    Columns,
    Spec,
    as_dict,
    as_table,
    decode,
    is_table,
    nothing_of,
    spread,
    with_storable_index,
)
from ludwig.inference.predictor import Arrays
from ludwig.metrics.text import text_statistics
from ludwig.models.base import Model


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What becomes of predictions."""

    return_type: type | str
    folder: Path
    saves_predictions: bool = False
    saves_unprocessed: bool = False

    def __post_init__(self) -> None:
        is_table(self.return_type)  # raises where it is neither a table nor a dict

    @property
    def saves(self) -> bool:
        return self.saves_predictions or self.saves_unprocessed


def given_back(arrays: Arrays, rows: Rows, outputs: Sequence[Spec], facts: Mapping[str, Facts], wanted: Wanted) -> Any:
    """The predictions of all N rows, null where a row could not be used; as files too where that is wanted."""
    dropped = None if rows.kept.all() else ~rows.kept
    whole = arrays if dropped is None else spread(arrays, rows.kept)
    columns: Columns = decode(whole, outputs, facts)
    if wanted.saves_unprocessed:
        report.save_unprocessed(wanted.folder, whole)
    if wanted.saves_predictions:
        report.save_predictions(wanted.folder, with_storable_index(as_table(columns, rows.index, dropped)), columns)
    if is_table(wanted.return_type):
        return as_table(columns, rows.index, dropped)
    return as_dict(columns, dropped)


def nothing(wanted: Wanted) -> Any:
    """Predictions of the wanted type that were not collected."""
    return nothing_of(wanted.return_type)


def overall_statistics(
    model: Model,
    arrays: Arrays,
    rows: Rows,
    metrics: Mapping[str, Any],
    outputs: Sequence[Spec],
    facts: Mapping[str, Facts],
) -> dict[str, Any]:
    """The metrics with confusion matrices, curves and statistics of each class and of texts."""
    statistics: dict[str, Any] = {name: dict(values) for name, values in metrics.items()}
    for spec in outputs:
        name = spec.name
        truth = np.asarray(model.target(name, rows.frame).cpu().numpy())
        statistics[name] |= model.outputs[name].statistics(arrays[name], truth)
        found, wanted = (spec.feature.texts(ids, facts[name]) for ids in (arrays[name]["predictions"], truth))
        if found is not None and wanted is not None:
            statistics[name] |= text_statistics(found.tolist(), wanted.tolist())
    return statistics
