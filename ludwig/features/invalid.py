"""Cells that cannot be read as their column's type: a few are missing like any other missing cell, many are an error.

N = rows
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import pandas as pd

from ludwig.error import InputDataError
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


def refuse_many(column: pd.Series, invalid: Flags, share: float, where: str, fault: str) -> None:
    """Warns of unreadable cells that are read as missing.

    Args:
        invalid: Which cells are unreadable: [N].
        share: The fraction of the cells that may be.
        fault: What is wrong with them, as in "that are not numbers".

    Raises:
        InputDataError: There are more.
    """
    if invalid.any():
        refuse_if_many(int(invalid.sum()), len(column), share, where, fault, column[invalid].tolist())


def refuse_if_many(count: int, rows: int, share: float, where: str, fault: str, cells: Sequence[object]) -> None:
    """The same of so many cells of so many rows; `cells` are shown."""
    number = "one cell" if count == 1 else f"{count} cells"
    found = f"The {where} has {number} of {rows} {fault}: {first_few(list(cells))}"
    if count > allowed(share, rows):
        raise InputDataError(
            f"{found}. Clean them, raise preprocessing.max_invalid_share, or declare the feature as category or text."
        )
    warn(f"{found}. Unreadable cells are read as missing.")


def allowed(share: float, rows: int) -> int:
    """How many cells may be unreadable."""
    return max(1, math.floor(share * rows)) if share else 0
