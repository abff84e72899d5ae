"""How a cell that is not text is written as a word, and which value a word stands for.

A cell is spelled by its own value: neither its dtype nor the cells beside it show. So the whole number 2 is "2" as
int8, float32, decimal or object; 0.1 is "0.1" in every precision; a midnight is its date in every resolution.
"""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Hashable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MOST_WHOLE = 1e22  # whole floats below it are written without an exponent, as Python writes integers
MANY_SIGNS = 16  # of a number of single precision that was widened; what people write down is shorter
NUMBER = re.compile(r"[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]{1,3})?", re.IGNORECASE)
TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
TRUTHS = {"true": Decimal(1), "false": Decimal(0)}  # as numbers, since True equals 1


def spelled(values: Any, dtype: Any) -> list[str]:
    """Distinct cells of a column of any dtype that pandas has, each as a word."""
    if isinstance(dtype, pd.CategoricalDtype):
        return spelled(values.astype(dtype.categories.dtype), dtype.categories.dtype)
    if isinstance(dtype, pd.SparseDtype):
        return spelled(np.asarray(values), dtype.subtype)
    if pd.api.types.is_float_dtype(dtype):
        plain = dtype if isinstance(dtype, np.dtype) else dtype.numpy_dtype
        return _floats(np.asarray(values, plain))
    return [value if isinstance(value, str) else word_of(value) for value in np.asarray(values, object).tolist()]


def _floats(values: NDArray[np.floating]) -> list[str]:
    """Numbers in the fewest digits that their precision needs; whole ones without a point."""
    wide = values.astype(np.float64)
    whole = (np.abs(wide) < MOST_WHOLE) & (wide == np.floor(wide))
    own = values if values.dtype.itemsize < wide.dtype.itemsize else wide
    return [
        str(int(value)) if is_whole else _widened(word)
        for value, word, is_whole in zip(wide.tolist(), own.astype(str).tolist(), whole.tolist(), strict=True)
    ]


def _widened(word: str) -> str:
    """The digits of a number of single precision that was made one of double precision: 0.10000000149011612 is 0.1."""
    if len(word) < MANY_SIGNS:
        return word
    single = np.float32(word)
    return str(single) if float(single) == float(word) else word


def word_of(value: Any) -> str:
    """The word for one cell."""
    if isinstance(value, int):
        return str(value)
    if isinstance(value, np.floating):
        return _floats(np.array([value]))[0]
    if isinstance(value, float | Decimal):
        return _number(value)
    if isinstance(value, np.datetime64 | datetime.date):
        return _moment(pd.Timestamp(value))
    if isinstance(value, np.timedelta64 | datetime.timedelta):
        return str(pd.Timedelta(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(value)


def _number(value: float | Decimal) -> str:
    if math.isfinite(value) and abs(float(value)) < MOST_WHOLE and value == int(value):
        return str(int(value))
    return str(value.normalize()) if isinstance(value, Decimal) else _widened(str(value))


def _moment(value: pd.Timestamp) -> str:
    is_date = value.tzinfo is None and value == value.normalize()
    return value.date().isoformat() if is_date else value.isoformat(sep=" ")


def value_of(word: str) -> Hashable | None:
    """The number, truth or point in time that a word stands for, whichever way it is written; None for other words.

    Codes with leading zeros, such as "01002", are words.
    """
    word = word.strip()
    truth = TRUTHS.get(word.lower())
    if truth is not None:
        return truth
    if NUMBER.fullmatch(word):
        return Decimal(word)
    if TIME.fullmatch(word):
        try:
            return pd.Timestamp(word)
        except ValueError:  # such as the 30th of February
            return None
    return None
