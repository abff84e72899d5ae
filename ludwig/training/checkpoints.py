"""Checkpoints: folders that are there whole or not at all, with hashes to prove it.

<name>.ckpt/  weights.safetensors  optimizer.safetensors  optimizer.json  progress.json  manifest.json
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from ludwig.error import ArtifactError, StorageError
from ludwig.globals import FORMAT_VERSION
from ludwig.runtime.atomic import plain, read_json, sync_file, vacated, whereabouts, write_json, written_aside
from ludwig.runtime.console import logger_of
from ludwig.runtime.engine import Engine
from ludwig.runtime.tensor_file import content_of
from ludwig.training.progress import Progress

logger = logger_of(__name__)

LATEST, PREVIOUS, BEST = "latest.ckpt", "previous.ckpt", "best.ckpt"
FROZEN = "frozen.ckpt"  # the weights that training leaves as they are, which the others do not hold
FINISHED = "finished.json"  # of a run that is over: which saved model has its best weights
INCOMING = "incoming.ckpt"  # the latest one until the one before has made room
ATTEMPTS = 20  # to read what another process replaces all the while

Content = Mapping[str, Sequence[bytes | memoryview]]  # of a folder: the parts of each file
T = TypeVar("T")


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
    content = _content(checkpoint)
    try:
        with written_aside(folder / (name if name != LATEST else INCOMING)) as aside:
            _write(aside, content)
        if name == LATEST:
            _shift(folder)
    except OSError as error:
        option = "skip_save_progress" if name == LATEST else "skip_save_model"
        raise StorageError(
            f"The checkpoint '{name}' cannot be written to '{folder}': {error.strerror or error}. What was saved there "
            f"before is whole. Free some space, choose another output_directory, or train with {option}=True."
        ) from error


@dataclass(frozen=True)
class Conclusion:
    """Where the best weights of a run that is over are: in its saved model."""

    model: str | None  # the identity of that model; None where none was saved
    value: float | None  # of the metric that selects
    loss: float | None


def conclude(folder: Path, conclusion: Conclusion) -> None:
    """Leaves of a run that is over what it takes to go on: the latest checkpoint, and where the best weights are."""
    if not folder.is_dir():
        return
    write_json(folder / FINISHED, vars(conclusion))
    goes_on = is_there(folder / LATEST)
    for entry in folder.glob("*.ckpt"):
        if not (goes_on and entry.name in (LATEST, FROZEN)):
            shutil.rmtree(entry)


def conclusion_of(folder: Path) -> Conclusion | None:
    """How the run ended; None where it is not over.

    Raises:
        ArtifactError: The file is damaged.
    """
    file = folder / FINISHED
    try:
        return Conclusion(**read_json(file)) if file.is_file() else None
    except (ValueError, TypeError) as error:
        raise ArtifactError(f"'{file}' is damaged: {error!s:.200}.") from None


def load_latest(folder: Path) -> Checkpoint | None:
    """The newest checkpoint that is whole; None where there is none.

    Raises:
        ArtifactError: There are checkpoints, and all are damaged.
    """
    found, faults = _settled([folder / name for name in (INCOMING, LATEST, PREVIOUS)], lambda: _newest(folder))
    if found is None and faults:
        raise ArtifactError(f"No checkpoint in '{folder}' can be loaded. {faults[0]}")
    for fault in faults:
        logger.warning("%s The checkpoint before it is taken.", fault)
    return found


def has_any(folder: Path | None) -> bool:
    """Whether a run left a checkpoint to go on from."""
    return folder is not None and any(is_there(folder / name) for name in (INCOMING, LATEST, PREVIOUS))


def is_there(path: Path) -> bool:
    """Whether there is a checkpoint, be it one whose name a run that died had just taken away."""
    return whereabouts(path).is_dir()


def load(path: Path) -> Checkpoint:
    """A checkpoint, also while another process replaces it.

    Raises:
        ArtifactError: It is not there, damaged, or from a newer version.
    """
    return _settled([path], lambda: _read(whereabouts(path)))


def random_state(engine: Engine, *, of_process: bool) -> dict[str, Tensor]:
    """The state of the generators that a step draws from: the run's own, and those of the process where it does."""
    state = {} if engine.generator is None else {"run": engine.generator.get_state()}
    if of_process:
        state["cpu"] = torch.get_rng_state()
    if of_process and engine.device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(engine.device)
    return state


