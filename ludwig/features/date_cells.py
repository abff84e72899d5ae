"""Cells as points in time: seconds since 1970, each cell by itself.

Whether 02/03/2020 is the third of February or the second of March, a cell alone does not show. Such cells keep both
readings; the training split decides (`DateFeature.finish`), so that one row is later read as all of them were.

N = rows, U = distinct cells
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ludwig.features.cells import Flags, Index, Labels
from ludwig.features.spelling import NUMBER

Seconds = NDArray[np.float64]  # since the beginning of 1970, in UTC; NaN where a cell cannot be read

BLANK = frozenset({"", "nat", "nan", "none", "null"})  # texts of a missing cell
BY_THE_CLOCK = frozenset({"now", "today"})  # what pandas reads as the time of reading
DAY_AND_MONTH = r"(\d{1,2})[/.\-](\d{1,2})[/.\-](\d{4})(?:[T ]+(.+))?"  # 06/02/2020, and not 2020-06-02
TIME_ALONE = r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?(\s*[AaPp]\.?[Mm]\.?)?"
UNITS = ((1e11, 1.0), (1e14, 1e3), (1e17, 1e6), (np.inf, 1e9))  # bounds of seconds, milli-, micro- and nanoseconds
EARLIEST, LATEST = -62135596800.0, 253402300800.0  # the years 1 to 9999
FIRST_YEAR = -30610224000.0  # 1000: what dateutil dates before it had no year


@dataclass(frozen=True)
class Readings:
    """Points in time, read with the month first and with the day first. Most are the same."""

    seconds: Seconds  # [N, 2]; NaN where a reading makes no date

    def __len__(self) -> int:
        return len(self.seconds)

    def missing(self) -> Flags:
        return np.asarray(np.isnan(self.seconds).all(axis=1))

    def take(self, index: Index) -> Readings:
        return Readings(self.seconds[index])

    def read(self, *, day_first: bool) -> Seconds:
        """One reading, the other one where it makes no date: [N]."""
        first, other = self.seconds.T[::-1] if day_first else self.seconds.T
        return np.asarray(np.where(np.isnan(first), other, first), np.float64)


def readings_of(column: pd.Series, datetime_format: str | None) -> tuple[Readings, Flags]:
    """The cells as points in time, and which of them there are but cannot be read: [N]."""
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return _twice(_seconds(pd.to_datetime(column, utc=True))), np.zeros(len(column), dtype=bool)
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        numbers = column.to_numpy(np.float64, na_value=np.nan)
        if datetime_format is None:
            found = _of_numbers(numbers)
            return _twice(found), np.isnan(found) & ~np.isnan(numbers)
    labels = Labels.of(column)
    words = pd.Series(labels.words.tolist(), dtype=object).astype(str).str.strip()
    lower = words.str.lower()
    found_words = _of_words(words.mask(lower.isin(BY_THE_CLOCK), ""), datetime_format)  # [U, 2]
    unread = np.isnan(found_words).all(axis=1) & ~lower.isin(BLANK).to_numpy(bool)  # [U]
    padded = np.concatenate([found_words, np.full((1, 2), np.nan)])  # the last for a missing cell
    return Readings(padded[labels.codes]), np.append(unread, False)[labels.codes]


def _twice(seconds: Seconds) -> Readings:
    return Readings(np.stack([seconds, seconds], axis=1))


def _of_numbers(values: Seconds) -> Seconds:
    """Years of four digits, dates of eight (20240131), else time since 1970 in the unit that its magnitude shows: [N].

    Seconds below 1e11, then milliseconds, microseconds, nanoseconds, each for a thousand times as much.
    """
    there = np.nan_to_num(values, posinf=0.0, neginf=0.0)
    size = np.abs(there)
    seconds = there / np.select([size < bound for bound, _ in UNITS], [unit for _, unit in UNITS])
    whole = there == np.floor(there)
    years, days = whole & (there >= 1000) & (there <= 9999), whole & (there >= 10000101) & (there <= 99991231)
    year = np.where(days, there // 10000, np.where(years, there, 1970)).astype(np.int64)
    month = np.where(days, there // 100 % 100, 1).astype(np.int64)
    day = np.where(days, there % 100, 1).astype(np.int64)
    first = (year - 1970).astype("datetime64[Y]").astype("datetime64[M]") + (np.clip(month, 1, 12) - 1)
    date = first.astype("datetime64[D]") + (day - 1)
    is_date = (month >= 1) & (month <= 12) & (date.astype("datetime64[M]") == first)
    seconds = np.where((years | days) & is_date, date.astype("datetime64[s]").astype(np.float64), seconds)
    usable = np.isfinite(values) & (seconds >= EARLIEST) & (seconds < LATEST)
    return np.where(usable, seconds, np.nan)


def _of_words(words: pd.Series, datetime_format: str | None) -> NDArray[np.float64]:
    """Both readings of each distinct text: [U, 2]."""
    found = np.full((len(words), 2), np.nan)
    if datetime_format is not None:
        found[:] = _parsed(words, datetime_format)[:, None]
    else:
        numeric = words.str.fullmatch(NUMBER).to_numpy(bool)
        found[numeric] = _of_numbers(words[numeric].to_numpy(np.float64))[:, None]
        _read_days_and_months(words, found)
    left = _unread(words, found)
    found[left] = _parsed(words[left], "ISO8601")[:, None]
    left = _unread(words, found) & words.str.contains(r"\d").to_numpy(bool)
    if datetime_format is None and left.any():
        alone = words.str.fullmatch(TIME_ALONE)
        dated = words.mask(alone, "1970-01-01 " + words)[left]
        for place, day_first in enumerate((False, True)):
            parsed = _parsed(dated, "mixed", day_first=day_first)
            found[left, place] = np.where(parsed >= FIRST_YEAR, parsed, np.nan)
    return found


def _unread(words: pd.Series, found: NDArray[np.float64]) -> Flags:
    return np.isnan(found).all(axis=1) & (words != "").to_numpy(bool)


def _read_days_and_months(words: pd.Series, found: NDArray[np.float64]) -> None:
    """Fills in both readings of texts such as 06/02/2020 10:30, which are rewritten as ISO dates all at once."""
    like = words.str.fullmatch(DAY_AND_MONTH).to_numpy(bool)
    if not like.any():
        return
    parts = words[like].str.extract(DAY_AND_MONTH)
    one, two, year, time = parts[0].str.zfill(2), parts[1].str.zfill(2), parts[2], parts[3]
    after = (" " + time).fillna("")
    found[like, 0] = _parsed(year + "-" + one + "-" + two + after, "ISO8601")
    found[like, 1] = _parsed(year + "-" + two + "-" + one + after, "ISO8601")


def _parsed(words: pd.Series, datetime_format: str, *, day_first: bool = False) -> Seconds:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Parsing dates in|Could not infer", category=UserWarning)
        times = pd.to_datetime(words, errors="coerce", format=datetime_format, dayfirst=day_first, utc=True)
    return _seconds(times)


def _seconds(times: pd.Series) -> Seconds:
    naive = times.dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
    return np.where(np.isnat(naive), np.nan, naive.astype(np.int64) / 1e6)
