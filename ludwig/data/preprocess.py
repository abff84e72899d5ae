"""From raw tables to frames: sample, split, parse, fit on the training split, encode.

N = rows
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Protocol

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from ludwig.columns.frame import Frame
from ludwig.data.balance import balance, sample
from ludwig.data.names import refuse_absent
from ludwig.data.split import SPLITTERS, Splitter, default_split
from ludwig.data.split import SplitIndex as SplitRows
from ludwig.error import InputDataError
from ludwig.features.base import Encoded, Facts, Feature
from ludwig.features.cells import Cells
from ludwig.runtime.console import logger_of
from ludwig.schema import Chosen, param

logger = logger_of(__name__)

SPLIT = Chosen(SPLITTERS, "random")
FEWEST_ROWS = 2  # of the training split


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """The section `preprocessing` of the config."""

    sample_ratio: float = param(
        1.0,
        min=0,
        max=1,
        help="Sampling ratio: fraction of the rows that is used, drawn before the split. Lower it for quick trials.",
    )
    sample_size: int | None = param(
        None, min=1, help="Sample size: maximum number of rows that is used, drawn before the split; null for all."
    )
    oversample_minority: float | None = param(
        None,
        above=0,
        max=1,
        help="Oversampling: wanted ratio of minority to majority class, reached by repeating training rows of "
        "the minority; null for none.",
    )
    undersample_majority: float | None = param(
        None,
        above=0,
        max=1,
        help="Undersampling: wanted ratio of minority to majority class, reached by dropping training rows of "
        "the majority; null for none.",
    )
    split: Annotated[Splitter.Config, SPLIT] = param(
        SPLIT.make, help="Split of the rows into training, validation and test."
    )

    def faults(self) -> list[tuple[str, str]]:
        """(parameter, message) of options that do not go together."""
        faults = [(f"split.{name}", text) for name, text in self.split.faults()]
        if self.oversample_minority is not None and self.undersample_majority is not None:
            faults.append(("oversample_minority", "Cannot go together with undersample_majority. Remove one of them."))
        if self.sample_size is not None and self.sample_ratio < 1:
            faults.append(("sample_size", "Cannot go together with a sample_ratio below 1. Remove one of them."))
        return faults


class Spec(Protocol):
    """One feature as this room needs it."""

    @property
    def name(self) -> str: ...
    @property
    def column(self) -> str: ...
    @property
    def feature(self) -> Feature[Any, Any, Any]: ...
    @property
    def tied(self) -> str | None: ...


@dataclasses.dataclass(frozen=True)
class Tables:
    """Either one table that is to be split, or tables for the splits."""

    whole: pd.DataFrame | None = None
    training: pd.DataFrame | None = None
    validation: pd.DataFrame | None = None
    test: pd.DataFrame | None = None

    def mapped(self, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Tables:
        """The tables that are there, each changed."""
        tables = (self.whole, self.training, self.validation, self.test)
        return Tables(*(None if table is None else change(table) for table in tables))


@dataclasses.dataclass(frozen=True)
class Prepared:
    """The splits as frames, and the fitted state of the features."""

    training: Frame
    validation: Frame | None
    test: Frame | None
    facts: dict[str, Facts]


class Events:
    """Who listens to preprocessing; this one does nothing with what it hears."""

    def fit_starts(self, table: pd.DataFrame) -> None:
        """The features are about to be fitted on the training split."""

    def fit_ends(self, table: pd.DataFrame) -> None:
        """They are fitted."""

    def encoding_starts(self, table: pd.DataFrame) -> None:
        """The rows are about to be encoded."""

    def encoding_ends(self, table: pd.DataFrame) -> None:
        """They are encoded."""

    def progress(self, share: float) -> None:
        """So large a share of the features is encoded."""


SILENT = Events()


class Parsed:
    """A raw table whose cells have been parsed: once, however many splits or folds are then made of it."""

    def __init__(self, table: pd.DataFrame, specs: Sequence[Spec]) -> None:
        """Parses the column of each feature.

        Raises:
            InputDataError: A column is missing, or has cells that do not fit.
        """
        refuse_absent_columns(table, specs)
        self.table, self.specs = table, specs
        self.cells: dict[str, Cells] = {spec.name: spec.feature.parse(table[spec.column]) for spec in specs}

    def fit(self, training: NDArray[np.int64] | None = None) -> dict[str, Facts]:
        """The fitted state of each feature from the training rows, or from all; tied features are fitted together."""
        tallies: dict[str, Any] = {}
        hosts = {spec.name: spec.tied or spec.name for spec in self.specs}
        for spec in self.specs:
            cells = self.cells[spec.name] if training is None else self.cells[spec.name].take(training)
            tally, host = spec.feature.tally(cells), hosts[spec.name]
            tallies[host] = tallies[host].merge(tally) if host in tallies else tally
        return {spec.name: spec.feature.finish(tallies[hosts[spec.name]]) for spec in self.specs}

    def encode(self, facts: Mapping[str, Facts], events: Events = SILENT) -> tuple[Frame, NDArray[np.bool_]]:
        """All rows as a frame, and which of them cannot be used: [N]."""
        columns: dict[str, Encoded] = {}
        for place, spec in enumerate(self.specs, start=1):
            columns[spec.name] = spec.feature.encode(self.cells[spec.name], facts[spec.name])
            events.progress(place / len(self.specs))
        dropped = np.zeros(len(self.table), dtype=bool)
        for encoded in columns.values():
            if encoded.dropped is not None:
                dropped |= encoded.dropped
        return Frame.of({name: encoded.column for name, encoded in columns.items()}), dropped


def preprocess(
    tables: Tables,
    specs: Sequence[Spec],
    config: Preprocessing,
    seed: int,
    known: Mapping[str, Facts] | None = None,
    events: Events = SILENT,
) -> Prepared:
    """Splits, fits and encodes.

    Args:
        known: The fitted state of an earlier run, which is then kept.

    Raises:
        InputDataError: The tables do not fit the features.
    """
    table = tables.training if tables.whole is None else tables.whole
    if table is None:
        raise InputDataError("There is no training data: give `dataset`, or `training_set`.")
    _check_rows(table, specs)
    rows: SplitRows | None = None
    if tables.whole is not None:
        table, rows = _split(table, config, seed)
    parsed = Parsed(table, specs)
    facts = dict(known) if known else _fitted(parsed, None if rows is None else rows.training, events)
    events.encoding_starts(table)
    frame, dropped = parsed.encode(facts, events)
    if rows is None:
        training = np.flatnonzero(~dropped)
        held_out = [_held_out(name, other, specs, facts) for name, other in _others(tables)]
    else:
        training = rows.training[~dropped[rows.training]]
        held_out = [_part(frame, part[~dropped[part]]) for part in (rows.validation, rows.test)]
    prepared = Prepared(
        _training(frame, _balanced(frame, training, specs, config, seed)), held_out[0], held_out[1], facts
    )
    events.encoding_ends(table)
    return prepared


def _split(table: pd.DataFrame, config: Preprocessing, seed: int) -> tuple[pd.DataFrame, SplitRows]:
    """The rows that are kept, and which of them belong to which split."""
    kept = sample(len(table), config.sample_ratio, config.sample_size, seed)
    if kept is not None:
        table = table.iloc[kept]
    splits = default_split(config.split, table).build().split(table, seed)
    if len(splits.training) == 0:
        raise InputDataError("The training split has no rows. See preprocessing.split, or give more data.")
    return table, splits


def _fitted(parsed: Parsed, training: NDArray[np.int64] | None, events: Events) -> dict[str, Facts]:
    events.fit_starts(parsed.table)
    facts = parsed.fit(training)
    events.fit_ends(parsed.table)
    return facts


def encode(table: pd.DataFrame, specs: Sequence[Spec], facts: Mapping[str, Facts]) -> tuple[Frame, NDArray[np.bool_]]:
    """All rows of a table with fitted features, and which of them cannot be used: [N].

    Raises:
        InputDataError: A column is missing, or has cells that do not fit.
    """
    return Parsed(table, specs).encode(facts)


def rows_of_split(table: pd.DataFrame, config: Preprocessing, seed: int, split: str) -> NDArray[np.int64]:
    """The positions of the rows that training on this table would put into the split ("full" for all)."""
    if split == "full":
        return np.arange(len(table))
    kept = sample(len(table), config.sample_ratio, config.sample_size, seed)
    part = table if kept is None else table.iloc[kept]
    rows: NDArray[np.int64] = getattr(default_split(config.split, part).build().split(part, seed), split)
    return rows if kept is None else kept[rows]


def refuse_absent_columns(table: pd.DataFrame, specs: Sequence[Spec]) -> None:
    """Raises when a feature's column is not there."""
    refuse_absent({spec.column: spec.feature.where for spec in specs}, table.columns)