def restore_random_state(state: Mapping[str, Tensor], engine: Engine, *, of_process: bool) -> None:
    """Sets the generators back; those of the process only where the run draws from them.

    The state of a generator of another kind of device fits none of this one, which goes on as it is.
    """
    own = engine.generator
    if "run" in state and own is not None and len(state["run"]) == len(own.get_state()):
        own.set_state(state["run"])
    if "cpu" in state and of_process:
        torch.set_rng_state(state["cpu"])
    if "cuda" in state and of_process and engine.device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], engine.device)


# -- writing


def _content(checkpoint: Checkpoint) -> Content:
    progress = json.dumps(checkpoint.progress.to_json(), default=_json_value)  # with NaN as it is
    content: dict[str, Sequence[bytes | memoryview]] = {
        "weights.safetensors": content_of(checkpoint.weights),
        "progress.json": [progress.encode()],
    }
    if checkpoint.optimizer is None:
        return content
    tensors: dict[str, Tensor] = {}
    rest = json.dumps(_flat(checkpoint.optimizer, tensors))
    random = {f"random.{key}": value for key, value in (checkpoint.random or {}).items()}
    return {**content, "optimizer.safetensors": content_of({**tensors, **random}), "optimizer.json": [rest.encode()]}


def write(folder: Path, checkpoint: Checkpoint) -> None:
    """Writes a checkpoint as a new folder."""
    _write(folder, _content(checkpoint))


def _write(folder: Path, content: Content) -> None:
    """Writes the files and at the same time hashes what is written; the manifest comes last."""
    folder.mkdir()
    with ThreadPoolExecutor(max_workers=1) as hasher:
        hashes = hasher.map(_hash_of, content.values())
        for name, parts in content.items():
            with (folder / name).open("wb") as file:
                file.writelines(parts)
            sync_file(folder / name)
        manifest = {"format": FORMAT_VERSION, "sha256": dict(zip(content, hashes, strict=True))}
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=4), encoding="utf-8")


