"""The cells of a raw table, parsed once, fitted and encoded.

N = rows
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ludwig.columns.frame import Frame
from ludwig.columns.ragged import Ragged
from ludwig.data.names import refuse_absent
from ludwig.data.rows import BALANCED, Dropped, RowCount
from ludwig.error import InputDataError, counted
from ludwig.features.base import Encoded, Facts, Feature, first_few
from ludwig.features.cells import Cells, Flags
from ludwig.runtime.console import warn

FEWEST_TO_WARN = 2  # cells of a column that are all unknown; a single one is nothing unusual


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
    @property
    def beside(self) -> str | None: ...
    @property
    def follows(self) -> str | None: ...


@dataclasses.dataclass(frozen=True)
class EncodedTable:
    """All rows of a table as tensors, and which of them can be used."""

    frame: Frame
    dropped: Dropped
    unknown: Mapping[str, Flags]  # by feature: cells of a value that the training split did not have

    def count(self, rows: NDArray[np.int64], used: int) -> RowCount:
        """The rows of a split, of which so many are used; those that balancing left out are counted as well."""
        dropped = self.dropped.counts(rows)
        kept = len(rows) - sum(dropped.values())
        return RowCount(len(rows), used, {**dropped, **({BALANCED: kept - used} if used < kept else {})})


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

    def __init__(self, table: pd.DataFrame, specs: Sequence[Spec], cells: Mapping[str, Cells] | None = None) -> None:
        """Parses the column of each feature, unless its cells are given.

        Raises:
            InputDataError: A column is missing, or has cells that do not fit.
        """
        refuse_absent_columns(table, specs)
        self.table, self.specs = table, specs
        known = dict(cells or {})
        self.cells: dict[str, Cells] = {
            spec.name: known[spec.name] if spec.name in known else spec.feature.parse_of(table, spec.column)
            for spec in specs
        }

    def take(self, rows: NDArray[np.int64], *, alone: bool) -> Parsed:
        """Some of the rows, without parsing them again.

        Args:
            alone: Whether a cell that is made of the rows around its own must not see any but these.
        """
        again = {spec.name for spec in self.specs if alone and spec.feature.reads_neighbours}
        cells = {name: cells.take(rows) for name, cells in self.cells.items() if name not in again}
        return Parsed(self.table.iloc[rows], self.specs, cells)

    def fit(self, training: NDArray[np.int64] | None = None) -> dict[str, Facts]:
        """The fitted state of each feature from the training rows, or from all; tied features are fitted together."""
        tallies: dict[str, Any] = {}
        hosts = {spec.name: spec.tied or spec.name for spec in self.specs}
        for spec in self.specs:
            cells = self.cells[spec.name] if training is None else self.cells[spec.name].take(training)
            tally, host = spec.feature.tally(cells), hosts[spec.name]
            tallies[host] = tallies[host].merge(tally) if host in tallies else tally
        facts: dict[str, Facts] = {spec.name: spec.feature.finish(tallies[hosts[spec.name]]) for spec in self.specs}
        for spec in self.specs:
            if spec.follows is not None:
                leader = facts[spec.follows], self.cells[spec.follows]
                facts[spec.name] = spec.feature.following(facts[spec.name], self.cells[spec.name], *leader)
        return facts

    def encode(self, facts: Mapping[str, Facts], events: Events = SILENT) -> EncodedTable:
        """All rows as tensors. An input of which no cell is known is reported."""
        columns: dict[str, Encoded] = {}
        for place, spec in enumerate(self.specs, start=1):
            columns[spec.name] = spec.feature.encode(self.cells[spec.name], facts[spec.name])
            events.progress(place / len(self.specs))
        unknown = {name: encoded.unknown for name, encoded in columns.items() if encoded.unknown is not None}
        self._warn_of_unknown(unknown)
        self._warn_of_lengths(columns)
        frame = Frame.of({name: encoded.column for name, encoded in columns.items()})
        return EncodedTable(frame, self._dropped(columns), unknown)

    def _dropped(self, columns: Mapping[str, Encoded]) -> Dropped:
        """Targets first, since a row without one is of no use whatever its inputs are."""
        flags: dict[str, Flags] = {}
        for spec in sorted(self.specs, key=lambda spec: not spec.feature.target):
            gone = columns[spec.name].dropped
            if gone is not None and gone.any():
                flags[f"{spec.feature.role} '{spec.feature.name}' is missing"] = gone
        return Dropped.of(len(self.table), flags)

    def _warn_of_lengths(self, columns: Mapping[str, Encoded]) -> None:
        """Targets that should have as many tokens as an input has steps."""
        for spec in self.specs:
            if spec.beside is None or spec.beside not in columns:
                continue
            one, other = columns[spec.name].column, columns[spec.beside].column
            if not isinstance(one, Ragged) or not isinstance(other, Ragged):
                continue
            gone = columns[spec.name].dropped
            odd = (one.lengths != other.lengths).numpy() & (True if gone is None else ~gone)
            if odd.any():
                row = int(np.flatnonzero(odd)[0])
                warn(
                    f"{int(odd.sum())} of {len(odd)} cells of the {spec.feature.where} have another number of tokens "
                    f"than the input '{spec.beside}' has steps: {int(one.lengths[row])} and {int(other.lengths[row])} "
                    f"in row {row}. What has no partner is left out. Check the tokenizers of both."
                )

    def _warn_of_unknown(self, unknown: Mapping[str, Flags]) -> None:
        for spec in self.specs:
            if spec.feature.target or spec.name not in unknown:
                continue
            there = len(self.table) - int(self.cells[spec.name].missing().sum())
            if unknown[spec.name].sum() == there >= FEWEST_TO_WARN:
                distinct = {repr(cell): cell for cell in self.table[spec.column].dropna().tolist()}
                warn(
                    f"All {there} cells of the {spec.feature.where} have values that the model does not know, such as "
                    f"{first_few([*distinct.values()])}, so they are all encoded alike. Check how "
                    "the column was read."
                )


def encode(table: pd.DataFrame, specs: Sequence[Spec], facts: Mapping[str, Facts]) -> EncodedTable:
    """All rows of a table with fitted features.

    Raises:
        InputDataError: A column is missing, or has cells that do not fit.
    """
    return Parsed(table, specs).encode(facts)


def refuse_nothing_to_evaluate(encoded: EncodedTable, table: pd.DataFrame, outputs: Sequence[Spec]) -> None:
    """Warns of targets of which the model does not know the class.

    Raises:
        InputDataError: There is no row that a prediction can be compared with.
    """
    if len(table) == 0:
        raise InputDataError("The data has no rows, so nothing can be evaluated. Give rows with targets.")
    kept = encoded.dropped.used
    rows = int(kept.sum())
    if rows == 0:
        reasons = ", ".join(f"{count} because the {reason}" for reason, count in encoded.dropped.counts().items())
        raise InputDataError(
            f"None of the {len(table)} rows can be evaluated: {reasons} were dropped. Give rows with targets, or call "
            "`predict`."
        )
    for spec in outputs:
        unknown = encoded.unknown.get(spec.name)
        count = 0 if unknown is None else int(unknown[kept].sum())
        if unknown is None or count == 0:
            continue
        classes = first_few(table[spec.column][unknown & kept].unique().tolist())
        if count == rows:
            raise InputDataError(
                f"The model knows none of the classes of the {spec.feature.where} ({classes}), so none of the {rows} "
                "rows can be evaluated. Check how the column was read, or train a new model with these classes."
            )
        warn(
            f"The model does not know the class of the {spec.feature.where} in {count} of {rows} rows ({classes}). "
            "Such rows count as wrong in accuracy and its kin, and are left out of the loss, ROC AUC and calibration."
        )


def warn_of_dropped(dropped: Mapping[str, int], rows: int) -> None:
    """Warns of rows that cannot be used; by reason, of so many."""
    if dropped:
        reasons = ", ".join(f"{count} because the {reason}" for reason, count in dropped.items())
        warn(f"{sum(dropped.values())} of {counted(rows, 'row')} dropped: {reasons}.")


def refuse_absent_columns(table: pd.DataFrame, specs: Sequence[Spec]) -> None:
    """Raises when a column that a feature reads is not there."""
    refuse_absent(needed_columns(specs), table.columns)


def needed_columns(specs: Sequence[Spec]) -> dict[str, str]:
    """Who needs each of the columns that must be there."""
    groups = {spec.feature.group: f"preprocessing.group of the {spec.feature.where}" for spec in specs}
    ids = {column: where for column, where in groups.items() if column is not None}
    return {**ids, **{spec.column: spec.feature.where for spec in specs}}
