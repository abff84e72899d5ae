"""Preprocessed data on the disk, found again by what it was made from."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ludwig.columns.files import Decoder
from ludwig.columns.store import FORMAT, load_frames, save_frames
from ludwig.data.encoding import Spec
from ludwig.data.preprocess import Prepared, Preprocessing
from ludwig.data.rows import RowCounts, from_json, to_json
from ludwig.data.sources import Source, format_of, read_table
from ludwig.features.base import Facts
from ludwig.runtime.atomic import plain, written_aside
from ludwig.schema import dump, fingerprint

SPLITS = ("training", "validation", "test")


@dataclasses.dataclass(frozen=True)
class CacheFile:
    """Where the data preprocessed from these sources in this way lies, if it does."""

    path: Path

    def load(self, specs: Sequence[Spec]) -> Prepared | None:
        """The data back; None when it is not there."""
        if not self.path.is_file():
            return None
        prepared = load_prepared(self.path, specs)
        with suppress(OSError):  # where it may be read only, it is not removed either
            os.utime(self.path)  # it was used now
        return prepared

    def save(self, prepared: Prepared) -> None:
        """Writes the data aside, then gives it its name."""
        frames = {name: frame for name in SPLITS if (frame := getattr(prepared, name)) is not None}
        facts = json.dumps(plain({name: facts.to_json() for name, facts in prepared.facts.items()}))
        with written_aside(self.path) as aside:
            save_frames(aside, frames, {"facts": facts, "rows": json.dumps(to_json(prepared.rows))})


def load_prepared(path: Path, specs: Sequence[Spec]) -> Prepared:
    """Preprocessed data from a file.

    Raises:
        InputDataError: The file is not preprocessed data.
    """
    facts: dict[str, Facts] = {}
    rows: RowCounts = {}

    def decoders_of(attributes: dict[str, str]) -> dict[str, Decoder]:
        raw = json.loads(attributes["facts"])
        rows.update(from_json(json.loads(attributes.get("rows", "{}"))))
        facts.update({spec.name: spec.feature.facts_type.from_json(raw[spec.name]) for spec in specs})
        found = {spec.name: spec.feature.decoder(facts[spec.name]) for spec in specs}
        return {name: decoder for name, decoder in found.items() if decoder is not None}

    frames, _ = load_frames(path, decoders_of)
    return Prepared(frames["training"], frames.get("validation"), frames.get("test"), facts, rows)


def cache_file(
    sources: Mapping[str, Any],
    data_format: str | None,
    specs: Sequence[Spec],
    config: Preprocessing,
    seed: int,
    cache_dir: Path | None,
) -> CacheFile | None:
    """The file for these sources; None for data in memory when no cache folder is given, and for images in memory.

    The name holds a hash of all that the result depends on: files by path, size and time of change, tables by their
    content, how they are read, the features with their preprocessing, the split and the seed.
    """
    if any(spec.feature.copies_files for spec in specs):
        return None
    paths = [Path(source) for source in sources.values() if isinstance(source, str | Path)]
    if cache_dir is None and (len(paths) < len(sources) or not all(path.exists() for path in paths)):
        return None
    identity = {name: [format_of(source, data_format), _identity(source)] for name, source in sources.items()}
    features = [
        [s.name, s.column, s.tied, s.feature.target, s.feature.kind, fingerprint(s.feature.config)]
        + [_identity(file) for file in s.feature.files()]
        for s in specs
    ]
    content = [FORMAT, identity, features, dump(config), seed]
    key = hashlib.sha256(json.dumps(plain(content), sort_keys=True).encode()).hexdigest()[:16]
    stem = paths[0].name.split(".")[0] if paths else "table"
    return CacheFile((cache_dir or paths[0].parent) / f"{stem}.{key}.hdf5")


def _identity(source: Source) -> Any:
    if isinstance(source, str | Path):
        path = Path(source).absolute()
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        return [[str(file), file.stat().st_size, file.stat().st_mtime_ns] for file in files if file.exists()]
    digest = hashlib.sha256()
    for name, column in read_table(source).items():
        digest.update(_framed(f"{name} {column.dtype}".encode(errors="surrogatepass")))
        for piece in _content_of(column):
            digest.update(_framed(piece))
    return digest.hexdigest()


def _framed(piece: bytes) -> bytes:
    """With its length before it, so that no two lists of pieces are one text."""
    return len(piece).to_bytes(8) + piece


def _content_of(column: pd.Series) -> Iterator[bytes]:
    """All that the cells say: "nan" is not missing, and an array is all its numbers, not the few that it prints."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biufcmM":
        yield column.to_numpy().tobytes()
    else:
        yield from map(_bytes_of, column.astype(object))


def _bytes_of(cell: Any) -> bytes:
    if isinstance(cell, np.ndarray) and cell.dtype != object:
        return f"{cell.dtype.str}{cell.shape}".encode() + cell.tobytes()
    if isinstance(cell, list | tuple | np.ndarray):
        return b"".join(_framed(_bytes_of(entry)) for entry in cell)
    if isinstance(cell, bytes):
        return b"bytes " + cell
    return f"{type(cell).__name__} {cell!r}".encode(errors="surrogatepass")
