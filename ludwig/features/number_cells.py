"""One number a cell, whatever the type of the column.

N = rows
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ludwig.error import InputDataError
from ludwig.features.invalid import refuse_many
from ludwig.features.spelling import word_of

DATES, DURATIONS = "dates or times", "durations"
TIMES = {  # by pandas' name of the values of a column
    **dict.fromkeys(("datetime64", "datetime", "date", "time"), DATES),
    **dict.fromkeys(("timedelta64", "timedelta"), DURATIONS),
    "period": "periods",
    "interval": "intervals",
}


def floats_of(column: pd.Series, where: str, max_invalid_share: float) -> NDArray[np.float64]:
    """One number a cell, NaN where it is missing: [N]. A few cells that are not finite numbers are missing as well.

    Raises:
        InputDataError: Many cells are not numbers; the message counts them and shows the first few.
    """
    numbers = _numbers(column, where, max_invalid_share)
    infinite = np.isinf(numbers)
    refuse_many(column, infinite, max_invalid_share, where, "that are infinite")
    return np.where(infinite, np.nan, numbers) if infinite.any() else numbers


def _numbers(column: pd.Series, where: str, max_invalid_share: float) -> NDArray[np.float64]:
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_complex_dtype(column.dtype):
        return column.to_numpy(np.float64, na_value=np.nan)
    _refuse_times(column, where)
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)  # categories that are integers cannot take up missing cells
    try:
        numbers = pd.to_numeric(column, errors="coerce")
    except OverflowError:  # integers that no float can hold
        numbers = column.map(_as_float).astype(np.float64)
    if pd.api.types.is_complex_dtype(numbers.dtype):
        parts = numbers.to_numpy(np.complex128)
        numbers = pd.Series(np.where(parts.imag == 0, parts.real, np.nan), index=column.index)
    unreadable = (numbers.isna() & column.notna()).to_numpy()
    refuse_many(column, unreadable, max_invalid_share, where, "that are not numbers")
    return numbers.to_numpy(np.float64, na_value=np.nan)


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf
    except (TypeError, ValueError):  # no number, or none at all
        return math.nan


def _refuse_times(column: pd.Series, where: str) -> None:
    """Raises where cells are dates, times, periods or durations: pandas would read them as nanoseconds or days."""
    values = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else column
    kind = pd.api.types.infer_dtype(values, skipna=True)
    if kind in TIMES:
        raise InputDataError(
            f"The {where} holds {TIMES[kind]}, such as {word_of(values.dropna().tolist()[0])}, and not numbers. "
            "Declare the feature as category, or make numbers of them, such as days since a date."
        )
