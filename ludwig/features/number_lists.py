"""Lists of numbers, as vectors and series have them in their cells and in what fills those that are missing."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ludwig.error import InputDataError

UNREADABLE = (pa.ArrowException, ValueError, TypeError, OverflowError)  # what Arrow raises of cells of all kinds


def flat_lists(column: pd.Series, where: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Lists of numbers, written as text or held as lists, end to end: values and the length of each row.

    Raises:
        InputDataError: An entry is not a number.
    """
    if pd.api.types.is_numeric_dtype(column.dtype):
        present = column.notna().to_numpy()
        return column.to_numpy(np.float64, na_value=np.nan)[present], present.astype(np.int64)
    plain = column.astype(object) if isinstance(column.dtype, pd.CategoricalDtype) else column
    try:
        cells = pa.array(plain, from_pandas=True)
    except UNREADABLE as error:
        raise _no_lists(where, error) from None
    if isinstance(cells, pa.ChunkedArray):
        cells = cells.combine_chunks()
    if _is_number(cells.type):  # one number a cell, as in a column of numbers
        present = pc.is_valid(cells).to_numpy(zero_copy_only=False)
        return cells.cast(pa.float64()).drop_null().to_numpy(), present.astype(np.int64)
    if pa.types.is_null(cells.type):
        cells = cells.cast(pa.list_(pa.float64()))
    if pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type):
        cells = pc.split_pattern(pc.utf8_trim_whitespace(pc.replace_substring_regex(cells, r"[\s,\[\]()]+", " ")), " ")
        empty = pc.equal(pc.list_value_length(cells), 1)
        blank = pc.and_(empty, pc.equal(pc.list_element(cells, 0), "")) if len(cells) else empty
        cells = pc.if_else(blank, pa.scalar(None, cells.type), cells)
    if not _is_list(cells.type):
        raise _no_lists(where, f"they are of type {cells.type}")
    lengths = pc.list_value_length(cells).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    try:
        values = pc.list_flatten(cells).cast(pa.float64())
    except UNREADABLE as error:
        raise _no_lists(where, error) from None
    return values.to_numpy(zero_copy_only=False), lengths


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def _is_list(kind: pa.DataType) -> bool:
    return any(test(kind) for test in (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list))


def _no_lists(where: str, error: Exception | str) -> InputDataError:
    why = " ".join(str(error).split()).rstrip(".")
    return InputDataError(f"The {where} has cells that are not lists of numbers: {ascii(why)[1:-1]:.200}.")


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
