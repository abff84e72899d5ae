"""The hashes of a saved model's files, so that what was saved is what is loaded.

manifest.json  {"files": {"model_weights.safetensors": SHA-256, ...}}
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from ludwig.error import ArtifactError
from ludwig.globals import MODEL_HYPERPARAMETERS_FILE_NAME, MODEL_MANIFEST_FILE_NAME
from ludwig.runtime.atomic import write_json
from ludwig.runtime.console import warn

MOST_TRIES = 100  # of a reader beside processes that save to the same folder

Read = TypeVar("Read")


def seal(folder: Path) -> None:
    """Writes the hashes of all files of the folder, the last of them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MODEL_MANIFEST_FILE_NAME)
    hashes = {path.relative_to(folder).as_posix(): _digest(path) for path in files}
    write_json(folder / MODEL_MANIFEST_FILE_NAME, {"files": hashes})


def check(folder: Path) -> bool:
    """Compares the files with the hashes; a folder without a manifest, of an older version, is taken as it is.

    Returns:
        Whether the config was edited, which is no fault.

    Raises:
        ArtifactError: Another file is damaged, changed or not there.
    """
    was_edited = False
    for name, digest in _hashes(folder).items():
        path = folder / name
        if not path.is_file():
            raise ArtifactError(f"The model folder '{folder}' is incomplete: it has no {name}.")
        if _digest(path) == digest:
            continue
        if name != MODEL_HYPERPARAMETERS_FILE_NAME:
            raise ArtifactError(
                f"'{path}' is damaged, or of another model: it is not what was saved with this folder. Take the folder "
                "from a backup, or train again."
            )
        was_edited = True
    return was_edited


def read_unchanged(folder: Path, read: Callable[[], Read]) -> Read:
    """What `read` makes of a checked folder; once more where another process has saved there meanwhile.

    Raises:
        ArtifactError: The folder is damaged, or is saved to over and over.
    """
    for _ in range(MOST_TRIES):
        before = _mark(folder)
        try:
            was_edited = check(folder)
            found = read()
        except (ArtifactError, OSError):
            if _mark(folder) == before:
                raise
            continue
        if _mark(folder) == before:
            if was_edited:
                config = folder / MODEL_HYPERPARAMETERS_FILE_NAME
                warn(f"'{config}' was edited after the model was saved. It is loaded as it is.")
            return found
    raise ArtifactError(f"The model folder '{folder}' is saved to over and over while it is read. Load it afterwards.")


def _mark(folder: Path) -> tuple[int, int] | None:
    """What is another after each save, also of an equal model; None without a manifest."""
    try:
        state = (folder / MODEL_MANIFEST_FILE_NAME).stat()
    except OSError:  # it is not there, or its folder is exchanged at this moment
        return None
    return state.st_ino, state.st_mtime_ns


def identity(folder: Path) -> str | None:
    """What saved models have in common that are equal but for the config; None where there is no manifest."""
    hashes = {name: digest for name, digest in _hashes(folder).items() if name != MODEL_HYPERPARAMETERS_FILE_NAME}
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest() if hashes else None


def _hashes(folder: Path) -> dict[str, str]:
    if _mark(folder) is None:
        return {}
    path = folder / MODEL_MANIFEST_FILE_NAME
    try:
        raw: Any = json.loads(path.read_bytes())
        found = {str(name): str(digest) for name, digest in raw["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(f"'{path}' is damaged: {error}.") from None
    if MODEL_HYPERPARAMETERS_FILE_NAME not in found:
        raise ArtifactError(f"'{path}' is damaged: it has no hash of {MODEL_HYPERPARAMETERS_FILE_NAME}.")
    return found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
