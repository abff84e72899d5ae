"""Cells as moments in time.

N = rows
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ludwig.runtime.console import warn

Times = NDArray[np.datetime64]  # [N]; NaT where a cell cannot be read

DAY_OR_MONTH_FIRST = r"\s*\d{1,2}[/.\-]\d{1,2}[/.\-]\d"  # 06/02/2020, and not 2020-06-02


def times_of(column: pd.Series, datetime_format: str | None, where: str, option: str) -> Times:
    """The cells as times, in UTC where they have a time zone; not a time where they cannot be read: [N].

    Without a format, dates such as 06/02/2020 are read with the month first, unless more of them are dates with the day
    first; where both are possible the user is warned.

    Args:
        where: What the column is called in a warning.
        option: The option of the config that sets the format.
    """
    cells = column.astype(object) if isinstance(column.dtype, pd.CategoricalDtype) else column
    times = _read(cells, datetime_format)
    if datetime_format is not None:
        return times
    if cells.dropna().head(1).astype(str).str.match(DAY_OR_MONTH_FIRST).any():
        return _of_days_and_months(cells, times, _read(cells, None, day_first=True), where, option)
    if np.isnat(times).any():  # dates may stand beside times, which is no one format
        return _with_fewer_gaps(times, _read(cells, "ISO8601"))
    return times


def _of_days_and_months(cells: pd.Series, month_first: Times, day_first: Times, where: str, option: str) -> Times:
    differ = (month_first != day_first) & ~np.isnat(month_first) & ~np.isnat(day_first)
    if differ.any() and np.isnat(month_first).sum() == np.isnat(day_first).sum():
        place = int(differ.argmax())
        warn(
            f"The dates of the {where} can be read with the month or with the day first: {cells.iloc[place]!r} is read "
            f'as {month_first[place].astype("datetime64[D]")}. Set {option}, to "%m/%d/%Y" or "%d/%m/%Y" for instance.'
        )
    return _with_fewer_gaps(month_first, day_first)


def _with_fewer_gaps(times: Times, other: Times) -> Times:
    return other if np.isnat(other).sum() < np.isnat(times).sum() else times


def _read(cells: pd.Series, datetime_format: str | None, *, day_first: bool = False) -> Times:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Could not infer format|Parsing dates in", category=UserWarning)
        times = pd.to_datetime(cells, errors="coerce", format=datetime_format, dayfirst=day_first, utc=True)
    return times.dt.tz_localize(None).to_numpy()
