"""Files and folders that are there whole or not at all."""

from __future__ import annotations

import ctypes
import json
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

RENAME_EXCHANGE = 2  # of the system call renameat2 (Linux 3.15)
AT_FDCWD = -100


@contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """A path beside the wanted one to write to; it takes the wanted name when all is written and on the disk.

    Whoever reads, and a process that dies at any moment, finds the old one or the new one, whole.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _clear_up(path)
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
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


def _replace_folder(aside: Path, path: Path) -> None:
    if _exchanged(aside, path):
        return
    old = path.with_name(f".{path.name}.{os.getpid()}.old")  # where a process may die between the two renames
    path.rename(old)
    aside.rename(path)
    _remove(old)


def _exchanged(one: Path, other: Path) -> bool:
    """Whether the two have changed names in one act, which not every system can."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None) if sys.platform == "linux" else None
    return rename is not None and rename(AT_FDCWD, bytes(one), AT_FDCWD, bytes(other), RENAME_EXCHANGE) == 0


def put_back(path: Path) -> None:
    """Gives a folder its name back that a process had taken away when it died, where the new one is not there."""
    for old in [] if path.exists() else sorted(path.parent.glob(f".{path.name}.*.old")):
        old.rename(path)
        return


def _clear_up(path: Path) -> None:
    """Removes what processes left beside the path that died while they wrote."""
    put_back(path)
    for left in path.parent.glob(f".{path.name}.*"):
        number, _, ending = left.name.removeprefix(f".{path.name}.").partition(".")
        if ending in ("part", "old") and number.isdigit() and not _is_alive(int(number)):
            _remove(left)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is somebody else's
        return True
    return True


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    for file in [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]:
        sync_file(file)


def sync_file(file: Path) -> None:
    """Goes on when what was written to the file is on the disk."""
    with file.open("rb+") as handle:
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
    """Writes strict JSON: sorted keys, four spaces, null for what is not a number."""
    write_text(path, json.dumps(plain(value), indent=4, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


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


def numbered(path: Path, is_free: Callable[[Path], bool] = lambda path: not path.exists()) -> Path:
    """The path itself, or with the first `_0`, `_1` ... that is free."""
    if is_free(path):
        return path
    number = 0
    while not is_free(path.with_name(f"{path.name}_{number}")):
        number += 1
    return path.with_name(f"{path.name}_{number}")
