"""Imputation of missing cells. Fill values are fitted on the training split only."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from ludwig.features.cells import Cells, Flags

C = TypeVar("C", bound=Cells)

NEIGHBOURS = ("bfill", "ffill")


def filled_from_neighbours(cells: C, missing: Flags, strategy: str) -> C:
    """Takes the next (`bfill`) or last (`ffill`) cell that is there; at the ends, the one of the other direction.

    A column without any cell comes back as it is.
    """
    present = np.flatnonzero(~missing)
    if len(present) == 0 or len(present) == len(cells):
        return cells
    rows = np.arange(len(cells))
    after = np.searchsorted(present, rows, side="left")  # place in `present` of the next cell that is there
    before = np.searchsorted(present, rows, side="right") - 1
    order = (after, before) if strategy == "bfill" else (before, after)
    inside = [(place >= 0) & (place < len(present)) for place in order]
    place = np.where(inside[0], order[0], order[1])
    return cells.take(present[place])


def settled(cells: C, strategy: str) -> tuple[C, Flags, Flags | None]:
    """What a strategy does before a value is filled in: neighbours step in, rows are given up.

    Returns:
        The cells, which of them are missing still, and which rows must go (None for none).
    """
    missing = cells.missing()
    if strategy in NEIGHBOURS and missing.any():
        cells = filled_from_neighbours(cells, missing, strategy)
        missing = cells.missing()
    return cells, missing, missing if strategy == "drop_row" and missing.any() else None
