"""From raw tables to frames: sample, split, parse, learn facts on the training split, encode.

N = rows
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Protocol

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from ludwig.columns.dense import Dense
from ludwig.columns.frame import Frame
from ludwig.data.balance import balance, sample
from ludwig.data.split import SPLITTERS, Splitter, default_split
from ludwig.error import InputDataError, nearest
from ludwig.features.base import Encoded, Facts, Feature
from ludwig.features.cells import Cells
from ludwig.schema import Chosen, param

logger = logging.getLogger(__name__)

SPLIT = Chosen(SPLITTERS, "random")
FEWEST_ROWS = 2  # of the training split


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """The section `preprocessing` of the config."""

    sample_ratio: float = param(1.0, min=0, max=1, help="Share of the rows that is kept, taken before the split.")
    sample_size: int | None = param(None, min=1, help="How many rows are kept at most, taken before the split.")
    oversample_minority: float | None = param(
        None, above=0, max=1, help="Wanted ratio of minority to majority: rows of the minority are repeated."
    )
    undersample_majority: float | None = param(
        None, above=0, max=1, help="Wanted ratio of minority to majority: rows of the majority are left out."
    )
    split: Annotated[Splitter.Config, SPLIT] = param(SPLIT.make, help="Which rows are for training and which not.")
    global_max_sequence_length: int | None = param(
        None, min=1, help="The most tokens that an LLM gets of a prompt and its answer."
    )

    def faults(self) -> list[tuple[str, str]]:
        """(parameter, message) of options that do not go together."""
        faults = [(f"split.{name}", text) for name, text in self.split.faults()]
        if self.oversample_minority is not None and self.undersample_majority is not None:
            faults.append(
                ("oversample_minority", "Cannot go together with undersample_majority. Take one of them out.")
            )
        if self.sample_size is not None and self.sample_ratio < 1:
            faults.append(("sample_size", "Cannot go together with a sample_ratio below 1. Take one of them out."))
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
    """The splits as frames, and what the training split taught."""

    training: Frame
    validation: Frame | None
    test: Frame | None
    facts: dict[str, Facts]


Progress = Callable[[float], None]


def preprocess(
    tables: Tables,
    specs: Sequence[Spec],
    config: Preprocessing,
    seed: int,
    known: Mapping[str, Facts] | None = None,
    progress: Progress = lambda share: None,
) -> Prepared:
    """Splits, learns facts and encodes.

    Args:
        known: Facts of an earlier run, which are then not learned anew.
        progress: Told the share of the features that are encoded.

    Raises:
        InputDataError: The tables do not fit the features.
    """
    if tables.whole is not None:
        return _from_one_table(tables.whole, specs, config, seed, known, progress)
    if tables.training is None:
        raise InputDataError("There is no training data: give `dataset`, or `training_set`.")
    _check_rows(tables.training, specs)
    parsed = _parse(tables.training, specs)
    facts = dict(known) if known else _learn(parsed, specs, None)
    frame, dropped = _encode(parsed, specs, facts, progress)
    rows = _balanced(frame, np.flatnonzero(~dropped), specs, config, seed)
    held_out = [_held_out(name, table, specs, facts) for name, table in _others(tables)]
    return Prepared(_training(frame, rows), held_out[0], held_out[1], facts)


def encode(table: pd.DataFrame, specs: Sequence[Spec], facts: Mapping[str, Facts]) -> tuple[Frame, NDArray[np.bool_]]:
    """All rows of a table with known facts, and which of them cannot be used: [N].

    Raises:
        InputDataError: A column is missing, or has cells that do not fit.
    """
    check_columns(table.columns, specs)
    return _encode(_parse(table, specs), specs, facts, lambda share: None)


def rows_of_split(table: pd.DataFrame, config: Preprocessing, seed: int, split: str) -> NDArray[np.int64]:
    """The positions of the rows that training on this table would put into the split ("full" for all)."""
    if split == "full":
        return np.arange(len(table))
    kept = sample(len(table), config.sample_ratio, config.sample_size, seed)
    part = table if kept is None else table.iloc[kept]
    rows: NDArray[np.int64] = getattr(default_split(config.split, part).build().split(part, seed), split)
    return rows if kept is None else kept[rows]


def check_columns(columns: Sequence[str] | pd.Index, specs: Sequence[Spec]) -> None:
    """Raises when a feature's column is not there, with the nearest name of each."""
    missing = [spec for spec in specs if spec.column not in columns]
    if missing:
        names = "; ".join(f"'{spec.column}' of {spec.feature.where}{_near(spec.column, columns)}" for spec in missing)
        raise InputDataError(f"The data has no column {names}. It was read with: {', '.join(map(str, columns[:40]))}.")


