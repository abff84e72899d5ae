"""The caches of a folder: what there is, and which of them go when there is too much."""

from __future__ import annotations

import dataclasses
import re
import time
from contextlib import suppress
from pathlib import Path

NAME = re.compile(r".+\.[0-9a-f]{16}\.hdf5")
DAY = 24 * 3600
GIGABYTE = 10**9


@dataclasses.dataclass(frozen=True)
class Limits:
    """How much is kept."""

    gigabytes: float | None = None
    days: float | None = None  # since the last use


@dataclasses.dataclass(frozen=True)
class Cached:
    """One file of preprocessed data."""

    path: Path
    size: int  # bytes
    used: float  # when it was made or read last, in seconds since 1970


def caches_in(folder: Path) -> list[Cached]:
    """The caches of a folder, the one that was used last first."""
    found = []
    for path in folder.iterdir() if folder.is_dir() else ():
        if NAME.fullmatch(path.name):
            with suppress(FileNotFoundError):  # another process removes it
                state = path.stat()
                found.append(Cached(path, state.st_size, state.st_mtime))
    return sorted(found, key=lambda cached: cached.used, reverse=True)


def prune(folder: Path, limits: Limits, kept: Path) -> list[Path]:
    """Removes the caches that were not used for too long, and the least recently used of too many.

    Args:
        kept: One that stays in any case.

    Returns:
        Those that are gone.
    """
    oldest = -float("inf") if limits.days is None else time.time() - limits.days * DAY
    most = float("inf") if limits.gigabytes is None else limits.gigabytes * GIGABYTE
    total, gone = 0.0, []
    for cached in sorted(caches_in(folder), key=lambda cached: cached.path != kept):
        total += cached.size
        if cached.path != kept and (cached.used < oldest or total > most):
            total -= cached.size
            gone.append(cached.path)
    remove(gone)
    return gone


def remove(paths: list[Path]) -> None:
    """Removes caches; one that is read at this moment is read to its end."""
    for path in paths:
        path.unlink(missing_ok=True)