def _check_rows(table: pd.DataFrame, specs: Sequence[Spec]) -> None:
    refuse_absent_columns(table, specs)
    if len(table) < FEWEST_ROWS:
        count = "no rows" if len(table) == 0 else "one row"
        raise InputDataError(f"The data has {count}. Training needs {FEWEST_ROWS} rows at least, and should have many.")


def _others(tables: Tables) -> list[tuple[str, pd.DataFrame | None]]:
    return [("validation", tables.validation), ("test", tables.test)]


def _held_out(name: str, table: pd.DataFrame | None, specs: Sequence[Spec], facts: Mapping[str, Facts]) -> Frame | None:
    if table is None:
        return None
    frame, dropped = encode(table, specs, facts)
    part = _part(frame, np.flatnonzero(~dropped))
    if part is None:
        logger.warning("The %s set has no usable rows, so it is left out.", name)
    return part


def _training(frame: Frame, rows: NDArray[np.int64]) -> Frame:
    if len(rows) < FEWEST_ROWS:
        raise InputDataError(
            f"Only {len(rows)} rows are left for training once rows with missing targets are dropped. Training needs "
            f"{FEWEST_ROWS} at least."
        )
    return _rows(frame, rows)


def _part(frame: Frame, rows: NDArray[np.int64]) -> Frame | None:
    return _rows(frame, rows) if len(rows) else None


def _rows(frame: Frame, rows: NDArray[np.int64]) -> Frame:
    if len(rows) == len(frame) and np.array_equal(rows, np.arange(len(frame))):
        return frame
    return frame.rows(torch.from_numpy(rows))


def _balanced(
    frame: Frame, rows: NDArray[np.int64], specs: Sequence[Spec], config: Preprocessing, seed: int
) -> NDArray[np.int64]:
    if config.oversample_minority is None and config.undersample_majority is None:
        return rows
    target = next(spec.name for spec in specs if spec.feature.target)
    classes = frame.columns((target,))[:, 0].numpy()[rows]
    places = balance(classes, oversample=config.oversample_minority, undersample=config.undersample_majority, seed=seed)
    return rows[places]