def _near(column: str, columns: Sequence[str] | pd.Index) -> str:
    hint = nearest(column, map(str, columns))
    return f" ({hint.strip()})" if hint else ""


def _check_rows(table: pd.DataFrame, specs: Sequence[Spec]) -> None:
    check_columns(table.columns, specs)
    if len(table) < FEWEST_ROWS:
        count = "no rows" if len(table) == 0 else "one row"
        raise InputDataError(f"The data has {count}. Training needs {FEWEST_ROWS} rows at least, and should have many.")


def _from_one_table(
    table: pd.DataFrame,
    specs: Sequence[Spec],
    config: Preprocessing,
    seed: int,
    known: Mapping[str, Facts] | None,
    progress: Progress,
) -> Prepared:
    _check_rows(table, specs)
    kept = sample(len(table), config.sample_ratio, config.sample_size, seed)
    if kept is not None:
        table = table.iloc[kept]
    splits = default_split(config.split, table).build().split(table, seed)
    if len(splits.training) == 0:
        raise InputDataError("The training split has no rows. See preprocessing.split, or give more data.")
    parsed = _parse(table, specs)
    facts = dict(known) if known else _learn(parsed, specs, splits.training)
    frame, dropped = _encode(parsed, specs, facts, progress)
    training, validation, test = (part[~dropped[part]] for part in (splits.training, splits.validation, splits.test))
    training = _balanced(frame, training, specs, config, seed)
    return Prepared(_training(frame, training), _part(frame, validation), _part(frame, test), facts)


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


def _parse(table: pd.DataFrame, specs: Sequence[Spec]) -> dict[str, Cells]:
    return {spec.name: spec.feature.parse(table[spec.column]) for spec in specs}


def _learn(parsed: Mapping[str, Cells], specs: Sequence[Spec], training: NDArray[np.int64] | None) -> dict[str, Facts]:
    """Facts of each feature from the training rows; tied features learn from their cells together."""
    tallies: dict[str, Any] = {}
    hosts = {spec.name: spec.tied or spec.name for spec in specs}
    for spec in specs:
        cells = parsed[spec.name] if training is None else parsed[spec.name].take(training)
        tally, host = spec.feature.tally(cells), hosts[spec.name]
        tallies[host] = tallies[host].merge(tally) if host in tallies else tally
    return {spec.name: spec.feature.finish(tallies[hosts[spec.name]]) for spec in specs}


def _encode(
    parsed: Mapping[str, Cells], specs: Sequence[Spec], facts: Mapping[str, Facts], progress: Progress
) -> tuple[Frame, NDArray[np.bool_]]:
    columns: dict[str, Encoded] = {}
    for place, spec in enumerate(specs, start=1):
        columns[spec.name] = spec.feature.encode(parsed[spec.name], facts[spec.name])
        progress(place / len(specs))
    dropped = np.zeros(len(next(iter(parsed.values()))), dtype=bool)
    for encoded in columns.values():
        if encoded.dropped is not None:
            dropped |= encoded.dropped
    return Frame.of({name: encoded.column for name, encoded in columns.items()}), dropped


def _balanced(
    frame: Frame, rows: NDArray[np.int64], specs: Sequence[Spec], config: Preprocessing, seed: int
) -> NDArray[np.int64]:
    if config.oversample_minority is None and config.undersample_majority is None:
        return rows
    target = next(spec.name for spec in specs if spec.feature.target)
    classes = Dense(frame.column(target)).values.numpy()[rows]  # type: ignore[arg-type]
    places = balance(classes, oversample=config.oversample_minority, undersample=config.undersample_majority, seed=seed)
    return rows[places]
