"""A search is run by one process at a time."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ludwig.error import ArgumentError
from ludwig.runtime.atomic import storing

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOCK = "study.lock"
TAKEN = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)


@contextmanager
def locked(folder: Path | None) -> Iterator[None]:
    """Inside the block nobody else runs a search in the folder. The system frees it when the process dies.

    Raises:
        ArgumentError: Somebody does.
        StorageError: Nothing can be written there.
    """
    if folder is None:
        yield
        return
    with storing(folder):
        file = (folder / LOCK).open("ab")
    with file:
        if _is_taken(file.fileno()):
            raise ArgumentError(
                f"The search in '{folder}' is being run by another process. Wait for it, or set another "
                "experiment_name or resume=False for a search of its own."
            )
        yield


def _is_taken(handle: int) -> bool:
    """Whether another one has the lock; file systems without locks never have it."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in TAKEN
    return False
