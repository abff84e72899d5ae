"""How much a model says while it works."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger("ludwig")

_for_all: list[int] = []  # the level that was set for all models of the process, if one was


def set_level_for_all(level: int) -> None:
    """One level for all models of the process from now on."""
    _for_all[:] = [level]
    logger.setLevel(level)


def shows_progress(level: int) -> bool:
    """Whether progress bars are drawn at this level."""
    return (_for_all or [level])[0] < logging.WARNING


@contextmanager
def speaking(level: int) -> Iterator[None]:
    """Inside the block, Ludwig speaks at the level; to the standard output where nobody else listens."""
    before = logger.level
    handler = None
    if not logger.hasHandlers():
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)
    logger.setLevel((_for_all or [level])[0])
    try:
        yield
    finally:
        logger.setLevel(before)
        if handler is not None:
            logger.removeHandler(handler)
