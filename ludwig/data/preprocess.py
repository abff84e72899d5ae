"""From raw tables to frames: sample, split, parse, fit on the training split, encode.

N = rows
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from ludwig.columns.frame import Frame
from ludwig.data.arrow import Selection
from ludwig.data.balance import balance, sample
from ludwig.data.encoding import (
    SILENT,
    EncodedTable,
    Events,
    Parsed,
    Spec,
    encode,
    needed_columns,
    refuse_absent_columns,
    warn_of_dropped,
)
from ludwig.data.rows import BALANCED, IN_NO_SPLIT, SAMPLED, RowCounts, summed
from ludwig.data.split import DEFAULT_COLUMN, SPLITTERS, Splitter, default_split
from ludwig.data.split import SplitIndex as SplitRows
from ludwig.error import InputDataError, counted
from ludwig.features.base import Facts, first_few
from ludwig.runtime.console import logger_of, warn
from ludwig.schema import Chosen, param

logger = logger_of(__name__)

SPLIT = Chosen(SPLITTERS, "random")
FEWEST_ROWS = 2  # of the training split
MOST_MISSING = 0.5  # share of an input's cells that words such as NA may make missing without a warning
EMPTY = np.arange(0)


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
    missing_values: list[str] | None = param(
        None,
        help="Words of a CSV file, or another file of texts, that mean a missing value; an empty list keeps every "
        "word, null stands for the usual ones, such as NA, null and None.",
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

    def selection(self, specs: Sequence[Spec], *, reads_all: bool, wanted: Sequence[Spec] = ()) -> Selection:
        """The columns to read: those of the features and of the split, those that are only wanted, or all."""
        watched = {spec.column: 0.0 if spec.feature.target else MOST_MISSING for spec in specs}
        if reads_all:
            return Selection(missing=self.missing_values, watched=watched)
        optional = dict.fromkeys((DEFAULT_COLUMN, *self.split.columns, *(spec.column for spec in wanted)), False)
        needed = needed_columns(specs)
        textual = {**dict.fromkeys(needed, True), **{spec.column: spec.feature.is_textual for spec in specs}}
        return Selection({**optional, **textual}, needed, self.missing_values, watched)


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
    rows: RowCounts = dataclasses.field(default_factory=dict)
    tested: NDArray[np.int64] | None = None  # positions of the test rows in the table that the splits are of, if kept


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
    fewest = 1 if known else FEWEST_ROWS  # to fit a state takes more than to train further
    check_rows(table, specs, fewest)
    read, rows = len(table), None
    if tables.whole is not None:
        table, rows = _split(table, specs, config, seed)
    parsed = Parsed(table, specs)
    facts = dict(known) if known else fitted(parsed, None if rows is None else rows.training, events)
    events.encoding_starts(table)
    encoded = parsed.encode(facts, events)
    own = SplitRows(np.arange(len(table)), EMPTY, EMPTY) if rows is None else rows
    training = training_rows(parsed, encoded, own.training, config, seed, fewest)
    if known:
        _warn_of_new_classes(parsed, encoded, training)
    counts = {"training": encoded.count(own.training, len(training))}
    held_out = {name: part_of(encoded, getattr(own, name), name, counts) for name in ("validation", "test")}
    if rows is None:
        held_out = {name: _held_out(name, other, specs, facts, counts) for name, other in _others(tables).items()}
    beside = {SAMPLED: read - len(table), IN_NO_SPLIT: 0 if rows is None else len(table) - rows.count()}
    counts = {"total": summed([*counts.values()], beside), **counts}
    report_rows(counts)
    frame = rows_of(encoded.frame, training)
    events.encoding_ends(table)
    return Prepared(frame, held_out["validation"], held_out["test"], facts, counts)


def _split(
    table: pd.DataFrame, specs: Sequence[Spec], config: Preprocessing, seed: int
) -> tuple[pd.DataFrame, SplitRows]:
    """The rows that are kept, and which of them belong to which split."""
    kept = sample(len(table), config.sample_ratio, config.sample_size, seed)
    if kept is not None:
        table = table.iloc[kept]
    rule = default_split(config.split, table)
    if not rule.keeps_order:
        warn_of_overlap(
            specs,
            "Set preprocessing.split to {type: datetime, column: ...}, or add a column 'split' of 0, 1 and 2 in order "
            "of time.",
            kept_whole=rule.columns_kept_whole,
        )
    splits = rule.build().split(table, seed)
    if len(splits.training) == 0:
        raise InputDataError("The training split has no rows. See preprocessing.split, or give more data.")
    return table, splits


def warn_of_overlap(specs: Sequence[Spec], advice: str, kept_whole: Sequence[str | None] = ()) -> None:
    """Warns where rows are not split in order of time, and a target needs that they are.

    Args:
        kept_whole: The columns of which all rows of one value are in one part: series by these do not overlap.
    """
    ahead = next((spec.feature for spec in specs if spec.feature.target and spec.feature.reads_neighbours), None)
    if ahead is not None and (ahead.group is None or ahead.group not in kept_whole):
        warn(
            f"The rows are not split in order of time, and the {ahead.where} reads the rows after each one: the same "
            f"values stand in several splits, and scores are too good. {advice}"
        )


def fitted(parsed: Parsed, training: NDArray[np.int64] | None, events: Events) -> dict[str, Facts]:
    """The fitted state of each feature from the training rows, or from all."""
    events.fit_starts(parsed.table)
    facts = parsed.fit(training)
    events.fit_ends(parsed.table)
    return facts


def rows_of_split(table: pd.DataFrame, config: Preprocessing, seed: int, split: str) -> NDArray[np.int64]:
    """The positions of the rows that training on this table would put into the split ("full" for all)."""
    if split == "full":
        return np.arange(len(table))
    kept = sample(len(table), config.sample_ratio, config.sample_size, seed)
    part = table if kept is None else table.iloc[kept]
    rows: NDArray[np.int64] = getattr(default_split(config.split, part).build().split(part, seed), split)
    return rows if kept is None else kept[rows]


def check_rows(table: pd.DataFrame, specs: Sequence[Spec], fewest: int = FEWEST_ROWS) -> None:
    """Raises where a column is not there, or where there are too few rows to train on."""
    refuse_absent_columns(table, specs)
    if len(table) < fewest:
        count, needed = "no rows" if len(table) == 0 else "one row", counted(fewest, "row")
        raise InputDataError(f"The data has {count}. Training needs {needed} at least, and should have many.")


def _others(tables: Tables) -> dict[str, pd.DataFrame | None]:
    return {"validation": tables.validation, "test": tables.test}


def _held_out(
    name: str, table: pd.DataFrame | None, specs: Sequence[Spec], facts: Mapping[str, Facts], counts: RowCounts
) -> Frame | None:
    """The rows of a table of its own, and their number."""
    if table is None:
        return None
    part = part_of(encode(table, specs, facts), np.arange(len(table)), name, counts)
    if part is None:
        warn(f"The {name} set has no usable rows, so it is left out.")
    return part


def part_of(encoded: EncodedTable, rows: NDArray[np.int64], name: str, counts: RowCounts) -> Frame | None:
    """The usable ones of the rows of a split, and their number."""
    if len(rows) == 0:
        return None
    kept = rows[encoded.dropped.used[rows]]
    counts[name] = encoded.count(rows, len(kept))
    return rows_of(encoded.frame, kept) if len(kept) else None


def training_rows(
    parsed: Parsed,
    encoded: EncodedTable,
    rows: NDArray[np.int64],
    config: Preprocessing,
    seed: int,
    fewest: int = FEWEST_ROWS,
) -> NDArray[np.int64]:
    """The rows that are trained on, those that are drawn more than once as often.

    Raises:
        InputDataError: There are too few, or none has a target that the model knows.
    """
    kept = rows[encoded.dropped.used[rows]]
    if len(kept) < fewest:
        reasons = ", ".join(f"{count} because the {reason}" for reason, count in encoded.dropped.counts(rows).items())
        raise InputDataError(
            f"Only {len(kept)} of {len(rows)} rows are left for training: {reasons} were dropped. Training needs "
            f"{fewest} at least."
        )
    for spec in parsed.specs:
        if spec.feature.target and spec.name in encoded.unknown and encoded.unknown[spec.name][kept].all():
            raise InputDataError(
                f"The model knows none of the classes of the {spec.feature.where} in the training split "
                f"({first_few(parsed.table[spec.column].iloc[kept].unique().tolist())}), so there is nothing to learn. "
                "A model that is trained further keeps its classes: make a new LudwigModel for others."
            )
    return _balanced(encoded.frame, kept, parsed.specs, config, seed)


def _warn_of_new_classes(parsed: Parsed, encoded: EncodedTable, training: NDArray[np.int64]) -> None:
    """Of targets that are new to a model which is trained further."""
    for spec in parsed.specs:
        unknown = encoded.unknown.get(spec.name)
        if not spec.feature.target or unknown is None or not unknown[training].any():
            continue
        classes = first_few(parsed.table[spec.column].iloc[training[unknown[training]]].unique().tolist())
        warn(
            f"The model does not know the class of the {spec.feature.where} in {unknown[training].sum()} of "
            f"{len(training)} rows ({classes}). They have no part in its loss. A model that is trained further keeps "
            "its classes: make a new LudwigModel for others."
        )


def report_rows(counts: RowCounts) -> None:
    """The rows in the log; those that are dropped for a missing cell as a warning, whatever the level."""
    for name, count in counts.items():
        logger.info("Rows of %s: %s.", "all data" if name == "total" else name, count)
    total = counts["total"]
    missing = {reason: n for reason, n in total.dropped.items() if reason not in (SAMPLED, BALANCED, IN_NO_SPLIT)}
    warn_of_dropped(missing, total.read)


def rows_of(frame: Frame, rows: NDArray[np.int64]) -> Frame:
    """The rows of a frame at these positions."""
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
