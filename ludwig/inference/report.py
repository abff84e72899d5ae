"""The files that predictions and evaluations leave.

predictions.parquet  predictions.shapes.json  <output>_<key>.csv  <output>_<key>.npy  test_statistics.json
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ludwig.globals import PREDICTIONS_PARQUET_FILE_NAME, PREDICTIONS_SHAPES_FILE_NAME, TEST_STATISTICS_FILE_NAME
from ludwig.runtime.atomic import write_json, written_aside

_UNSAFE = re.compile(r"[^\w\- ]+")


class Table(Protocol):
    """A table of predictions."""

    def to_parquet(self, path: Path) -> Any: ...


def save_predictions(folder: Path, table: Table, columns: Mapping[str, Mapping[str, Any]]) -> None:
    """The table as Parquet, and each column as CSV, one row a line."""
    folder.mkdir(parents=True, exist_ok=True)
    shapes = {}
    with written_aside(folder / PREDICTIONS_PARQUET_FILE_NAME) as aside:
        table.to_parquet(aside)
    for name, keys in columns.items():
        for key, values in keys.items():
            array = np.asarray(values, dtype=None if isinstance(values, np.ndarray) else object)
            if array.ndim > 1:
                shapes[f"{name}_{key}"] = list(array.shape[1:])
            _write_csv(folder / f"{file_name(name, key)}.csv", array)
    write_json(folder / PREDICTIONS_SHAPES_FILE_NAME, shapes)


def save_unprocessed(folder: Path, predicted: Mapping[str, Mapping[str, NDArray[Any]]]) -> None:
    """What the network gave, before ids become labels, as NumPy files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, keys in predicted.items():
        for key, array in keys.items():
            np.save(folder / f"{file_name(name, key)}.npy", array, allow_pickle=False)


def save_statistics(folder: Path, statistics: Mapping[str, Any]) -> None:
    """The statistics as JSON."""
    write_json(folder / TEST_STATISTICS_FILE_NAME, statistics)


def file_name(feature: str, key: str) -> str:
    """A name that every file system takes."""
    return _UNSAFE.sub("_", f"{feature}_{key}").rstrip("_")


def _write_csv(path: Path, array: NDArray[Any]) -> None:
    rows = array.reshape(len(array), -1) if array.ndim > 1 else array[:, None]
    with written_aside(path) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(_entries(row) for row in rows.tolist())


def _entries(row: list[Any]) -> list[Any]:
    return row[0] if len(row) == 1 and isinstance(row[0], list) else row
