"""Lists of numbers, as vectors and series have them in their cells and in what fills those that are missing."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ludwig.features.invalid import refuse_many

BETWEEN = r"[\s,\[\]()]+"  # the numbers of a text
FAULT = "that are not lists of numbers"
UNREADABLE = (pa.ArrowException, ValueError, TypeError, OverflowError)  # what Arrow raises of cells of all kinds


def flat_lists(column: pd.Series, where: str, share: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Lists of numbers, written as text or held as lists, end to end: values and the length of each row.

    A few cells that are not lists of finite numbers are missing: they have no length.

    Args:
        share: The fraction of the cells that may be unreadable.

    Raises:
        InputDataError: More are.
    """
    if pd.api.types.is_numeric_dtype(column.dtype):
        present = column.notna().to_numpy()
        return column.to_numpy(np.float64, na_value=np.nan)[present], present.astype(np.int64)
    plain = column.astype(object) if isinstance(column.dtype, pd.CategoricalDtype) else column
    try:
        values, lengths = _of_arrow(_as_arrow(plain))
    except UNREADABLE:
        values, lengths = _cell_by_cell(plain, where, share)
    return _without_infinite(column, values, lengths, where, share)


def _as_arrow(column: pd.Series) -> pa.Array | pa.ChunkedArray:
    if column.dtype == object and not {*map(type, column.to_numpy())}.isdisjoint((set, frozenset)):
        raise TypeError("sets have no order, though Arrow takes them for lists")
    return pa.array(column, from_pandas=True)


def _of_arrow(cells: pa.Array | pa.ChunkedArray) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """All cells at once; an error of `UNREADABLE` where one of them is not a list of numbers."""
    if isinstance(cells, pa.ChunkedArray):
        cells = cells.combine_chunks()
    if _is_number(cells.type):  # one number a cell, as in a column of numbers
        present = pc.is_valid(cells).to_numpy(zero_copy_only=False)
        return cells.cast(pa.float64()).drop_null().to_numpy(), present.astype(np.int64)
    if pa.types.is_null(cells.type):
        cells = cells.cast(pa.list_(pa.float64()))
    if pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type):
        cells = pc.split_pattern(pc.utf8_trim_whitespace(pc.replace_substring_regex(cells, BETWEEN, " ")), " ")
        empty = pc.equal(pc.list_value_length(cells), 1)
        blank = pc.and_(empty, pc.equal(pc.list_element(cells, 0), "")) if len(cells) else empty
        cells = pc.if_else(blank, pa.scalar(None, cells.type), cells)
    if not _is_list(cells.type):
        raise TypeError(f"cells of type {cells.type}")
    lengths = pc.list_value_length(cells).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    values = pc.list_flatten(cells).cast(pa.float64())
    return values.to_numpy(zero_copy_only=False), lengths


def _cell_by_cell(column: pd.Series, where: str, share: float) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The cells that can be read, where not all can."""
    read = [_of_cell(cell) for cell in column.tolist()]
    unreadable = np.array([numbers is None for numbers in read])
    refuse_many(column, unreadable, share, where, FAULT, "")
    kept = [np.empty(0) if numbers is None else numbers for numbers in read]
    return np.concatenate([np.empty(0), *kept]), np.array([len(numbers) for numbers in kept], np.int64)


def _of_cell(cell: Any) -> NDArray[np.float64] | None:
    """The numbers of a cell, none of a missing one; None where it is not a list of numbers."""
    try:
        if isinstance(cell, str):
            return np.array(re.sub(BETWEEN, " ", cell).split(), np.float64)
        if isinstance(cell, list | tuple | np.ndarray | pd.Series):
            array = np.array([np.nan if entry is None or entry is pd.NA else entry for entry in cell])
            is_flat = array.ndim == 1 and (array.dtype.kind in "iufb" or len(array) == 0)
            return array.astype(np.float64) if is_flat else None
        missing = pd.isna(cell)
    except (ValueError, TypeError, OverflowError):
        return None
    return np.empty(0) if missing is True else None


def _without_infinite(
    column: pd.Series, values: NDArray[np.float64], lengths: NDArray[np.int64], where: str, share: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Cells with infinite numbers are missing."""
    infinite = np.isinf(values)
    if not infinite.any():
        return values, lengths
    rows = np.repeat(np.arange(len(lengths)), lengths)
    unreadable = np.isin(np.arange(len(lengths)), rows[infinite])
    refuse_many(column, unreadable, share, where, "with infinite numbers", "")
    return values[~unreadable[rows]], np.where(unreadable, 0, lengths)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def _is_list(kind: pa.DataType) -> bool:
    return any(test(kind) for test in (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list))


def listed_numbers(text: str) -> list[float]:
    """The numbers in a text, between white space.

    Raises:
        ValueError: It holds something else, or a number that is not finite.
    """
    numbers = [float(word) for word in text.split()]
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"not finite: {text}")
    return numbers


def fill_faults(fill_value: str) -> list[tuple[str, str]]:
    """(parameter, message) where a fill value is no list of numbers."""
    try:
        listed_numbers(fill_value)
    except ValueError:
        return [("fill_value", f"Must be finite numbers separated by spaces. Received: {fill_value!r}.")]
    return []
