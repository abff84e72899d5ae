"""The sources that a call names, as tables."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ludwig.data.arrow import Selection
from ludwig.data.preprocess import Tables
from ludwig.data.sources import format_of, read_table
from ludwig.error import ArgumentError, InputDataError

Sources = dict[str, Any]  # those that were given, by the name of their parameter


def given_sources(dataset: Any, training_set: Any, validation_set: Any, test_set: Any) -> Sources:
    """The sources that are there.

    Raises:
        ArgumentError: None is, or both a whole and parts are.
    """
    parts = {"training_set": training_set, "validation_set": validation_set, "test_set": test_set}
    parts = {name: source for name, source in parts.items() if source is not None}
    if dataset is None and "training_set" not in parts:
        raise ArgumentError("There is no data: give `dataset`, or `training_set`.")
    if dataset is not None and parts:
        raise ArgumentError(f"Give either `dataset` or {', '.join(parts)}, not both.")
    return {"dataset": dataset} if dataset is not None else parts


def read_sources(sources: Sources, data_format: str | None, columns: Selection | None) -> Tables:
    """All sources read.

    Raises:
        InputDataError: They are of different formats, or cannot be read.
    """
    formats = {name: format_of(source, data_format) for name, source in sources.items()}
    if len(set(formats.values())) > 1:
        found = ", ".join(f"{name} is {kind}" for name, kind in formats.items())
        raise InputDataError(f"The sets must be of one format: {found}. Read them yourself and pass DataFrames.")
    tables: dict[str, pd.DataFrame] = {
        name: read_table(source, data_format, columns) for name, source in sources.items()
    }
    return Tables(
        tables.get("dataset"), tables.get("training_set"), tables.get("validation_set"), tables.get("test_set")
    )