def _hash_of(parts: Sequence[bytes | memoryview]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _shift(folder: Path) -> None:
    """incoming -> latest -> previous; a run that dies in between finds one of them whole."""
    if (folder / LATEST).exists():
        with vacated(folder / PREVIOUS):
            (folder / LATEST).rename(folder / PREVIOUS)
            (folder / INCOMING).rename(folder / LATEST)
    else:
        (folder / INCOMING).rename(folder / LATEST)


def _json_value(value: Any) -> Any:
    """What JSON does not know, as it does."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else plain(value)


def _flat(value: Any, tensors: dict[str, Tensor], path: str = "") -> Any:
    """The value as JSON, its tensors put aside under the paths that stand in their places."""
    if isinstance(value, Tensor):
        while path in tensors:  # the keys 0 and "0" look the same in a path
            path += "'"
        tensors[path] = value
        return {"tensor": path}
    if isinstance(value, Mapping):
        return {"dict": [[key, _flat(entry, tensors, f"{path}/{key}")] for key, entry in value.items()]}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_flat(entry, tensors, f"{path}/{place}") for place, entry in enumerate(value)]}
    return {"value": value.item() if isinstance(value, np.generic) else value}


# -- reading


def _settled(paths: Sequence[Path], read: Callable[[], T]) -> T:
    """What is read of folders, read anew where another process has replaced one of them meanwhile."""
    for _ in range(ATTEMPTS):
        before = [_identity(path) for path in paths]
        try:
            found = read()
        except (ArtifactError, FileNotFoundError):
            if before == [_identity(path) for path in paths]:
                raise
        else:
            if before == [_identity(path) for path in paths]:
                return found
    raise ArtifactError(
        f"The checkpoint '{paths[0]}' was replaced all {ATTEMPTS} times that it was read. Does another run write "
        "there? Stop it, or read a copy of the folder."
    )


def _identity(path: Path) -> tuple[Path, int, int] | None:
    """Where the folder is now, which it is, and when files came or went there."""
    try:
        place = whereabouts(path)
        found = place.stat()
    except FileNotFoundError:
        return None
    return place, found.st_ino, found.st_mtime_ns


def _newest(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest one that is whole, and what is wrong with those that are newer."""
    faults: list[str] = []
    for path in (folder / INCOMING, folder / LATEST, folder / PREVIOUS):
        if is_there(path):
            try:
                return load(path), faults
            except ArtifactError as error:
                faults.append(str(error))
    return None, faults


def _read(folder: Path) -> Checkpoint:
    if not folder.is_dir():
        raise ArtifactError(f"There is no checkpoint '{folder}'.")
    files = _checked_files(folder)
    weights, progress = _tensors(folder / "weights.safetensors"), _progress(folder / "progress.json")
    frozen = whereabouts(folder.with_name(FROZEN))
    if folder.name != frozen.name and frozen.is_dir():
        _checked_files(frozen)
        weights = {**_tensors(frozen / "weights.safetensors"), **weights}
    if "optimizer.json" not in files:
        return Checkpoint(weights, progress)
    tensors = _tensors(folder / "optimizer.safetensors")
    random = {key.removeprefix("random."): value for key, value in tensors.items() if key.startswith("random.")}
    return Checkpoint(weights, progress, _unflat(read_json(folder / "optimizer.json"), tensors), random)


def _checked_files(folder: Path) -> set[str]:
    """The names of the files, all of which are what was written."""
    try:
        manifest = read_json(folder / "manifest.json")
        version, hashes = int(manifest["format"]), dict(manifest["sha256"])
    except FileNotFoundError:
        raise ArtifactError(f"The checkpoint '{folder}' is incomplete: it has no manifest.json.") from None
    except OSError as error:
        raise ArtifactError(f"The checkpoint '{folder}' cannot be read: {error.strerror}.") from None
    except (ValueError, TypeError, KeyError):
        raise ArtifactError(f"The checkpoint '{folder}' is damaged: manifest.json is not what was written.") from None
    if version > FORMAT_VERSION:
        raise ArtifactError(f"The checkpoint '{folder}' was written by a newer version. Update ludwig to load it.")
    for name in {"weights.safetensors", "progress.json", *hashes}:
        if hashes.get(name) != _hash(folder / name):
            raise ArtifactError(f"The checkpoint '{folder}' is damaged: {name} is not what was written.")
    return {*hashes}


def _hash(path: Path) -> str | None:
    """The hash of a file; None where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:  # it is gone, or the disk is broken there
        return None


def _tensors(path: Path) -> dict[str, Tensor]:
    """The tensors in memory of their own: the file may go, and sums of unaligned memory end in other bits."""
    from safetensors.torch import load_file

    return {name: tensor.clone() for name, tensor in load_file(path).items()}


def _progress(path: Path) -> Progress:
    try:
        return Progress.from_json(read_json(path))
    except TypeError as error:
        raise ArtifactError(f"'{path}' is not from this version: {error}. Update ludwig to load it.") from None


def _unflat(raw: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Any:
    """The value back."""
    ((kind, content),) = raw.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {tuple(key) if isinstance(key, list) else key: _unflat(entry, tensors) for key, entry in content}
    if kind in ("list", "tuple"):
        entries = [_unflat(entry, tensors) for entry in content]
        return entries if kind == "list" else tuple(entries)
    return content
