"""Dates and times.

N = rows
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ludwig.columns.dense import Dense
from ludwig.features.base import FEATURES, Encoded, Facts, Feature, Tally
from ludwig.features.date_cells import Readings, Seconds, readings_of
from ludwig.features.invalid import InvalidOptions, refuse_many
from ludwig.features.labels import as_tensor
from ludwig.features.missing import settled
from ludwig.features.moments import Moments
from ludwig.runtime.console import warn
from ludwig.schema import param

Strategy = Literal["fill_with_const", "bfill", "ffill", "drop_row"]

PARTS = ("year", "month", "day", "weekday", "yearday", "hour", "minute", "second", "second_of_day")
ABSENT = -1.0  # each part of a missing date
DAY = 86400


@dataclasses.dataclass(frozen=True)
class DateFacts(Facts):
    """Fitted preprocessing state of a date column."""

    mean: float  # in seconds since 1970
    std: float  # in seconds; 0 where all dates are the same
    first_year: int
    last_year: int
    day_first: bool  # how 02/03/2020 is read
    fill: float | None  # in place of a missing date; None where it stays missing

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        return cls(**{field.name: raw[field.name] for field in dataclasses.fields(cls)})


class DateTally(Tally):
    """The moments of both readings of the dates, and how many dates only one of them can read."""

    def __init__(self, readings: tuple[Moments, Moments], only: tuple[int, int]) -> None:
        self.readings, self.only = readings, only

    def merge(self, other: Self) -> Self:
        (one, two), (three, four) = self.readings, other.readings
        only = (self.only[0] + other.only[0], self.only[1] + other.only[1])
        return type(self)((one.merge(three), two.merge(four)), only)


@FEATURES.register("date")
class DateFeature(Feature[Readings, DateTally, DateFacts]):
    """Date feature: a column of dates or times, taken apart into year, month, day, weekday, day of the year, hour,
    minute, second and second of the day, with the time since the mean date beside them.

    Use it for dates of orders, events and births, wherever season, weekday, hour or trend may count. Texts may be ISO
    8601 or other usual formats; numbers are years (2024), dates (20240131) or time since 1970 in seconds, milli-,
    micro- or nanoseconds, by their magnitude. Times with a time zone are read in UTC. A missing date is a case of its
    own. A batch is [B, 10].

    ```yaml
    name: ordered_at
    type: date
    preprocessing:
      datetime_format: "%d.%m.%Y %H:%M"
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(InvalidOptions, Feature.Config):
        missing_value_strategy: Strategy = param(
            "fill_with_const",
            help="Strategy for missing values (imputation), such as fill_with_const, bfill or drop_row.",
        )
        fill_value: str = param(
            "", help="Fill value: the date in place of a missing one, with fill_with_const; empty keeps it missing."
        )
        datetime_format: str | None = param(
            None, help='Datetime format of texts, such as "%d/%m/%Y"; null infers it, for each cell.'
        )

        def faults(self) -> list[tuple[str, str]]:
            if not self.fill_value.strip() or self.fill_seconds() is not None:
                return []
            return [("fill_value", f"Must be a date. Received: {self.fill_value!r}.")]

        def fill_seconds(self) -> float | None:
            """The fill value in seconds since 1970; None where it is empty, or not a date."""
            found, _ = readings_of(pd.Series([self.fill_value], dtype=object), self.datetime_format)
            seconds = float(found.read(day_first=False)[0])
            return None if np.isnan(seconds) else seconds

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class TargetConfig(Config):
        missing_value_strategy: Strategy = param(
            "drop_row", help="Strategy for missing targets; drop_row leaves such rows out of training and evaluation."
        )

    kind = "date"
    facts_type = DateFacts
    default_encoder = "embed"
    may_hold_times = True

    def parse(self, column: pd.Series) -> Readings:
        cells, unread = readings_of(column, self.config.datetime_format)
        fault = "that are not dates" + (" of preprocessing.datetime_format" if self.config.datetime_format else "")
        refuse_many(column, unread, self.config.max_invalid_share, self.where, fault)
        return cells

    def tally(self, cells: Readings) -> DateTally:
        readable = ~np.isnan(cells.seconds)  # [N, 2]
        kept = ~cells.missing()
        both = [Moments.of(cells.read(day_first=day_first)[kept]) for day_first in (False, True)]
        only = (readable & ~readable[:, ::-1]).sum(axis=0)
        return DateTally((both[0], both[1]), (int(only[0]), int(only[1])))

    def finish(self, tally: DateTally) -> DateFacts:
        day_first = tally.only[1] > tally.only[0]
        moments = tally.readings[day_first]
        self.refuse_all_missing(moments.count)
        if tally.only[0] == tally.only[1] and tally.readings[0] != tally.readings[1]:
            warn(
                f"The dates of the {self.where} can be read with the month or with the day first, and are read with "
                'the month first. Set preprocessing.datetime_format, to "%m/%d/%Y" or "%d/%m/%Y" for instance.'
            )
        years = parts_of(np.array([moments.low, moments.high]))[:, 0] if moments.count else (1970, 1970)
        constant = self.config.missing_value_strategy == "fill_with_const"
        fill = self.config.fill_seconds() if constant else None
        return DateFacts(moments.mean, moments.std, int(years[0]), int(years[1]), day_first, fill)

    def encode(self, cells: Readings, facts: DateFacts) -> Encoded:
        cells, _, dropped = settled(cells, self.config.missing_value_strategy)
        seconds = cells.read(day_first=facts.day_first)  # [N]
        if facts.fill is not None:
            seconds = np.where(np.isnan(seconds), facts.fill, seconds)
        gone = np.isnan(seconds)
        parts = np.where(gone[:, None], ABSENT, parts_of(np.where(gone, 0.0, seconds)))  # [N, 9]
        elapsed = np.where(gone, 0.0, (seconds - facts.mean) / (facts.std or 1.0))
        values = np.concatenate([parts, elapsed[:, None]], axis=1).astype(np.float32)  # [N, 10]
        return Encoded(Dense(as_tensor(values)), dropped)


def parts_of(seconds: Seconds) -> NDArray[np.float64]:
    """Of seconds since 1970 the parts of the calendar and of the clock, weekdays from Monday as 0: [N, 9]."""
    whole = np.floor(seconds).astype(np.int64)
    day, of_day = np.divmod(whole, DAY)
    date = day.astype("datetime64[D]")
    year, month = date.astype("datetime64[Y]"), date.astype("datetime64[M]")
    parts = [
        year.astype(np.int64) + 1970,
        month.astype(np.int64) % 12 + 1,
        (date - month).astype(np.int64) + 1,
        (day + 3) % 7,  # the first of January 1970 was a Thursday
        (date - year).astype(np.int64) + 1,
        of_day // 3600,
        of_day // 60 % 60,
        of_day % 60,
        of_day,
    ]
    return np.stack(parts, axis=1).astype(np.float64)
