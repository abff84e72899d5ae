"""Files that may be compressed, opened by their extension."""

from __future__ import annotations

import lzma
import zipfile
from pathlib import Path
from typing import IO, cast

import pyarrow as pa

from ludwig.error import InputDataError

COMPRESSIONS = (".gz", ".bz2", ".xz", ".zst", ".zip")


def is_compressed(path: Path) -> bool:
    """Whether the file is compressed, by its extension."""
    return path.suffix.lower() in COMPRESSIONS


def opened(path: Path) -> IO[bytes]:
    """The bytes of the file once unpacked; of a zip archive, those of its only file.

    Raises:
        InputDataError: The archive holds no file, or several.
    """
    suffix = path.suffix.lower()
    if suffix == ".zip":
        return _member(path)
    if suffix == ".xz":
        return cast(IO[bytes], lzma.open(path))
    return cast(IO[bytes], pa.input_stream(str(path), compression="detect"))


def _member(path: Path) -> IO[bytes]:
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise InputDataError(f"'{path}' is not a zip archive: {error}.") from None
    names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")]
    if len(names) != 1:
        archive.close()
        raise InputDataError(f"'{path}' holds {len(names)} files, and must hold one table. Unpack it, and name a file.")
    return archive.open(names[0])
