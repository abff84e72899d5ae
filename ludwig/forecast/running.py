"""Forecasts of many series at once: their last rows are encoded, and the model goes on from there.

G = series, H = rows that are forecast
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import cast

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from ludwig.columns.ragged import Ragged
from ludwig.data.encoding import EncodedTable, encode
from ludwig.error import InputDataError, counted
from ludwig.features.timeseries import SeriesFacts, TimeseriesFeature
from ludwig.forecast.plan import Plan
from ludwig.forecast.stretches import Size, Stretch, carried, stretched
from ludwig.inference.predictor import Arrays
from ludwig.inference.rolling import Window, roll
from ludwig.lifecycle.held import Held, fitted, trained
from ludwig.runtime.console import warn

CELLS = 2**23  # numbers that the windows of series which are forecast together may take
MOST_SERIES = 1024  # that are forecast together
Rows = NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Ahead:
    """What is forecast, and what is known beforehand."""

    horizon: int  # rows after each cut-off
    known: Collection[str]  # columns of covariates whose values after a cut-off may be read
    advice: str  # what to do where a covariate is not known


def forecasts(held: Held, plan: Plan, table: pd.DataFrame, stretches: Sequence[Stretch], ahead: Ahead) -> Arrays:
    """What the outputs forecast for the rows after each cut-off, by output and key: arrays [G, H].

    Raises:
        InputDataError: A row from which the model must go on cannot be used.
    """
    calls = -(-ahead.horizon // plan.slide)
    size = Size(plan.window, (calls - 1) * plan.slide)
    _warn_of_short_series(plan, stretches)
    _warn_of_carried(plan, table, stretches, size, ahead)
    _warn_of_narrow_intervals(held, plan, calls)
    together = CELLS // ((size.window + size.ahead) * size.window * len(plan.inputs))
    most = max(1, min(together, MOST_SERIES))
    chunks = [stretches[begin : begin + most] for begin in range(0, len(stretches), most)]
    parts = [_rolled(held, plan, table, chunk, size, ahead.known) for chunk in chunks]
    return {
        spec.name: {
            key: np.concatenate([part[spec.name][key] for part in parts])[:, : ahead.horizon]
            for key in parts[0][spec.name]
        }
        for spec in plan.outputs
    }


def _rolled(
    held: Held, plan: Plan, table: pd.DataFrame, stretches: Sequence[Stretch], size: Size, known: Collection[str]
) -> Arrays:
    facts, model = fitted(held), trained(held, "forecast with")
    columns = {spec.column: None for spec in plan.fed}
    pasts = encode(stretched(table, stretches, [*columns], (), Size(size.window, 0)), plan.fed, facts)
    lasts = np.cumsum([min(len(stretch.past), size.window) for stretch in stretches]) - 1  # [G]
    _refuse_unusable(pasts, lasts)
    columns = {spec.column: None for spec in plan.beside}
    others = encode(stretched(table, stretches, [*columns], known, size), plan.beside, facts)
    starts = lasts + size.ahead * np.arange(len(stretches))  # [G], in the table of covariates
    calls = [starts + offset for offset in range(0, size.ahead + 1, plan.slide)]
    if plan.beside:
        _refuse_unusable(others, np.concatenate(calls))
    last = torch.from_numpy(lasts)
    windows = {}
    for spec in plan.fed:
        column = cast(Ragged, pasts.frame.others[spec.name]).rows(last).to(held.device)
        scaling = cast(SeriesFacts, facts[spec.name]).scaling
        steps = cast(TimeseriesFeature, spec.feature).steps
        windows[spec.name] = Window.of(column, steps, plan.columns[spec.column], scaling)
    frames = (others.frame.rows(torch.from_numpy(rows)).load(held.device) for rows in calls)
    return roll(model, windows, frames, [spec.name for spec in plan.outputs], plan.slide)


def _refuse_unusable(encoded: EncodedTable, rows: Rows) -> None:
    counts = encoded.dropped.counts(rows)
    if counts:
        reasons = ", ".join(f"{reason} in {counted(count, 'row')}" for reason, count in counts.items())
        raise InputDataError(
            f"The forecast cannot go on from rows that missing_value_strategy drops: the {reasons}. Give their values, "
            "or train with another strategy."
        )


def _warn_of_short_series(plan: Plan, stretches: Sequence[Stretch]) -> None:
    """The same happens to the first rows of a series in training."""
    lengths = np.array([len(stretch.past) for stretch in stretches])
    short = lengths < plan.window
    if short.any():
        which = "The data has" if len(lengths) == 1 else f"{short.sum()} of {len(lengths)} series have fewer than"
        rows = f"{lengths[0]} of the" if len(lengths) == 1 else "the"
        warn(
            f"{which} {rows} {counted(plan.window, 'row')} that a window takes. What is lacking is left out, as it is "
            "before the first rows of the training data. Give more rows for a better forecast."
        )


def _warn_of_carried(plan: Plan, table: pd.DataFrame, stretches: Sequence[Stretch], size: Size, ahead: Ahead) -> None:
    found = carried(table, stretches, plan.covariates, ahead.known, size)
    if found:
        names = ", ".join(f"'{column}'" for column in found)
        warn(
            f"The forecast reads {counted(size.ahead, 'row')} after the last known one, where the data does not have "
            f"all values of {names}: their last values are carried forward. {ahead.advice}"
        )


def _warn_of_narrow_intervals(held: Held, plan: Plan, calls: int) -> None:
    outputs = trained(held, "forecast with").outputs
    names = ", ".join(f"'{spec.name}'" for spec in plan.outputs if outputs[spec.name].levels)
    if names and calls > 1:
        warn(
            f"The quantiles of {names} hold for the first {counted(plan.slide, 'row')}, which one call of the model "
            "forecasts. Later calls take what is forecast as certain, so that their intervals are too narrow. Train "
            "with a longer preprocessing.horizon."
        )
