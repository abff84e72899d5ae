"""Checkpoints: folders that are there whole or not at all, with hashes to prove it.

<name>.ckpt/  weights.safetensors  optimizer.safetensors  optimizer.json  progress.json  manifest.json
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ludwig.error import ArtifactError, StorageError
from ludwig.globals import FORMAT_VERSION
from ludwig.runtime.atomic import plain, put_back, read_json, sync_file, written_aside
from ludwig.training.progress import Progress

logger = logging.getLogger(__name__)

LATEST, PREVIOUS, BEST = "latest.ckpt", "previous.ckpt", "best.ckpt"
INCOMING = "incoming.ckpt"  # the latest one until the one before has made room


@dataclass(frozen=True)
class Checkpoint:
    """All that a run needs to go on."""

    weights: dict[str, Tensor]
    progress: Progress
    optimizer: dict[str, Any] | None = None
    random: dict[str, Tensor] | None = None


def save(folder: Path, name: str, checkpoint: Checkpoint) -> None:
    """Writes a checkpoint; the latest one before stays as `previous.ckpt` until the next.

    Raises:
        StorageError: The disk is full, or nothing may be written there. What was there before is whole.
    """
    from safetensors import SafetensorError

    try:
        with written_aside(folder / (name if name != LATEST else INCOMING)) as aside:
            aside.mkdir(parents=True)
            _write(aside, checkpoint)
        if name == LATEST:
            _shift(folder)
    except (OSError, SafetensorError) as error:
        raise StorageError(
            f"The checkpoint '{name}' cannot be written to '{folder}': {error}. Those that were there before are "
            "whole. Free some space or choose another output_directory, or train with skip_save_progress=True."
        ) from error


def _write(folder: Path, checkpoint: Checkpoint) -> None:
    from safetensors.torch import save_file

    save_file(_apart(checkpoint.weights), folder / "weights.safetensors")
    (folder / "progress.json").write_text(json.dumps(plain(checkpoint.progress.to_json())), encoding="utf-8")
    if checkpoint.optimizer is not None:
        tensors: dict[str, Tensor] = {}
        rest = _flat(checkpoint.optimizer, tensors)
        random = {f"random.{key}": value for key, value in (checkpoint.random or {}).items()}
        save_file(_apart({**tensors, **random}), folder / "optimizer.safetensors")
        (folder / "optimizer.json").write_text(json.dumps(rest), encoding="utf-8")
    _write_manifest(folder)


def _shift(folder: Path) -> None:
    """incoming -> latest -> previous; a run that dies in between finds one of them whole."""
    if (folder / LATEST).exists():
        if (folder / PREVIOUS).exists():
            shutil.rmtree(folder / PREVIOUS)
        (folder / LATEST).rename(folder / PREVIOUS)
    (folder / INCOMING).rename(folder / LATEST)


def load_latest(folder: Path) -> Checkpoint | None:
    """The newest checkpoint that is whole; None where there is none.

    Raises:
        ArtifactError: There are checkpoints, and all are damaged.
    """
    faults = []
    for name in (INCOMING, LATEST, PREVIOUS):
        if (folder / name).is_dir():
            try:
                return load(folder / name)
            except ArtifactError as error:
                faults.append(str(error))
                logger.warning("%s The checkpoint before it is taken.", error)
    if faults:
        raise ArtifactError(f"No checkpoint in '{folder}' can be loaded. {faults[0]}")
    return None


def load(path: Path) -> Checkpoint:
    """A checkpoint.

    Raises:
        ArtifactError: It is not there, damaged, or from a newer version.
    """
    from safetensors.torch import load_file

    put_back(path)
    if not path.is_dir():
        raise ArtifactError(f"There is no checkpoint '{path}'.")
    _check_manifest(path)
    weights = load_file(path / "weights.safetensors")
    progress = Progress.from_json(read_json(path / "progress.json"))
    if not (path / "optimizer.json").exists():
        return Checkpoint(weights, progress)
    mapped = load_file(path / "optimizer.safetensors")
    tensors = {name: tensor.clone() for name, tensor in mapped.items()}  # sums of unaligned memory end in other bits
    random = {key.removeprefix("random."): value for key, value in tensors.items() if key.startswith("random.")}
    return Checkpoint(weights, progress, _unflat(read_json(path / "optimizer.json"), tensors), random)


def random_state(device: torch.device) -> dict[str, Tensor]:
    """The state of the generators that a step draws from."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def restore_random_state(state: Mapping[str, Tensor], device: torch.device) -> None:
    """Sets the generators back."""
    if "cpu" in state:
        torch.set_rng_state(state["cpu"])
    if "cuda" in state and device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors that share no memory, as the file format wants them; copied only where they do."""
    seen: set[int] = set()
    apart = {}
    for name, tensor in tensors.items():
        here = tensor.detach().cpu().contiguous()
        memory = here.untyped_storage()
        is_whole = memory.nbytes() == here.nbytes and memory.data_ptr() not in seen
        seen.add(memory.data_ptr())
        apart[name] = here if is_whole else here.clone()
    return apart


def _flat(value: Any, tensors: dict[str, Tensor], path: str = "") -> Any:
    """The value as JSON, its tensors put aside under the paths that stand in their places."""
    if isinstance(value, Tensor):
        tensors[path] = value
        return {"tensor": path}
    if isinstance(value, Mapping):
        return {"dict": [[key, _flat(entry, tensors, f"{path}/{key}")] for key, entry in value.items()]}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_flat(entry, tensors, f"{path}/{place}") for place, entry in enumerate(value)]}
    return {"value": value}


def _unflat(raw: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Any:
    """The value back."""
    ((kind, content),) = raw.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: _unflat(entry, tensors) for key, entry in content}
    if kind in ("list", "tuple"):
        entries = [_unflat(entry, tensors) for entry in content]
        return entries if kind == "list" else tuple(entries)
    return content


def _write_manifest(folder: Path) -> None:
    """The hashes of all files, taken while they are on their way to the disk."""
    files = sorted(folder.iterdir())
    with ThreadPoolExecutor(max_workers=2) as pool:
        on_disk = [pool.submit(sync_file, file) for file in files]
        hashes = {file.name: digest for file, digest in zip(files, map(_hash, files), strict=True)}
        for each in on_disk:
            each.result()
    manifest = {"format": FORMAT_VERSION, "sha256": hashes}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=4), encoding="utf-8")


def _check_manifest(folder: Path) -> None:
    path = folder / "manifest.json"
    if not path.exists():
        raise ArtifactError(f"The checkpoint '{folder}' is incomplete: it has no manifest.json.")
    try:
        manifest = read_json(path)
        version, hashes = int(manifest["format"]), dict(manifest["sha256"])
    except (ValueError, TypeError, KeyError):
        raise ArtifactError(f"The checkpoint '{folder}' is damaged: manifest.json is not what was written.") from None
    if version > FORMAT_VERSION:
        raise ArtifactError(f"The checkpoint '{folder}' was written by a newer version. Update ludwig to load it.")
    for name, digest in hashes.items():
        if not (folder / name).exists() or _hash(folder / name) != digest:
            raise ArtifactError(f"The checkpoint '{folder}' is damaged: {name} is not what was written.")


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
