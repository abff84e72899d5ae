"""How many rows were read, how many are used, and why the others are not.

N = rows
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ludwig.features.cells import Flags

SAMPLED, BALANCED, IN_NO_SPLIT = "left out by sampling", "left out by undersampling", "in no split"  # reasons


@dataclasses.dataclass(frozen=True)
class RowCount:
    """The rows of a split, or of all data."""

    read: int
    used: int
    dropped: Mapping[str, int]  # by reason; where rows are drawn more than once, more are used than read

    def to_json(self) -> dict[str, Any]:
        return {"read": self.read, "used": self.used, "dropped": dict(self.dropped)}

    def __str__(self) -> str:
        reasons = "".join(f", {count} dropped ({reason})" for reason, count in self.dropped.items())
        return f"{self.used} of {self.read} used{reasons}"


RowCounts = dict[str, RowCount]  # "total", and each split that there is


@dataclasses.dataclass(frozen=True)
class Dropped:
    """The rows of a table that cannot be used. A row with several reasons counts for the first."""

    codes: NDArray[np.int16]  # [N], place of the reason; -1 where the row is used
    reasons: tuple[str, ...]

    @staticmethod
    def of(rows: int, flags: Mapping[str, Flags]) -> Dropped:
        """From the flagged rows by reason."""
        codes = np.full(rows, -1, np.int16)
        for place, flagged in enumerate(flags.values()):
            codes[flagged & (codes < 0)] = place
        return Dropped(codes, tuple(flags))

    @property
    def used(self) -> Flags:
        """Which rows are used: [N]."""
        return np.asarray(self.codes < 0)

    def counts(self, rows: NDArray[np.int64] | slice = slice(None)) -> dict[str, int]:
        """How many of these rows are dropped, by reason."""
        codes = self.codes[rows]
        found = np.bincount(codes[codes >= 0], minlength=len(self.reasons)).tolist()
        return {reason: count for reason, count in zip(self.reasons, found, strict=True) if count}


def summed(parts: Sequence[RowCount], beside: Mapping[str, int]) -> RowCount:
    """All splits together, and the rows that are in none of them, by reason."""
    dropped = dict(beside)
    for part in parts:
        for reason, count in part.dropped.items():
            dropped[reason] = dropped.get(reason, 0) + count
    read = sum(part.read for part in parts) + sum(beside.values())
    dropped = {reason: count for reason, count in dropped.items() if count}
    return RowCount(read, sum(part.used for part in parts), dropped)


def from_json(raw: Mapping[str, Any]) -> RowCounts:
    """The counts back from JSON values."""
    return {name: RowCount(**counts) for name, counts in raw.items()}


def to_json(counts: RowCounts) -> dict[str, Any]:
    """The counts as JSON values."""
    return {name: count.to_json() for name, count in counts.items()}
