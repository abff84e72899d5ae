"""One column of a table -> the type of its feature, and the reason. The first rule that holds decides."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from ludwig.automl import words
from ludwig.automl.column import FIRST, SHOWN, Column, Finding
from ludwig.data.split import DEFAULT_COLUMN, WORDS
from ludwig.error import InputDataError
from ludwig.features.binary import FALSE_WORDS, TRUE_WORDS
from ludwig.features.date_cells import readings_of
from ludwig.features.number_cells import DATES, TIMES

Rule = Callable[[Column], Finding | None]

ALMOST_ALL = 0.995  # share of missing cells from which a column is left out
FEWEST = 20  # cells, for values that all differ to be those of a key
MOST_CODES = 100  # values of codes whose column's name shows them
MOST_CLASSES = 10  # values of a target of whole numbers that are classes
OF_A_CLASS = 5  # rows on average, for whole numbers to be classes
YEARS = (1500, 2200)
EARLIEST, LATEST = 19000101, 21001231  # dates of eight digits
FILES = {  # how files begin
    "image": (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*"),
    "audio": (b"RIFF", b"fLaC", b"OggS", b"ID3", b"FORM"),
}


def inferred(column: Column) -> Finding:
    """What an input column is."""
    if column.is_nested:
        return _nested(column)
    if column.kinds == {bytes}:
        return _file(column)
    return _first(column, (split, empty, constant, pair, times, *OF_NUMBERS, *OF_WORDS))


def inferred_target(column: Column) -> Finding:
    """What a target is: it is never left out.

    Raises:
        InputDataError: It cannot be predicted.
    """
    found = _nested(column) if column.is_nested else _first(column, (refused, classes, times, numbers, *OF_WORDS))
    if found.type is None or not found.is_predictable:
        raise InputDataError(
            f"The target '{column.name}' cannot be predicted as it is: it holds {found.reason}. Change the column, or "
            "set its type in user_config: {'output_features': [{'name': ..., 'type': ...}]}."
        )
    return found


def _first(column: Column, rules: tuple[Rule, ...]) -> Finding:
    return next(found for rule in rules if (found := rule(column)) is not None)


# --- What is left out -----------------------------------------------------------------------------------------------


def split(column: Column) -> Finding | None:
    """The column that assigns rows to splits."""
    if column.name == DEFAULT_COLUMN and column.present and column.words.str.lower().isin(WORDS).all():
        return Finding(None, "assigns rows to training, validation and test")
    return None


def empty(column: Column) -> Finding | None:
    """Nothing, or hardly anything."""
    if not column.present:
        return Finding(None, "no cell holds anything")
    if column.missing_share >= ALMOST_ALL:
        return Finding(None, f"{column.missing_share:.1%} of the cells are missing")
    return None


def constant(column: Column) -> Finding | None:
    """One value; whether it is missing may count."""
    if column.distinct > 1:
        return None
    if column.missing_share:
        return Finding("category", f"{column.example()} or missing")
    return Finding(None, f"constant: each cell is {column.example()}")


def refused(column: Column) -> Finding | None:
    """A target without two values."""
    if column.distinct > 1:
        return None
    return Finding(None, f"one value only, {column.example()}" if column.present else "nothing")


# --- What pandas knows ----------------------------------------------------------------------------------------------


def pair(column: Column) -> Finding | None:
    """Two values."""
    if column.distinct != 2:
        return None
    if column.missing_share > 0.01:
        one, two = map(repr, sorted(word[:SHOWN] for word in column.words))
        return Finding("category", f"{one} and {two}, and missing cells as a third case")
    return _binary(column)


def _binary(column: Column) -> Finding:
    """Two values, of which the rarer one is taken for true where no usual word shows which is."""
    one, two = map(repr, sorted(word[:SHOWN] for word in column.words))
    if column.words.str.lower().isin(TRUE_WORDS | FALSE_WORDS).any():
        return Finding("binary", f"two values, {one} and {two}")
    rarer = column.written.iloc[int(column.counts.argmin())]
    return Finding("binary", f"two values, {one} and {two}, the rarer one as true", {"fallback_true_label": rarer})


def classes(column: Column) -> Finding | None:
    """A target of two values, or of few whole numbers that count from 0 or 1."""
    if column.distinct == 2:
        return _binary(column)
    values, count = np.sort(column.values), column.distinct
    is_counted = not np.isnan(values).any() and values[0] in (0, 1) and (np.diff(values) == 1).all()
    if is_counted and count <= MOST_CLASSES and column.present >= OF_A_CLASS * count:
        return Finding("category", f"whole numbers from {values[0]:g} to {values[-1]:g}, taken for classes")
    return None


def times(column: Column) -> Finding | None:
    """Dates, times, durations and periods as such."""
    cells = column.cells
    kind = TIMES.get(pd.api.types.infer_dtype(cells.iloc[:FIRST], skipna=True))
    if isinstance(cells.dtype, pd.CategoricalDtype) or kind is None:
        return None
    if kind == DATES and readings_of(cells.iloc[:FIRST], None)[1].mean() <= 1 - words.MOST:
        return Finding("date", f"dates or times, as {column.example()}", is_predictable=False)
    return Finding(None, f"{kind}: turn them into numbers, such as days")


def _nested(column: Column) -> Finding:
    """Lists and arrays."""
    cells = column.cells.iloc[:FIRST]
    if any(issubclass(kind, dict) for kind in column.kinds):
        return Finding(None, "dicts: give each entry a column of its own")
    if any(issubclass(kind, set | frozenset) for kind in column.kinds):
        return Finding("set", "sets of tokens")
    arrays = [np.asarray(cell) for cell in cells.tolist() if not isinstance(cell, str)]
    dimensions, sizes = {array.ndim for array in arrays}, {array.size for array in arrays} - {0}
    if dimensions == {3} or dimensions == {2, 3}:
        return Finding("image", "arrays of pixels", is_predictable=False)
    if dimensions != {1}:
        return Finding(None, "cells of several kinds, or tables")
    if any(array.dtype.kind not in "iufb" for array in arrays if array.size):
        return Finding("set", "lists of tokens, whose order does not count in a set")
    if len(sizes) == 1:
        return Finding("vector", f"lists of {min(sizes)} numbers")
    return Finding("timeseries", f"lists of {min(sizes, default=0)} to {max(sizes, default=0)} numbers")


def _file(column: Column) -> Finding:
    """Contents of files."""
    cells = column.cells.iloc[:FIRST].tolist()
    for kind, beginnings in FILES.items():
        if all(cell.startswith(beginnings) for cell in cells):
            return Finding(kind, f"contents of {kind} files")
    return Finding(None, "bytes of no known kind of file")


# --- Numbers --------------------------------------------------------------------------------------------------------


def leading_zeros(column: Column) -> Finding | None:
    """Texts such as 01002 are codes, not numbers."""
    coded = column.like(r"0\d+")
    if column.is_numeric or column.share(coded) < 0.01 or column.share(column.like(r"\d+")) < words.MOST:
        return None
    return words.keys(column) or Finding("category", f"codes with leading zeros, as {column.example(coded)}")


def counted_rows(column: Column) -> Finding | None:
    """Whole numbers that all differ: keys by their name, or numbers of the rows."""
    values = _whole(column)
    if values is None or len(values) < max(FEWEST, 0.999 * column.rows):
        return None
    if words.is_name_of_key(column.name):
        return Finding(None, "a key by its name: all values differ")
    low, high = values.min(), values.max()
    is_year = low >= YEARS[0] and high <= YEARS[1]
    if high - low == len(values) - 1 and not is_year and column.present == column.rows:
        return Finding(None, f"numbers its rows, from {low:g} to {high:g}")
    return None


def moments(column: Column) -> Finding | None:
    """Numbers such as 20240131, or seconds since 1970 in a column whose name is that of a time."""
    values = _whole(column)
    if values is None or column.distinct < 3:
        return None
    month, day = values // 100 % 100, values % 100
    is_date = (values >= EARLIEST) & (values <= LATEST) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    if is_date.all():
        return Finding("date", f"dates of eight digits, as {column.example()}")
    since_1970 = (values >= 1e8) & (values < 5e18)  # seconds to nanoseconds
    if since_1970.all() and words.is_name_of_time(column.name):
        return Finding("date", f"time since 1970 by name and size, as {column.example()}")
    return None


def codes(column: Column) -> Finding | None:
    """Whole numbers that repeat, and whose column has the name of a key or of a code."""
    values = _whole(column)
    if values is None or column.distinct > column.present / 2:
        return None
    is_key = words.is_name_of_key(column.name)
    if is_key or (words.is_name_of_code(column.name) and column.distinct <= MOST_CODES):
        return Finding("category", f"codes by the name, as {column.example()}")
    return None


def numbers(column: Column) -> Finding | None:
    """Numbers, also as texts; a few cells may be none."""
    known = ~np.isnan(column.values)
    share = column.share(known)
    if share < words.MOST and (share < 0.8 or int(known.sum()) <= words.FEW):
        return None
    rest = column.with_unreadable(column.share(~known))
    kind = "whole numbers" if _whole(column) is not None else "numbers"
    as_text = "" if column.is_numeric else " as text"
    besides = f"; {1 - share:.1%} are none, as {column.example(~known)}" if share < 1 else ""
    return Finding("number", f"{kind}{as_text}{besides}", rest)


def _whole(column: Column) -> np.ndarray | None:
    """The distinct values where all are whole numbers."""
    values = column.values
    return values if len(values) and (values == np.floor(values)).all() else None


OF_NUMBERS: tuple[Rule, ...] = (leading_zeros, counted_rows, moments, codes, numbers)
OF_WORDS: tuple[Rule, ...] = (
    *(words.media, words.separated, words.dates, words.number_lists, words.tags, words.keys, words.texts),
    words.categories,
)
