"""Cells that cannot be read as their column's type: a few are missing like any other missing cell, many are an error.

N = rows
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import pandas as pd

from ludwig.error import InputDataError, counted
from ludwig.features.base import first_few
from ludwig.features.cells import Flags
from ludwig.runtime.console import warn
from ludwig.schema import param


@dataclasses.dataclass(frozen=True, kw_only=True)
class InvalidOptions:
    """How many cells may be unreadable."""

    max_invalid_share: float = param(
        0.01,
        min=0,
        max=1,
        help="Maximum fraction of unreadable cells, which are read as missing; one cell always may be. More are an "
        "error; 0 allows none.",
    )


OF_ANOTHER_TYPE = ", or declare the feature as category or text"


def refuse_many(
    column: pd.Series, invalid: Flags, share: float, where: str, fault: str, besides: str = OF_ANOTHER_TYPE
) -> None:
    """Warns of unreadable cells that are read as missing.

    Args:
        invalid: Which cells are unreadable: [N].
        share: The fraction of the cells that may be.
        fault: What is wrong with them, as in "that are not numbers".
        besides: What else can be done about many.

    Raises:
        InputDataError: There are more.
    """
    if invalid.any():
        refuse_if_many(int(invalid.sum()), len(column), share, where, fault, column[invalid].tolist(), besides)


def refuse_if_many(
    count: int,
    rows: int,
    share: float,
    where: str,
    fault: str,
    cells: Sequence[object],
    besides: str = OF_ANOTHER_TYPE,
) -> None:
    """The same of so many cells of so many rows; `cells` are shown."""
    found = f"The {where} has {counted(count, 'cell')} of {rows} {fault}: {first_few(list(cells))}"
    if count > allowed(share, rows):
        raise InputDataError(f"{found}. Clean them{besides}; preprocessing.max_invalid_share bounds how many may be.")
    warn(f"{found}. Unreadable cells are read as missing.")


class Unreadable:
    """The media of a column that could not be decoded, as they turn up batch by batch, in whatever thread."""

    def __init__(self, where: str, kind: str, most: int) -> None:
        """`kind`: what they are called; `most`: how many are read as missing."""
        self.where, self.kind, self.most = where, kind, most
        self.found: set[object] = set()

    def add(self, source: object, error: InputDataError) -> None:
        """Takes a source down; the first one is reported.

        Raises:
            InputDataError: There are too many.
        """
        key = source if isinstance(source, str) else id(source)
        if key in self.found:  # in an earlier epoch
            return
        self.found.add(key)
        if len(self.found) > self.most:
            raise InputDataError(
                f"The {self.where} has more than {self.most} {self.kind} that cannot be read. {error} Mend them; "
                "preprocessing.max_invalid_share bounds how many may be."
            )
        if len(self.found) == 1:
            warn(f"The {self.where} has {self.kind} that cannot be read, and are taken as missing. {error}")


def allowed(share: float, rows: int) -> int:
    """How many cells may be unreadable."""
    return max(1, math.floor(share * rows)) if share else 0
