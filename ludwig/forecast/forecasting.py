"""The rows that follow a table."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ludwig.callbacks import Callback, CallbackList
from ludwig.data.pipeline import HookEvents
from ludwig.data.sources import Source
from ludwig.error import ArgumentError, nearest
from ludwig.forecast.labels import continued
from ludwig.forecast.plan import Plan
from ludwig.forecast.running import Ahead, forecasts
from ludwig.forecast.stretches import Stretch, stretches_of
from ludwig.inference.postprocess import with_storable_index
from ludwig.inference.predictor import Arrays
from ludwig.lifecycle.held import Held, trained, within_call
from ludwig.runtime.arguments import path_of, whole_number
from ludwig.runtime.atomic import storing, written_aside

FORMATS = ("parquet", "csv")


def forecast(
    held: Held,
    dataset: Source,
    data_format: str | None,
    horizon: int,
    output_directory: str | None,
    output_format: str,
    callbacks: list[Callback] | None,
) -> pd.DataFrame:
    """The next `horizon` rows of each series output, or of each id, after the last row of the data.

    Raises:
        ArgumentError: The horizon is not positive, the format is not known, or the model forecasts no series.
        InputDataError: The data does not fit the model.
    """
    horizon = whole_number("horizon", horizon, 1)
    folder = None if output_directory is None else path_of("output_directory", output_directory)
    if output_format not in FORMATS:
        raise ArgumentError(
            f"There is no output_format '{output_format!s:.50}'.{nearest(output_format, FORMATS)} Choose one of: "
            f"{', '.join(FORMATS)}."
        )
    trained(held, "forecast with")
    if dataset is None:
        raise ArgumentError("There is no data: give `dataset`, whose last rows the forecast goes on from.")
    with within_call(held):
        plan = Plan.of(held, dataset)
        table = plan.read(held, dataset, data_format)
        events = HookEvents(CallbackList(held.callbacks).plus(callbacks), "prediction")
        events.encoding_starts(table)
        stretches = stretches_of(table, plan)
        known = _known_ahead(table, plan, stretches)
        columns = ", ".join(f"'{column}'" for column in plan.columns)
        advice = f"Append rows that have them, and no value of {columns}."
        arrays = forecasts(held, plan, table, stretches, Ahead(horizon, known, advice))
        events.encoding_ends(table)
        found = _as_table(table, plan, stretches, arrays, horizon)
        if folder is not None:
            _write(found, folder, output_format)
        return found


def _known_ahead(table: pd.DataFrame, plan: Plan, stretches: Sequence[Stretch]) -> Collection[str]:
    """The covariates that have a value in a row of the future."""
    future = np.concatenate([stretch.future for stretch in stretches])
    return [column for column in plan.covariates if table[column].iloc[future].notna().any()]


def _as_table(
    table: pd.DataFrame, plan: Plan, stretches: Sequence[Stretch], arrays: Arrays, horizon: int
) -> pd.DataFrame:
    """A row for each row ahead, series after series."""
    columns: dict[str, object] = {}
    if plan.group is not None:
        lasts = np.array([stretch.past[-1] for stretch in stretches])
        columns[plan.group] = table[plan.group].iloc[np.repeat(lasts, horizon)].array
    for spec in plan.outputs:
        for key, values in arrays[spec.name].items():
            name = spec.column if key == "predictions" else f"{spec.column}_{key}"
            columns[name] = values.reshape(-1)  # [G * H]
    found = pd.DataFrame(columns)
    index = _index(table.index, plan, stretches, horizon)
    return found if index is None else found.set_axis(index, axis=0)


def _index(index: pd.Index, plan: Plan, stretches: Sequence[Stretch], horizon: int) -> pd.Index | None:
    """Where the caller's index goes on: after the last row, or after the last row of each id where it holds times."""
    if plan.group is not None and not isinstance(index, pd.DatetimeIndex | pd.PeriodIndex):
        return None
    parts: list[pd.Index] = []
    for stretch in stretches:
        ahead = index.take(stretch.future[:horizon])
        parts.append(ahead)
        if len(ahead) < horizon:
            after = continued(index.take(np.concatenate([stretch.past, stretch.future])), horizon - len(ahead))
            if after is None:
                return None
            parts.append(after)
    filled = [part for part in parts if len(part)]
    return filled[0].append(filled[1:])


def _write(found: pd.DataFrame, folder: Path, output_format: str) -> None:
    with storing(folder), written_aside(folder / f"forecast.{output_format}") as aside:
        if output_format == "csv":
            found.to_csv(aside)
        else:
            with_storable_index(found).to_parquet(aside)
