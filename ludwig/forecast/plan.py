"""What of a model forecasts: its series inputs and outputs, and the columns that it reads beside them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import cast

import pandas as pd

from ludwig.config import names_as_written
from ludwig.data.encoding import refuse_absent_columns
from ludwig.data.sources import Source, folder_of, read_table
from ludwig.error import ArgumentError
from ludwig.features.number_cells import floats_of
from ludwig.features.timeseries import TimeseriesFeature
from ludwig.lifecycle.held import Held
from ludwig.models.base import FeatureSpec

SERIES = "<series>"  # the column of the number of each series in the tables that are encoded


@dataclasses.dataclass(frozen=True)
class Plan:
    """The parts that a forecast is made of."""

    inputs: tuple[FeatureSpec, ...]
    outputs: tuple[FeatureSpec, ...]  # those of series
    group: str | None  # the column of ids

    @staticmethod
    def of(held: Held, dataset: Source) -> Plan:
        """Those of a model.

        Raises:
            ArgumentError: It has no series input or output whose rows follow each other.
        """
        inputs, outputs = held.config_obj.resolve(held.assets, folder_of(dataset))
        series = [spec for spec in outputs if isinstance(spec.feature, TimeseriesFeature)]
        windows = [spec for spec in inputs if _is_window(spec)]
        if not series or not windows:
            raise ArgumentError(
                "A forecast needs a timeseries input with a window_size and a timeseries output with a horizon. "
                f"{_listed('inputs', inputs)} {_listed('outputs', outputs)}"
            )
        _refuse_odd_outputs(series)
        groups = {spec.feature.group: spec.feature.where for spec in (*windows, *series)}
        if len(groups) > 1:
            each = "; ".join(f"{where}: {column}" for column, where in groups.items())
            raise ArgumentError(f"The series have different preprocessing.group ({each}). Train a model with one.")
        return Plan(tuple(inputs), tuple(series), next(iter(groups)))

    @property
    def slide(self) -> int:
        """How many rows a call of the model forecasts."""
        return min(_steps(spec) for spec in self.outputs)

    @property
    def window(self) -> int:
        """How many rows up to the last known one are read."""
        return max(_steps(spec) for spec in self.inputs if _is_window(spec))

    @property
    def columns(self) -> Mapping[str, str]:
        """The output that forecasts a column."""
        return {spec.column: spec.name for spec in self.outputs}

    @property
    def fed(self) -> tuple[FeatureSpec, ...]:
        """The inputs that read on in what is forecast."""
        return tuple(_grouped(spec) for spec in self.inputs if spec.column in self.columns)

    @property
    def beside(self) -> tuple[FeatureSpec, ...]:
        """The other inputs: covariates."""
        return tuple(_grouped(spec) for spec in self.inputs if spec.column not in self.columns)

    @property
    def covariates(self) -> tuple[str, ...]:
        """The columns of covariates; an id does not change within its series."""
        return tuple(dict.fromkeys(spec.column for spec in self.beside if spec.column != self.group))

    def read(self, held: Held, dataset: Source, data_format: str | None) -> pd.DataFrame:
        """The table, with all columns that a forecast needs; those of series as numbers, NaN where they are missing.

        Raises:
            InputDataError: It cannot be read, lacks a column, or has cells that do not fit.
        """
        config = held.config_obj
        reads_all = config.reads_all_columns
        selection = config.preprocessing.selection(self.inputs, reads_all=reads_all, wanted=self.outputs)
        selection = dataclasses.replace(selection, written=names_as_written(held.user_config))
        table = config.prepare(read_table(dataset, data_format, selection))
        refuse_absent_columns(table, self.inputs)
        series = {spec.column: spec.feature for spec in (*self.outputs, *self.inputs) if _is_window(spec)}
        numbers = {
            column: floats_of(table[column], feature.where, feature.config.max_invalid_share)
            for column, feature in series.items()
            if column in table
        }
        return table.assign(**numbers)


def _is_window(spec: FeatureSpec) -> bool:
    return isinstance(spec.feature, TimeseriesFeature) and spec.feature.steps > 0


def _steps(spec: FeatureSpec) -> int:
    return cast(TimeseriesFeature, spec.feature).steps


def _grouped(spec: FeatureSpec) -> FeatureSpec:
    """With windows that keep to the rows of one series of an encoded table."""
    if not _is_window(spec):
        return spec
    return dataclasses.replace(spec, feature=cast(TimeseriesFeature, spec.feature).grouped_by(SERIES))


def _listed(which: str, specs: Sequence[FeatureSpec]) -> str:
    return f"Its {which}: {', '.join(f'{spec.name} ({spec.feature.kind})' for spec in specs)}."


def _refuse_odd_outputs(series: Sequence[FeatureSpec]) -> None:
    whole = next((spec for spec in series if not _steps(spec)), None)
    if whole is not None:
        raise ArgumentError(
            f"The output '{whole.name}' has a whole series in each cell, so its rows do not follow each other. Call "
            "`predict`, which gives the series of each row, or train with preprocessing.horizon."
        )
    columns = [spec.column for spec in series]
    twice = next((column for column in columns if columns.count(column) > 1), None)
    if twice is not None:
        names = ", ".join(spec.name for spec in series if spec.column == twice)
        raise ArgumentError(f"Several outputs forecast the column '{twice}': {names}. Train a model with one of them.")
