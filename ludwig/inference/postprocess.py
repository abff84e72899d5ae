"""Predictions as users see them: a table with the caller's index, or a dict of arrays.

N = rows
"""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from ludwig.error import ArgumentError
from ludwig.features.base import Facts, Feature

Columns = dict[str, dict[str, Any]]  # by output, by key
TABLES, DICTS = (pd.DataFrame, "dataframe", "df"), (dict, "dict", "dictionary")  # return types


class Spec(Protocol):
    """One output as this room needs it."""

    @property
    def name(self) -> str: ...
    @property
    def feature(self) -> Feature[Any, Any, Any]: ...


def decode(
    predicted: Mapping[str, Mapping[str, NDArray[Any]]], outputs: Sequence[Spec], facts: Mapping[str, Facts]
) -> Columns:
    """Ids become labels, each output's columns under their keys."""
    return {spec.name: spec.feature.decode(predicted[spec.name], facts[spec.name]) for spec in outputs}


def is_table(return_type: Any) -> bool:
    """Whether predictions are wanted as a table.

    Raises:
        ArgumentError: The type is neither a table nor a dict.
    """
    if return_type not in (*TABLES, *DICTS):
        raise ArgumentError(f"return_type must be pd.DataFrame or dict. Received: {return_type!r}.")
    return return_type in TABLES


def nothing_of(return_type: Any) -> Any:
    """An empty table or dict."""
    return pd.DataFrame() if is_table(return_type) else {}


def as_table(columns: Columns, index: pd.Index, dropped: NDArray[np.bool_] | None = None) -> pd.DataFrame:
    """All columns as `<output>_<key>`; rows that could not be predicted are null.

    A cell of several numbers is a list, in a column of objects: other programs, and pandas itself, read no other kind
    of list back from a file.
    """
    gone = dropped if dropped is not None and dropped.any() else None
    table = {
        f"{name}_{key}": _series(values, index, gone) for name, keys in columns.items() for key, values in keys.items()
    }
    return pd.DataFrame(table, index=index)


def with_storable_index(table: pd.DataFrame) -> pd.DataFrame:
    """The table, with an index as text where a Parquet file cannot hold it, as of labels of several kinds."""
    try:
        pa.Table.from_pandas(table.iloc[:, :0])
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        texts = [str(label).encode(errors="backslashreplace").decode() for label in table.index]
        return table.set_axis(pd.Index(texts, dtype=object, name=table.index.name), axis=0)
    return table


def _series(values: Any, index: pd.Index, dropped: NDArray[np.bool_] | None) -> Any:
    array = np.asarray(values)
    if array.ndim > 1:
        series = pd.Series(_lists(array), index=index)
    elif array.dtype == object and all(isinstance(value, str) for value in array[:1]):
        series = pd.Series(array, index=index, dtype=object)
    else:
        series = pd.Series(array, index=index)
    if dropped is None:
        return series
    if series.dtype == bool:
        series = series.astype(object)
    return series.mask(pd.Series(dropped, index=index))


def _lists(array: NDArray[Any]) -> NDArray[np.object_]:
    """A list for each row. Meanwhile the garbage collector rests: it would look at all the new lists, over and over."""
    lists = np.empty(len(array), dtype=object)
    was_on = gc.isenabled()
    gc.disable()
    try:
        lists[:] = array.tolist()
    finally:
        if was_on:
            gc.enable()
    return lists


def as_dict(columns: Columns, dropped: NDArray[np.bool_] | None = None) -> dict[str, dict[str, Any]]:
    """By output and key: arrays of N rows; rows that could not be predicted are null."""
    gone = dropped if dropped is not None and dropped.any() else None
    return {name: {key: _nulled(values, gone) for key, values in keys.items()} for name, keys in columns.items()}


def _nulled(values: Any, dropped: NDArray[np.bool_] | None) -> Any:
    if dropped is None or not isinstance(values, np.ndarray):
        return values
    if values.dtype.kind == "f":
        values = values.copy()
        values[dropped] = np.nan
        return values
    values = values.astype(object)
    values[dropped] = None
    return values


def spread(
    predicted: Mapping[str, Mapping[str, NDArray[Any]]], kept: NDArray[np.bool_]
) -> dict[str, dict[str, NDArray[Any]]]:
    """The predictions of the kept rows among those of all, which are zeros; whoever returns them makes these null."""

    def over_all(array: NDArray[Any]) -> NDArray[Any]:
        whole = np.zeros((len(kept), *array.shape[1:]), dtype=array.dtype)
        whole[kept] = array
        return whole

    return {name: {key: over_all(array) for key, array in keys.items()} for name, keys in predicted.items()}
