"""A Frame in an HDF5 file: one contiguous dataset a block, so that others read HDF5 and we map the file's pages.

N = rows
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ludwig.columns.files import Decoder, Files
from ludwig.columns.frame import Block, Frame, Layout, Other
from ludwig.columns.ragged import Padded, Ragged
from ludwig.error import InputDataError

FORMAT = 3
SEAL = b"ludwig sha256 "  # stands after the HDF5 data, followed by the digest of all before it
PIECE = 1 << 20  # bytes that are read at once
SEAL_BYTES = len(SEAL) + hashlib.sha256().digest_size


def save_frames(path: Path, frames: Mapping[str, Frame], attributes: Mapping[str, str]) -> None:
    """Writes frames by name, and text beside them."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["ludwig_format"] = FORMAT
        for name, text in attributes.items():
            file.create_dataset(f"attributes/{name}", data=text)
        for name, frame in frames.items():
            group = file.create_group(f"frames/{name}")
            group.attrs["rows"] = len(frame)
            for place, block in enumerate(frame.blocks):
                dataset = group.create_dataset(f"block_{place}", data=block.values.numpy())
                dataset.attrs["names"] = json.dumps(block.names)
            for place, (column, other) in enumerate(frame.others.items()):
                part = group.create_group(f"other_{place}")  # a name with a slash in it would be a group in a group
                part.attrs["name"] = json.dumps(column)
                _save_other(part, column, other)
    _seal(path)


def _seal(path: Path) -> None:
    """Puts the digest of the file behind its end, which HDF5 does not read."""
    digest = _digest_of(path, path.stat().st_size)
    with path.open("ab") as file:
        file.write(SEAL + digest)


def _check_seal(path: Path) -> None:
    """Raises where a byte of the file is another than when it was sealed."""
    size = path.stat().st_size - SEAL_BYTES
    with path.open("rb") as file:
        file.seek(max(size, 0))
        found = file.read()
    if size < 0 or found != SEAL + _digest_of(path, size):
        raise InputDataError(f"'{path}' is damaged: its content is not what was saved.")


def _digest_of(path: Path, size: int) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while size > 0 and (piece := file.read(min(size, PIECE))):
            digest.update(piece)
            size -= len(piece)
    return digest.digest()


def _save_other(group: Any, name: str, other: Other) -> None:
    import h5py

    if isinstance(other, Ragged):
        group.create_dataset("values", data=other.values.numpy())
        group.create_dataset("offsets", data=other.offsets.numpy())
    elif isinstance(other, Padded):
        raise TypeError(f"Column '{name}' is padded, as in a batch; a file holds the ragged one.")
    else:
        texts = np.array(["" if source is None else str(source) for source in other.sources], dtype=object)
        group.create_dataset(
            "files", data=texts, dtype=h5py.string_dtype()
        )  # no path is empty, so that is a missing one


def load_frames(
    path: Path, decoders_of: Callable[[dict[str, str]], Mapping[str, Decoder]]
) -> tuple[dict[str, Frame], dict[str, str]]:
    """The frames over the file's memory map, and the text beside them.

    Args:
        decoders_of: Gives, from that text, what reads the media files of a column, by its name.

    Raises:
        InputDataError: The file is not one of ours.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            if file.attrs.get("ludwig_format") != FORMAT:
                raise InputDataError(f"'{path}' is an HDF5 file, but not data that this version preprocessed.")
            _check_seal(path)
            attributes = {name: file[f"attributes/{name}"][()].decode() for name in file.get("attributes", ())}
            decoders = decoders_of(attributes)
            frames = {name: _load_frame(path, group, decoders) for name, group in file["frames"].items()}
    except (OSError, KeyError, RuntimeError, ValueError) as error:  # whatever damaged bytes make h5py raise
        raise InputDataError(f"'{path}' cannot be read as preprocessed data: {error}.") from None
    return frames, attributes


def _load_frame(path: Path, group: Any, decoders: Mapping[str, Decoder]) -> Frame:
    blocks = []
    for place in range(sum(key.startswith("block_") for key in group)):
        dataset = group[f"block_{place}"]
        names = tuple(json.loads(dataset.attrs["names"]))
        blocks.append(Block(names, torch.from_numpy(_mapped(path, dataset))))
    others: dict[str, Other] = {}
    for place in range(sum(key.startswith("other_") for key in group)):
        part = group[f"other_{place}"]
        name = json.loads(part.attrs["name"])
        others[name] = _files(part, decoders[name]) if "files" in part else _ragged(path, part)
    return Frame(blocks, others, Layout(block.names for block in blocks), int(group.attrs["rows"]))


def _files(group: Any, decoder: Decoder) -> Files:
    sources = group["files"].asstr()[()].astype(object)
    sources[sources == ""] = None
    return Files.of(sources, decoder)


def _ragged(path: Path, group: Any) -> Ragged:
    values, offsets = (torch.from_numpy(_mapped(path, group[part])) for part in ("values", "offsets"))
    return Ragged(values, offsets)


def _mapped(path: Path, dataset: Any) -> NDArray[Any]:
    """The dataset's pages of the file, copied only where they are written to."""
    if dataset.size == 0:
        return np.empty(dataset.shape, dataset.dtype)
    return np.memmap(path, dataset.dtype, mode="c", offset=dataset.id.get_offset(), shape=dataset.shape)
