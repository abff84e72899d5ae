"""The rows that forecasts are made from: of each series those up to a cut-off, and those after it.

N = rows of the table
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ludwig.error import InputDataError
from ludwig.features.cells import Labels
from ludwig.forecast.labels import continued
from ludwig.forecast.plan import SERIES, Plan

Index = NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Stretch:
    """The rows of one series, by their positions in the table."""

    past: Index  # up to the cut-off, one at least
    future: Index  # after it; their covariates may be known


@dataclasses.dataclass(frozen=True)
class Size:
    """How many rows of a series are read."""

    window: int  # up to the cut-off
    ahead: int  # after it


def rows_by_series(table: pd.DataFrame, group: str | None) -> list[Index]:
    """The positions of the rows of each id, in the order of the table; ids in the order in which they first occur.

    Raises:
        InputDataError: The table has no rows.
    """
    if len(table) == 0:
        raise InputDataError("The data has no rows, so there is nothing that a forecast could go on from.")
    if group is None:
        return [np.arange(len(table))]
    codes = Labels.of(table[group]).codes
    _, first, ids = np.unique(codes, return_index=True, return_inverse=True)
    each = np.split(np.argsort(ids, kind="stable"), np.cumsum(np.bincount(ids))[:-1])
    return [each[place] for place in np.argsort(first)]


def known_rows(table: pd.DataFrame, plan: Plan) -> NDArray[np.bool_]:
    """The rows in which a forecast column has a value: [N]; all, where the table has none of the columns."""
    there = [table[column].to_numpy() for column in plan.columns if column in table]  # numbers by now
    return np.any([~np.isnan(values) for values in there], axis=0) if there else np.ones(len(table), bool)


def stretches_of(table: pd.DataFrame, plan: Plan) -> list[Stretch]:
    """The series of a table. Where the model reads covariates, the rows after the last one with a value are the future.

    Raises:
        InputDataError: A series has no value.
    """
    known, found = known_rows(table, plan), []
    for rows in rows_by_series(table, plan.group):
        there = np.flatnonzero(known[rows])
        if len(there) == 0:
            which = "" if plan.group is None else f" where '{plan.group}' is {table[plan.group].iloc[rows[0]]!r}"
            columns = ", ".join(f"'{column}'" for column in plan.columns)
            raise InputDataError(f"The data has no value of {columns}{which}, so there is nothing to go on from.")
        end = int(there[-1]) + 1 if plan.covariates else len(rows)
        found.append(Stretch(rows[:end], rows[end:]))
    return found


def stretched(
    table: pd.DataFrame, stretches: Sequence[Stretch], columns: Sequence[str], known: Collection[str], size: Size
) -> pd.DataFrame:
    """The last rows before each cut-off and so many after it, series after series, with the number of each series.

    After a cut-off there are the rows of the table for known columns; beyond these, and for other columns, the last
    value goes on. Dates of a fixed frequency go on by it.
    """
    starts = [stretch.past[-size.window :] for stretch in stretches]
    counts = [len(start) + size.ahead for start in starts]
    cells: dict[str, object] = {SERIES: np.repeat(np.arange(len(stretches)), counts)}
    for column in columns:
        futures = [stretch.future[: size.ahead if column in known else 0] for stretch in stretches]
        pieces = zip(starts, futures, strict=True)
        places = [_held(np.concatenate(piece), len(piece[0]) + size.ahead) for piece in pieces]
        values = table[column].iloc[np.concatenate(places)].reset_index(drop=True)
        if values.dtype.kind == "M":
            values = _with_dates_ahead(values, table[column], stretches, futures, size)
        cells[column] = values
    return pd.DataFrame(cells)


def _held(places: Index, count: int) -> Index:
    """The positions, the last of them again until there are so many."""
    return np.concatenate([places, np.full(count - len(places), places[-1])])


def _with_dates_ahead(
    values: pd.Series, column: pd.Series, stretches: Sequence[Stretch], futures: Sequence[Index], size: Size
) -> pd.Series:
    """Dates of a fixed frequency go on by it, in the place of the last date again."""
    end = 0
    for stretch, future in zip(stretches, futures, strict=True):
        end += len(stretch.past[-size.window :]) + size.ahead
        lacking = size.ahead - len(future)
        rows = np.concatenate([stretch.past, future])
        after = continued(pd.DatetimeIndex(column.iloc[rows]), lacking) if lacking else None
        if after is not None:
            values.iloc[end - lacking : end] = after
    return values


def carried(
    table: pd.DataFrame, stretches: Sequence[Stretch], columns: Sequence[str], known: Collection[str], size: Size
) -> list[str]:
    """The columns whose last values `stretched` carries forward although they change from row to row."""
    lacking = [stretch for stretch in stretches if len(stretch.future) < size.ahead]
    found = []
    for column in columns:
        at = lacking if column in known else stretches if size.ahead else []
        rows = [stretch.past[-size.window :] for stretch in at]
        if at and not _goes_on(table[column], at) and _changes(table[column], rows):
            found.append(column)
    return found


def _goes_on(column: pd.Series, stretches: Sequence[Stretch]) -> bool:
    """Whether they are dates that go on by their frequency."""
    if column.dtype.kind != "M":
        return False
    return all(continued(pd.DatetimeIndex(column.iloc[stretch.past]), 1) is not None for stretch in stretches)


def _changes(column: pd.Series, rows: Sequence[Index]) -> bool:
    """Whether some of the series have several values."""
    cells = column.iloc[np.concatenate(rows)]
    codes, _ = pd.factorize(cells.map(repr) if cells.dtype == object else cells)
    lengths = np.array([len(each) for each in rows])
    return bool((codes != np.repeat(codes[np.cumsum(lengths) - lengths], lengths)).any())
