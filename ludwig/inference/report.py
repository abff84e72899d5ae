"""The files that predictions and evaluations leave.

predictions.parquet  predictions.shapes.json  <output>_<key>.csv  <output>_<key>.npy  test_statistics.json
predictions.files.json and unprocessed.files.json, where names are too long or not safe: which file holds which column
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ludwig.globals import (
    PREDICTIONS_FILES_FILE_NAME,
    PREDICTIONS_PARQUET_FILE_NAME,
    PREDICTIONS_SHAPES_FILE_NAME,
    TEST_STATISTICS_FILE_NAME,
    UNPROCESSED_FILES_FILE_NAME,
)
from ludwig.runtime.atomic import write_json, written_aside
from ludwig.runtime.file_names import distinct_names

_UNSAFE = re.compile(r"[^\w\- ]+")
_UNSAFE_BUT_DOTS = re.compile(r"[^\w\-. ]+")


class Table(Protocol):
    """A table of predictions."""

    def to_parquet(self, path: Path) -> Any: ...


def save_predictions(folder: Path, table: Table, columns: Mapping[str, Mapping[str, Any]]) -> None:
    """The table as Parquet, and each column as CSV, one row a line."""
    folder.mkdir(parents=True, exist_ok=True)
    shapes = {}
    with written_aside(folder / PREDICTIONS_PARQUET_FILE_NAME) as aside:
        table.to_parquet(aside)
    flat = _by_column(columns)
    for column, file in zip(flat, file_names(flat), strict=True):
        values = flat[column]
        array = np.asarray(values, dtype=None if isinstance(values, np.ndarray) else object)
        if array.ndim > 1:
            shapes[column] = list(array.shape[1:])
        _write_csv(folder / f"{file}.csv", array)
    write_json(folder / PREDICTIONS_SHAPES_FILE_NAME, shapes)
    _save_map(folder / PREDICTIONS_FILES_FILE_NAME, list(flat), ".csv")


def save_unprocessed(folder: Path, predicted: Mapping[str, Mapping[str, NDArray[Any]]]) -> None:
    """What the network gave, before ids become labels, as NumPy files."""
    folder.mkdir(parents=True, exist_ok=True)
    flat = _by_column(predicted)
    for array, file in zip(flat.values(), file_names(flat), strict=True):
        np.save(folder / f"{file}.npy", array, allow_pickle=False)
    _save_map(folder / UNPROCESSED_FILES_FILE_NAME, list(flat), ".npy")


def save_tensors(folder: Path, tensors: Sequence[tuple[str, Tensor]]) -> list[Path]:
    """Tensors as NumPy files of their names, with __ for :: and what file systems do not take; gives the files."""
    folder.mkdir(parents=True, exist_ok=True)
    names = distinct_names(_UNSAFE_BUT_DOTS.sub("_", name.replace("::", "__")).rstrip(". ") for name, _ in tensors)
    files = [folder / f"{name}.npy" for name in names]
    for file, (_, tensor) in zip(files, tensors, strict=True):
        known = tensor.detach().cpu()
        with written_aside(file) as aside, aside.open("wb") as opened:  # NumPy knows no bfloat16
            np.save(opened, (known.float() if known.dtype == torch.bfloat16 else known).numpy(), allow_pickle=False)
    return files


def save_statistics(folder: Path, statistics: Mapping[str, Any]) -> None:
    """The statistics as JSON."""
    write_json(folder / TEST_STATISTICS_FILE_NAME, statistics)


def file_names(columns: Iterable[str]) -> list[str]:
    """A name for each column that every file system takes; no two are the same, in capitals or not."""
    return distinct_names(_UNSAFE.sub("_", column).rstrip("_") for column in columns)


def _by_column(columns: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {f"{name}_{key}": values for name, keys in columns.items() for key, values in keys.items()}


def _save_map(path: Path, columns: Sequence[str], ending: str) -> None:
    """Which file holds which column, where their names do not say it; a map that no longer holds is removed."""
    names = file_names(columns)
    if names == list(columns):
        path.unlink(missing_ok=True)
    else:
        write_json(path, {f"{name}{ending}": column for name, column in zip(names, columns, strict=True)})


def _write_csv(path: Path, array: NDArray[Any]) -> None:
    rows = array.reshape(len(array), -1) if array.ndim > 1 else array[:, None]
    with written_aside(path) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(_entries(row) for row in rows.tolist())


def _entries(row: list[Any]) -> list[Any]:
    return row[0] if len(row) == 1 and isinstance(row[0], list) else row
