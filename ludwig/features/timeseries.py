"""Time series: a series in each cell, or a column of one value a row that is read through a window.

N = rows, T = steps
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from ludwig.columns.dense import Dense
from ludwig.columns.ragged import Ragged
from ludwig.error import InputDataError, counted
from ludwig.features.base import FEATURES, Encoded, Facts, Feature, Tally
from ludwig.features.cells import Flags, Index, Labels
from ludwig.features.invalid import InvalidOptions
from ludwig.features.labels import as_tensor
from ludwig.features.missing import settled
from ludwig.features.moments import Moments
from ludwig.features.number_cells import floats_of
from ludwig.features.number_lists import fill_faults, flat_lists, listed_numbers
from ludwig.features.scaling import Scaling, single_precision
from ludwig.schema import param

Strategy = Literal["fill_with_const", "fill_with_mode", "bfill", "ffill", "drop_row"]
Steps = tuple[float | None, ...]  # of one series; None where a step is missing


@dataclasses.dataclass(frozen=True)
class Series:
    """Series end to end, and how long each is; a missing step is NaN, a missing cell has no steps."""

    values: NDArray[np.float64]  # [total]
    lengths: NDArray[np.int64]  # [N]

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def begins(self) -> NDArray[np.int64]:
        """Where each series begins: [N]."""
        return np.cumsum(self.lengths) - self.lengths

    def missing(self) -> Flags:
        known = np.zeros(len(self.lengths))
        np.add.at(known, np.repeat(np.arange(len(self)), self.lengths), ~np.isnan(self.values))
        return np.asarray(known == 0)

    def take(self, index: Index) -> Series:
        lengths = self.lengths[index]
        shift = np.repeat(self.begins[index] - (np.cumsum(lengths) - lengths), lengths)
        return Series(self.values[np.arange(len(shift)) + shift], lengths)

    def each(self) -> Iterator[Steps]:
        """The steps of each series; there is one zero."""
        steps = [None if math.isnan(step) else step + 0.0 for step in self.values.tolist()]
        for begin, length in zip(self.begins.tolist(), self.lengths.tolist(), strict=True):
            yield tuple(steps[begin : begin + length])

    def matrix(self, size: int) -> NDArray[np.float64]:
        """The first `size` steps of each series, NaN beyond its end: [N, size]."""
        rows = np.full((len(self), size), np.nan)
        within = np.arange(len(self.values)) - np.repeat(self.begins, self.lengths)
        near = within < size
        rows[np.repeat(np.arange(len(self)), self.lengths)[near], within[near]] = self.values[near]
        return rows


@dataclasses.dataclass(frozen=True)
class SeriesFacts(Facts):
    """Fitted preprocessing state of a time series column."""

    mean: float
    std: float
    longest: int  # steps
    fill: Steps = ()  # in place of a missing cell, None for a missing step; none takes the mean

    @property
    def channels(self) -> int:
        """Numbers of a step."""
        return 1

    @property
    def scaling(self) -> Scaling:
        """Series are standardised."""
        return Scaling(self.mean, self.std or 1.0)

    def to_json(self) -> dict[str, Any]:
        return {"mean": self.mean, "std": self.std, "max_timeseries_length": self.longest, "fill": list(self.fill)}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        return cls(raw["mean"], raw["std"], raw["max_timeseries_length"], tuple(raw["fill"]))


class SeriesTally(Tally):
    """Moments of the steps that are there, the steps of the longest series, the furthest step that is there, and how
    often each series occurs where the mode is asked for."""

    def __init__(self, moments: Moments, longest: int, furthest: int, counts: Counter[Steps]) -> None:
        self.moments, self.longest, self.furthest, self.counts = moments, longest, furthest, counts

    def merge(self, other: Self) -> Self:
        longest, furthest = max(self.longest, other.longest), max(self.furthest, other.furthest)
        return type(self)(self.moments.merge(other.moments), longest, furthest, self.counts + other.counts)

    def mode(self) -> Steps:
        """The most frequent series, the least of several; without steps where there is none."""

        def rank(steps: Steps) -> tuple[int, list[float]]:
            return -self.counts[steps], [-np.inf if step is None else step for step in steps]

        return min(self.counts, key=rank, default=())


@dataclasses.dataclass(frozen=True, kw_only=True)
class GroupOptions:
    """Many series in one column."""

    group: str | None = param(
        None,
        help="Group column: the rows of each id in it are a series of their own, in the order of the table, and a "
        "window or a horizon never crosses from one id to the next; null where all rows are one series.",
    )

    def faults_of_group(self, steps: int, option: str) -> list[tuple[str, str]]:
        """(parameter, message) of a group that cannot have an effect, where so many rows form a series."""
        if self.group is None or (steps and self.group.strip()):
            return []
        wrong = f"Has no effect without {option}. Set that, or remove it." if not steps else "Must not be empty."
        return [("group", wrong)]


@FEATURES.register("timeseries")
class TimeseriesFeature(Feature[Series, SeriesTally, SeriesFacts]):
    """Time series feature: series of numbers, standardised by statistics of the training split.

    Use it for sensor data and forecasting: a cell holds a series, or `window_size` rows of a number column form one. A
    batch is padded to its longest series, [B, T]; targets are [B, horizon]. With `group`, the rows of each id in that
    column are a series of their own.

    ```yaml
    name: load
    type: timeseries
    preprocessing:
      window_size: 24
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(GroupOptions, InvalidOptions, Feature.Config):
        window_size: int = param(
            0,
            min=0,
            help="Window size: number of rows up to the current one that form its series; 0 where each cell holds a "
            "series.",
        )
        timeseries_length_limit: int = param(
            256, min=1, help="Maximum sequence length: only the last steps of a longer series are used."
        )
        missing_value_strategy: Strategy = param(
            "fill_with_const",
            help="Strategy for missing values (imputation), such as fill_with_const, bfill or drop_row.",
        )
        fill_value: str = param(
            "", help="Fill value: the series in place of a missing one; empty for one step of the mean."
        )

        def faults(self) -> list[tuple[str, str]]:
            return fill_faults(self.fill_value) + self.faults_of_group(self.window_size, "window_size")

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class TargetConfig(GroupOptions, InvalidOptions, Feature.Config):
        horizon: int = param(
            0,
            min=0,
            help="Forecast horizon: number of rows after the current one that are predicted; 0 where each cell "
            "holds a series.",
        )
        missing_value_strategy: Strategy = param(
            "drop_row", help="Strategy for missing targets; drop_row leaves such rows out of training and evaluation."
        )
        fill_value: str = param("", help="Fill value: the series in place of a missing one; empty for one of the mean.")

        def faults(self) -> list[tuple[str, str]]:
            return fill_faults(self.fill_value) + self.faults_of_group(self.horizon, "horizon")

    kind = "timeseries"
    facts_type = SeriesFacts
    default_encoder = "lags"
    may_share_column = True

    @property
    def steps(self) -> int:
        """The rows that form a series: of a window, or of a horizon; 0 where each cell holds one."""
        return int(self.config.horizon if self.target else self.config.window_size)

    @property
    def reads_neighbours(self) -> bool:
        return self.steps > 0

    @property
    def group(self) -> str | None:
        column: str | None = self.config.group
        return column

    def grouped_by(self, column: str) -> TimeseriesFeature:
        """The same, with the ids of another column."""
        config = dataclasses.replace(self.config, group=column)
        return TimeseriesFeature(config, self.name, target=self.target, folder=self.folder, find=self.find)

    def parse_of(self, table: pd.DataFrame, column: str) -> Series:
        if self.group is None:
            return self.parse(table[column])
        return self._windows(table[column], Labels.of(table[self.group]).codes)

    def parse(self, column: pd.Series) -> Series:
        if self.steps:
            return self._windows(column, np.zeros(len(column), np.int32))
        if pd.api.types.is_numeric_dtype(column.dtype) and column.notna().any():
            option = "horizon" if self.target else "window_size"
            raise InputDataError(
                f"The {self.where} has one number a row. Set how many rows form a series: preprocessing.{option}."
            )
        series = Series(*flat_lists(column, self.where, self.config.max_invalid_share))
        return series if self.target else _last_steps(series, self.config.timeseries_length_limit)

    def _windows(self, column: pd.Series, ids: NDArray[np.int32]) -> Series:
        """A row's past, itself included, or its future, as far as the rows of its id go; ids [N]."""
        values = floats_of(column, self.where, self.config.max_invalid_share)
        order = np.argsort(ids, kind="stable")  # [N], id after id
        first = np.searchsorted(ids[order], ids, side="left")  # [N], where the rows of a row's id begin in this order
        end = np.searchsorted(ids[order], ids, side="right")
        place = np.empty_like(order)
        place[order] = np.arange(len(order))  # [N], of each row in this order
        if self.target:
            ahead = place[:, None] + 1 + np.arange(self.steps)  # [N, steps]
            padded = np.append(values[order], np.nan)
            return Series(
                padded[np.where(ahead < end[:, None], ahead, len(order))].ravel(), np.full(len(order), self.steps)
            )
        lengths = np.minimum(place - first + 1, self.steps)
        begins = np.cumsum(lengths) - lengths
        places = np.arange(lengths.sum()) - np.repeat(begins, lengths) + np.repeat(place + 1 - lengths, lengths)
        return Series(values[order][places], lengths)

    def tally(self, cells: Series) -> SeriesTally:
        counts: Counter[Steps] = Counter()
        if self.config.missing_value_strategy == "fill_with_mode":
            counts.update(cells.take(np.flatnonzero(~cells.missing())).each())
        known = ~np.isnan(cells.values)
        within = np.arange(len(known)) - np.repeat(cells.begins, cells.lengths)
        furthest = int(within[known].max(initial=-1)) + 1
        return SeriesTally(Moments.of(cells.values[known]), int(cells.lengths.max(initial=0)), furthest, counts)

    def finish(self, tally: SeriesTally) -> SeriesFacts:
        moments = tally.moments
        self.refuse_all_missing(moments.count)
        if self.target and tally.furthest < self.steps:
            raise InputDataError(
                f"The {self.where} has a horizon of {self.steps} rows, and no row of the training split has a value "
                f"more than {counted(tally.furthest, 'row')} after it. Set preprocessing.horizon to {tally.furthest} "
                "at most, or give a longer series."
            )
        if self.target and moments.std == 0:
            raise InputDataError(f"The {self.where} is constant in the training split, so there is nothing to learn.")
        fill = tally.mode() or tuple(listed_numbers(self.config.fill_value))
        return SeriesFacts(moments.mean, moments.std, max(tally.longest, 1), fill)

    def encode(self, cells: Series, facts: SeriesFacts) -> Encoded:
        cells, missing, dropped = settled(cells, self.config.missing_value_strategy)
        if missing.any():
            fill = facts.fill or [facts.mean] * (facts.longest if self.target else 1)
            cells = _replaced(cells, missing, np.array(fill, np.float64))
        if self.target:
            own = cells.matrix(facts.longest)
            return Encoded(Dense(as_tensor(single_precision(facts.scaling.apply(own), own, self.where))), dropped)
        known = np.where(np.isnan(cells.values), facts.mean, cells.values)
        values = torch.from_numpy(single_precision(facts.scaling.apply(known), known, self.where))
        offsets = torch.from_numpy(np.concatenate([[0], np.cumsum(cells.lengths)]).astype(np.int64))
        return Encoded(Ragged(values, offsets), dropped)


def _last_steps(series: Series, most: int) -> Series:
    within = np.arange(len(series.values)) - np.repeat(series.begins, series.lengths)
    near = within >= np.repeat(series.lengths, series.lengths) - most
    return Series(series.values[near], np.minimum(series.lengths, most))


def _replaced(series: Series, flags: Flags, fill: NDArray[np.float64]) -> Series:
    """The fill in place of the flagged series."""
    with_fill = Series(np.append(series.values, fill), np.append(series.lengths, len(fill)))
    index = np.where(flags, len(series), np.arange(len(series)))
    return with_fill.take(index)
