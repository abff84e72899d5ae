"""Backtests with a rolling origin: forecasts from several cut-offs of a table, compared with what followed.

Source: Tashman 2000, "Out-of-sample tests of forecasting accuracy: an analysis and review".

G = series at all cut-offs, H = rows that are forecast
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ludwig.data.sources import Source
from ludwig.error import ArgumentError, InputDataError, counted, nearest
from ludwig.forecast.plan import Plan
from ludwig.forecast.running import Ahead, forecasts
from ludwig.forecast.stretches import Stretch, known_rows, rows_by_series
from ludwig.inference.predictor import Arrays
from ludwig.lifecycle.held import Held, trained, within_call
from ludwig.models.base import FeatureSpec
from ludwig.runtime.arguments import whole_number
from ludwig.runtime.console import warn

Floats = NDArray[np.float64]
MODEL, NAIVE = "forecast", "seasonal_naive"
SMALLEST = np.finfo(np.float64).tiny
ROUNDING = 1e-12  # of the largest value: below it a scale is none


@dataclasses.dataclass(frozen=True)
class Backtest:
    """What forecasts would have been, and how good.

    Attributes:
        forecasts: A row for each column, cut-off and step (and id): `cutoff` is the index of the last row that the
            forecast knows, `step` counts from 1; then `actual`, `forecast`, `seasonal_naive`, and quantiles.
        scores: The errors by column, of `forecast` and of `seasonal_naive`, over the rows where both and the actual
            value are known, whose number is `rows`.
    """

    forecasts: pd.DataFrame
    scores: pd.DataFrame

    def by_step(self) -> pd.DataFrame:
        """The mean absolute error by column and step."""
        errors = self.forecasts[[MODEL, NAIVE]].sub(self.forecasts["actual"], axis=0).abs()
        known = errors.notna().all(axis=1)
        keys = [self.forecasts["column"], self.forecasts["step"]]
        return errors[known].groupby([key[known] for key in keys], sort=False).mean()


@dataclasses.dataclass(frozen=True)
class _Cut:
    """A series at a cut-off."""

    stretch: Stretch
    first: int  # row of its series at which the first cut-off lies


def backtest(
    model: Held,
    dataset: Source,
    horizon: int | None = None,
    origins: int = 5,
    stride: int | None = None,
    season: int = 1,
    known: Collection[str] = (),
    data_format: str | None = None,
) -> Backtest:
    """Forecasts from several cut-offs near the end of the data, beside the seasonal naive forecast.

    The model stays as it is: give rows that it was not trained on, with those before them as the past. Of `origins`
    cut-offs the last lies `horizon` rows before the end of a series, and the others `stride` rows before each other.
    The seasonal naive forecast repeats the last `season` rows before the cut-off.

    Args:
        model: A trained model.
        horizon: How many rows are forecast; null takes those that one call of the model gives.
        stride: Rows between cut-offs; null takes the horizon.
        season: Rows after which the series repeats itself, such as 24 for hours of a day; 1 repeats the last value.
        known: The columns beside the series whose values after a cut-off are known beforehand, such as a calendar. Of
            others the last value is carried forward, as `forecast` does.
        data_format: The format of the data; null infers it.

    Returns:
        The forecasts and their scores: mean absolute error, root mean squared error, symmetric mean absolute percentage
        error, and mean absolute scaled error, whose scale is the mean absolute error of the seasonal naive forecast of
        one season ahead, on the rows up to the first cut-off (Hyndman & Koehler 2006).

    Raises:
        ArgumentError: An argument is out of bounds, or the model forecasts no series.
        InputDataError: No series is long enough.

    ```python
    report = backtest(model, table, horizon=24, origins=7, season=24)
    print(report.scores)
    ```
    """
    origins, season = whole_number("origins", origins, 1), whole_number("season", season, 1)
    horizon = None if horizon is None else whole_number("horizon", horizon, 1)
    stride = None if stride is None else whole_number("stride", stride, 1)
    trained(model, "forecast with")
    with within_call(model):
        plan = Plan.of(model, dataset)
        _refuse_odd_columns(known, plan)
        steps = horizon or plan.slide
        table = plan.read(model, dataset, data_format)
        absent = [column for column in plan.columns if column not in table]
        if absent:
            raise InputDataError(f"The data has no column '{absent[0]}', which the forecasts are compared with.")
        cuts = _cuts(table, plan, steps, origins, stride or steps, season)
        stretches = [cut.stretch for cut in cuts]
        arrays = forecasts(model, plan, table, stretches, Ahead(steps, known, ADVICE))
        found = [_compared(table, plan, spec, cuts, arrays, steps, season) for spec in plan.outputs]
        rows = pd.concat([each for each, _ in found], ignore_index=True)
        scores = pd.concat([each for _, each in found], keys=[spec.column for spec in plan.outputs], names=["column"])
        return Backtest(rows, scores)


ADVICE = "Name those that are known beforehand in `known`."


def _refuse_odd_columns(known: Collection[str], plan: Plan) -> None:
    if isinstance(known, str):
        raise ArgumentError(f"known must be a list of columns. Received: {known!r:.100}.")
    for column in known:
        if column not in plan.covariates:
            choices = f"Choose among: {', '.join(plan.covariates)}." if plan.covariates else "The model has none."
            raise ArgumentError(
                f"known names '{column!s:.100}', which is no column that the model reads beside its series."
                f"{nearest(column, plan.covariates)} {choices}"
            )


def _cuts(table: pd.DataFrame, plan: Plan, horizon: int, origins: int, stride: int, season: int) -> list[_Cut]:
    """The cut-offs of each series that have a season before them, series after series.

    Raises:
        InputDataError: There is none.
    """
    present, cuts, longest = known_rows(table, plan), [], 0
    series = rows_by_series(table, plan.group)
    for rows in series:
        end = int(np.flatnonzero(present[rows]).max(initial=-1)) + 1
        longest = max(longest, end)
        places = [end - horizon - back * stride for back in reversed(range(origins))]
        places = [place for place in places if place >= season]
        cuts += [_Cut(Stretch(rows[:place], rows[place : place + horizon]), places[0]) for place in places]
    needed = f"A horizon of {horizon} and a season of {season} take {horizon + season} rows"
    if not cuts:
        raise InputDataError(f"{needed} of a series, and the longest has {counted(longest, 'row')}. Lower one of them.")
    if len(cuts) < origins * len(series):
        warn(
            f"{origins * len(series) - len(cuts)} of {origins * len(series)} cut-offs are left out, since their series "
            f"are too short. {needed}, and each cut-off before the last one {stride} more."
        )
    return cuts


def _compared(
    table: pd.DataFrame, plan: Plan, spec: FeatureSpec, cuts: Sequence[_Cut], arrays: Arrays, horizon: int, season: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The forecasts of one column beside what followed, and their scores."""
    values = table[spec.column].to_numpy()
    repeated = np.arange(horizon) % season
    lasts = np.array([cut.stretch.past[-1] for cut in cuts])  # [G]
    columns: dict[str, object] = {"column": spec.column}
    if plan.group is not None:
        columns[plan.group] = table[plan.group].iloc[np.repeat(lasts, horizon)].array
    columns["cutoff"] = table.index.take(np.repeat(lasts, horizon)).array
    columns["step"] = np.tile(np.arange(1, horizon + 1), len(cuts))
    columns["actual"] = np.concatenate([values[cut.stretch.future] for cut in cuts])
    answers = {key: array.reshape(-1) for key, array in arrays[spec.name].items()}
    columns[MODEL] = answers.pop("predictions")
    columns[NAIVE] = np.concatenate([values[cut.stretch.past[-season:]][repeated] for cut in cuts])
    rows = pd.DataFrame({**columns, **answers})
    scales = np.repeat([_scale(values[cut.stretch.past[: cut.first]], season) for cut in cuts], horizon)
    return rows, pd.DataFrame([_scores(rows, name, scales) for name in (MODEL, NAIVE)]).set_index("system")


def _scale(past: Floats, season: int) -> float:
    """The mean absolute error of the seasonal naive forecast of one season ahead; NaN where that has none."""
    steps = np.abs(past[season:] - past[:-season])
    scale = _mean(steps[~np.isnan(steps)])
    return scale if scale > ROUNDING * np.nanmax(np.abs(past)) else np.nan


def _scores(rows: pd.DataFrame, system: str, scales: Floats) -> dict[str, object]:
    """The errors of one system, over the rows that all systems have."""
    known = rows[["actual", MODEL, NAIVE]].notna().all(axis=1).to_numpy()
    actual, found = (rows[name].to_numpy()[known] for name in ("actual", system))
    errors = np.abs(found - actual)
    scaled = errors / scales[known]
    sizes = np.maximum(np.abs(actual) + np.abs(found), SMALLEST)
    return {
        "system": system,
        "mean_absolute_error": _mean(errors),
        "root_mean_squared_error": _mean(errors**2) ** 0.5,
        "symmetric_mean_absolute_percentage_error": _mean(2 * errors / sizes),
        "mean_absolute_scaled_error": _mean(scaled[~np.isnan(scaled)]),
        "rows": int(known.sum()),
    }


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else np.nan
