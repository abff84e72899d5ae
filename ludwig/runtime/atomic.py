"""Files and folders that are there whole or not at all."""

from __future__ import annotations

import ctypes
import itertools
import json
import math
import os
import platform
import re
import shutil
import sys
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from ludwig.error import StorageError

RENAME_EXCHANGE = 2  # of the system call renameat2 (Linux 3.15)
AT_FDCWD = -100
LEFT = re.compile(r"(?:(?P<host>[0-9a-f]{8})-)?(?P<process>\d+)(?:-\d+)?\.(?:part|old)")
LEGIBLE = 2**20  # characters of a file up to which somebody may read it; indenting takes ten times as long
LONG = 3600  # seconds after which nobody writes any more, where that cannot be found out


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """A path beside the wanted one to write to; it takes the wanted name when all is written and on the disk.

    Whoever reads, and a process that dies at any moment, finds the old one or the new one, whole. A folder has no
    name for an instant on systems that cannot exchange two names at once: `whereabouts` knows where it is then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = _beside(path, "part")
    _clear_up(path, "old", "part")
    try:
        yield aside
        _sync(aside)
        if path.is_dir():
            _replace_folder(aside, path)
        else:
            aside.replace(path)
        _sync_folder(path.parent)
    finally:
        _remove(aside)


def whereabouts(path: Path) -> Path:
    """The path, or where its folder waits while the new one takes its name, or since a process died over that."""
    if path.exists():
        return path
    return max(_left_beside(path, "old"), key=_last_written, default=path)


@contextmanager
def vacated(path: Path) -> Iterator[None]:
    """A folder's name is free inside; what had it is removed once another has it, and else gets it back."""
    _clear_up(path, "old")
    old = _beside(path, "old")
    if path.exists():
        path.rename(old)
    try:
        yield
    finally:
        if old.exists() and not path.exists():
            old.rename(path)
        _remove(old)


def _beside(path: Path, ending: str) -> Path:
    """A hidden name of this thread alone, on whatever machine it runs."""
    return path.with_name(f".{path.name}.{_host()}-{os.getpid()}-{threading.get_native_id()}.{ending}")


def _host() -> str:
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _replace_folder(aside: Path, path: Path) -> None:
    if not _exchanged(aside, path):
        with vacated(path):
            aside.rename(path)


def _exchanged(one: Path, other: Path) -> bool:
    """Whether the two have changed names in one act, which not every system can."""
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if library is None or not hasattr(library, "renameat2"):
        return False
    return bool(library.renameat2(AT_FDCWD, bytes(one), AT_FDCWD, bytes(other), RENAME_EXCHANGE) == 0)


def _clear_up(path: Path, *endings: str) -> None:
    """Removes what processes left beside the path that died while they wrote, and gives an old folder its name back."""
    for left in _left_beside(path, *endings):
        with suppress(FileNotFoundError):  # another process clears up too
            if not _is_abandoned(left, path):
                continue
            if left.suffix == ".old" and not path.exists():
                left.rename(path)
            _remove(left)


def _left_beside(path: Path, *endings: str) -> list[Path]:
    prefix = f".{path.name}."
    beside = [other for other in path.parent.iterdir() if other.name.startswith(prefix)] if path.parent.is_dir() else []
    return [other for other in beside if other.suffix[1:] in endings and LEFT.fullmatch(other.name[len(prefix) :])]


def _is_abandoned(left: Path, path: Path) -> bool:
    if left in (_beside(path, "part"), _beside(path, "old")):  # of an earlier process with our number, as in containers
        return True
    owner = LEFT.fullmatch(left.name.removeprefix(f".{path.name}."))
    if owner is not None and owner["host"] == _host() and not _may_live(int(owner["process"])):
        return True
    return time.time() - _last_written(left) > LONG


def _may_live(process: int) -> bool:
    if os.name == "nt":  # there the signal 0 is no question but Ctrl+C
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is somebody else's
        return True
    return True


def _last_written(path: Path) -> float:
    return max(each.stat().st_mtime for each in [path, *path.rglob("*")])


def _remove(path: Path) -> None:
    """Removes it; what is held open where that hinders (Windows, NFS) goes when the next one is written."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    inside = [path, *path.rglob("*")]
    for file in [each for each in inside if each.is_file()]:
        sync_file(file)
    for folder in [each for each in inside if each.is_dir()]:
        _sync_folder(folder)


def sync_file(file: Path) -> None:
    """Goes on when what was written to the file is on the disk."""
    with file.open("rb+" if os.name == "nt" else "rb") as handle:  # only there it must be open to be written to
        os.fsync(handle.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # folders cannot be opened there
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Writes the file whole or not at all."""
    with written_aside(path) as aside:
        aside.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Writes strict JSON: sorted keys, null for NaN and infinity, four spaces unless it is too long to be read."""
    try:
        compact = _json_of(value, None)
    except (TypeError, ValueError):  # something in it is not JSON's
        value = plain(value)
        compact = _json_of(value, None)
    write_text(path, (_json_of(value, 4) if len(compact) < LEGIBLE else compact) + "\n")


def _json_of(value: Any, indent: int | None) -> str:
    return json.dumps(value, indent=indent, sort_keys=True, ensure_ascii=False, allow_nan=False)


def read_json(path: Path) -> Any:
    """Reads a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def plain(value: Any) -> Any:
    """The value with nothing in it that JSON does not know."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(entry) for entry in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def claimed(path: Path) -> Path:
    """A new folder of that name, or with the first `_0`, `_1` ... that is free; no two callers get the same one."""
    names = itertools.chain([path.name], (f"{path.name}_{number}" for number in itertools.count()))
    while True:
        folder = path.with_name(next(names))
        with suppress(FileExistsError):  # also where another run has made it a moment ago
            folder.mkdir(parents=True)
            return folder


@contextmanager
def storing(place: Path) -> Iterator[None]:
    """Inside the block something is written to the place, and errors of the system are made plain.

    Raises:
        StorageError: The disk is full, or nothing may be written there.
    """
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(
            f"Nothing can be written to '{place}': {error.strerror or error}. Free some space, or choose another "
            "folder. What is in memory is not lost: a trained model can be saved elsewhere with `save`."
        ) from error
