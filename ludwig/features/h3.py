"""Cells of the H3 grid of the Earth.

N = rows, U = distinct cells
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
import pandas as pd

from ludwig.columns.dense import Dense
from ludwig.features.base import FEATURES, Encoded, Facts, Feature, Tally
from ludwig.features.cells import Flags, Index, Labels
from ludwig.features.invalid import InvalidOptions, refuse_many
from ludwig.features.labels import as_tensor
from ludwig.features.missing import settled
from ludwig.schema import param

Strategy = Literal["fill_with_const", "fill_with_mode", "bfill", "ffill", "drop_row"]

DIGITS = 15  # of a cell, three bits each, the coarsest first
UNUSED = 7  # a digit beyond the resolution
SHIFTS = np.array([59, 56, 52, 45, *range(3 * (DIGITS - 1), -1, -3)])  # of mode, edge, resolution, base cell, digits
SIZES = (16, 8, 16, 128, *[8] * DIGITS)  # how many values each component can have
BASE_CELLS = 122
HEXADECIMAL = re.compile(r"(0x)?[0-9a-f]{1,16}", re.IGNORECASE)
DECIMAL = re.compile(r"[0-9]{17,19}")  # a cell has 18 decimal digits or more, and 16 hexadecimal ones at most
ROUNDED = 512  # a float64 rounds a cell up to a multiple of it, up to resolution 12


@dataclasses.dataclass(frozen=True)
class GridCells:
    """Ids of cells."""

    ids: Index  # [N], 0 where missing

    def __len__(self) -> int:
        return len(self.ids)

    def missing(self) -> Flags:
        return np.asarray(self.ids == 0)

    def take(self, index: Index) -> GridCells:
        return GridCells(self.ids[index])


@dataclasses.dataclass(frozen=True)
class GridFacts(Facts):
    """Fitted preprocessing state of a column of cells."""

    fill: int  # in place of a missing cell

    def to_json(self) -> dict[str, Any]:
        return {"fill": self.fill}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        return cls(raw["fill"])


class GridTally(Tally):
    """How many cells there are, and how often each occurs where the mode may be asked for."""

    def __init__(self, present: int, counts: Counter[int]) -> None:
        self.present, self.counts = present, counts

    def merge(self, other: Self) -> Self:
        return type(self)(self.present + other.present, self.counts + other.counts)


@FEATURES.register("h3")
class H3Feature(Feature[GridCells, GridTally, GridFacts]):
    """H3 feature: a column of cells of the H3 grid of the Earth, as integers or as hexadecimal texts, each taken apart
    into mode, edge, resolution, base cell and 15 digits, which lead from coarse to fine.

    Use it for places: cells that are near share their first digits. Floats are too coarse for cells finer than
    resolution 12; pass integers or texts. A batch is [B, 19].

    Source: the bits of an H3Index, "Indexing" in the documentation of H3 (h3geo.org).

    ```yaml
    name: pickup
    type: h3
    encoder: rnn
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(InvalidOptions, Feature.Config):
        missing_value_strategy: Strategy = param(
            "fill_with_const",
            help="Strategy for missing values (imputation), such as fill_with_const, bfill or drop_row.",
        )
        fill_value: int = param(
            576495936675512319, min=1, help="Fill value: the cell in place of a missing one, with fill_with_const."
        )

        def faults(self) -> list[tuple[str, str]]:
            if _valid(np.array([self.fill_value if self.fill_value < 2**63 else 0])).all():
                return []
            return [("fill_value", f"Must be a cell of the H3 grid as an integer. Received: {self.fill_value}.")]

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class TargetConfig(Config):
        missing_value_strategy: Strategy = param(
            "drop_row", help="Strategy for missing targets; drop_row leaves such rows out of training and evaluation."
        )

    kind = "h3"
    facts_type = GridFacts
    default_encoder = "embed"

    def parse(self, column: pd.Series) -> GridCells:
        ids, there = _ids_of(column)
        unread = there & ~_valid(ids)
        fault = "that are not cells of the H3 grid"
        refuse_many(column, unread, self.config.max_invalid_share, self.where, fault)
        return GridCells(np.where(unread, 0, ids))

    def tally(self, cells: GridCells) -> GridTally:
        ids = cells.ids[~cells.missing()]
        wants_mode = self.config.missing_value_strategy not in ("fill_with_const", "drop_row")
        return GridTally(len(ids), Counter(ids.tolist()) if wants_mode else Counter())

    def finish(self, tally: GridTally) -> GridFacts:
        self.refuse_all_missing(tally.present)
        counts = tally.counts
        return GridFacts(min(counts, key=lambda cell: (-counts[cell], cell), default=self.config.fill_value))

    def encode(self, cells: GridCells, facts: GridFacts) -> Encoded:
        cells, missing, dropped = settled(cells, self.config.missing_value_strategy)
        parts = components_of(np.where(missing, facts.fill, cells.ids))
        return Encoded(Dense(as_tensor(parts.astype(np.int8))), dropped)

    def facts_of_config(self) -> GridFacts:
        return GridFacts(self.config.fill_value)


def components_of(ids: Index) -> Index:
    """Mode, edge, resolution, base cell and the 15 digits: [N] -> [N, 19]."""
    return np.asarray(ids[:, None] >> SHIFTS & (np.array(SIZES) - 1), np.int64)


def _valid(ids: Index) -> Flags:
    parts = components_of(ids)
    beyond = np.arange(DIGITS) >= parts[:, 2:3]  # [N, 15], which digits are not used
    digits = (parts[:, 4:] == UNUSED) == beyond
    return np.asarray((ids > 0) & (parts[:, 0] > 0) & (parts[:, 3] < BASE_CELLS) & digits.all(axis=1))


def _ids_of(column: pd.Series) -> tuple[Index, Flags]:
    """The ids, 0 where a cell is none, and where there is a cell: [N], [N]."""
    dtype = column.dtype
    if pd.api.types.is_integer_dtype(dtype):
        there = column.notna().to_numpy(bool)
        values = column.where(column.notna(), 0).astype(object).to_numpy()
        return np.array([value if 0 < value < 2**63 else 0 for value in values], np.int64), there
    if pd.api.types.is_float_dtype(dtype):
        floats = column.to_numpy(np.float64, na_value=np.nan)
        there = ~np.isnan(floats)
        exact = there & (floats > 0) & (floats < 2.0**63)
        whole = np.where(exact, floats, 0).astype(np.int64)
        return np.where(whole % ROUNDED == 0, np.maximum(whole - 1, 0), 0), there
    labels = Labels.of(column)
    distinct = np.array([*map(_id_of_text, labels.words), 0], np.int64)  # the last for a missing cell
    blank = np.array([*(not word.strip() for word in labels.words), True], dtype=bool)
    return distinct[labels.codes], ~blank[labels.codes]


def _id_of_text(word: str) -> int:
    word = word.strip()
    if DECIMAL.fullmatch(word):
        found = int(word)
    else:
        found = int(word, 16) if HEXADECIMAL.fullmatch(word) else 0
    return found if found < 2**63 else 0
