"""Fewer rows, or classes in another proportion.

N = rows
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ludwig.error import InputDataError
from ludwig.runtime.console import logger_of

logger = logger_of(__name__)

Index = NDArray[np.int64]


def sample(rows: int, ratio: float, size: int | None, seed: int) -> Index | None:
    """The positions of the rows that are kept, ascending; None for all of them."""
    wanted = round(rows * ratio) if size is None else size
    if size is not None and size >= rows:
        logger.warning("sample_size is %d and the data has %d rows, so all are kept.", size, rows)
    if wanted >= rows:
        return None
    return np.sort(np.random.default_rng(seed).choice(rows, max(wanted, 0), replace=False))


def balance(classes: NDArray[np.integer], *, oversample: float | None, undersample: float | None, seed: int) -> Index:
    """Positions of rows, ascending, such that the minority has the wanted ratio to the majority.

    `oversample` repeats rows of the minority, `undersample` leaves rows of the majority out. Where the classes are as
    balanced already, nothing changes.

    Raises:
        InputDataError: There are more than two classes.
    """
    every = np.arange(len(classes))
    counts = np.bincount(classes, minlength=2)
    if len(counts) > 2:
        raise InputDataError(
            f"Rows can be balanced for two classes; the target has {len(counts)}. "
            "Remove oversample_minority or undersample_majority."
        )
    minority, majority = np.flatnonzero(classes == counts.argmin()), np.flatnonzero(classes == counts.argmax())
    ratio = oversample if oversample is not None else undersample
    if ratio is None:
        return every
    if not len(minority):
        logger.warning("The training split has rows of one class only, so they cannot be balanced.")
        return every
    if len(minority) >= ratio * len(majority):
        logger.info("The classes are balanced already: %s rows.", counts.tolist())
        return every
    draw = np.random.default_rng(seed)
    if oversample is not None:
        more = round(ratio * len(majority)) - len(minority)
        return np.sort(np.concatenate([every, draw.choice(minority, more, replace=True)]))
    kept = draw.choice(majority, round(len(minority) / ratio), replace=False)
    return np.sort(np.concatenate([minority, kept]))
