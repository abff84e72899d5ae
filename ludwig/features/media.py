"""Cells of media, such as images and audio: paths, bytes of files, or arrays; and a sample of them.

N = cells
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from hashlib import blake2b
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import pandas as pd

from ludwig.features.cells import Objects
from ludwig.features.invalid import refuse_many

FOLDERS = "relative paths begin at the folder of the data file, or at the working folder for data in memory"
URL = "file://"
DIGESTED = 1024  # bytes or entries of a source that its digest reads


def media_of(
    column: pd.Series,
    folder: Path | None,
    share: float,
    where: str,
    *,
    file: str,
    besides: str,
    in_memory: Callable[[Any], Any],
) -> Objects:
    """The sources of a column: full paths as text, bytes, and what lies in memory; None where a cell is missing.

    Args:
        share: The fraction of cells that may be of another type or name no file, which are missing then.
        file: What a file of them is called, as in "image file".
        besides: What a cell may be besides a path and bytes, as in "array of pixels".
        in_memory: A cell as such a source, or None for one of another type.

    Raises:
        InputDataError: More cells are of another type, or name no file.
    """
    values = column.to_numpy(dtype=object)
    places = _places({str(value): None for value in values if isinstance(value, str | Path)}, folder)
    sources = np.empty(len(values), dtype=object)
    is_odd, is_absent = np.zeros(len(values), bool), np.zeros(len(values), bool)
    for row, value in enumerate(values):
        if isinstance(value, str | Path):
            sources[row] = places[str(value)]
            is_absent[row] = sources[row] is None
        elif isinstance(value, bytes):
            sources[row] = value
        elif not _is_missing(value):
            sources[row] = in_memory(value)
            is_odd[row] = sources[row] is None
    refuse_many(column, is_odd, share, where, f"that are no path, no bytes of an {file} and no {besides}", "")
    refuse_many(column, is_absent, share, where, f"that name no {file} ({FOLDERS})", "")
    return Objects(sources)


def digest_of(source: Any, folder: Path | None) -> bytes:
    """What draws a sample: of a path as the table has it, of bytes, or of entries across an array."""
    if isinstance(source, np.ndarray):
        source = repr(source.shape).encode() + source.reshape(-1)[:: source.size // DIGESTED + 1].tobytes()
    elif not isinstance(source, bytes):
        source = os.path.relpath(source, folder)
    raw = source if isinstance(source, bytes) else source.encode(errors="surrogatepass")
    return blake2b(raw[:DIGESTED] + raw[-DIGESTED:] + len(raw).to_bytes(8), digest_size=8).digest()


def drawn(digests: list[bytes], most: int) -> list[int]:
    """The places of the sample: those of the least digests, and all that tie with the last.

    Which are sampled follows from the media, not from their order, as in the bottom-k sketch of Cohen & Kaplan 2007
    ("Summarizing data using bottom-k sketches").
    """
    last = sorted(digests)[:most][-1:]
    return [place for place, digest in enumerate(digests) if [digest] <= last]


def _places(paths: Iterable[str], folder: Path | None) -> dict[str, str | None]:
    """Paths from the folder of the data file, each distinct one looked for once; None where there is no file."""
    full = {path: str((folder or Path()) / local_path(path)) for path in paths}
    return {path: place if _is_file(place) else None for path, place in full.items()}


def local_path(path: str) -> str:
    """The path of a file:// URL; any other text as it is."""
    if path[: len(URL)].lower() != URL:
        return path
    return url2pathname(urlsplit(path).path)


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except OSError:  # a name that is too long
        return False


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value))
