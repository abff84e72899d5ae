"""A trained model as files: weights, config, facts.

model/  model_weights.safetensors  model_hyperparameters.json  training_set_metadata.json
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor

from ludwig.error import ArtifactError, NoSuchFileError
from ludwig.globals import (
    FORMAT_VERSION,
    MODEL_ADAPTER_DIR_NAME,
    MODEL_ASSETS_DIR_NAME,
    MODEL_HYPERPARAMETERS_FILE_NAME,
    MODEL_MANIFEST_FILE_NAME,
    MODEL_SAFETENSORS_FILE_NAME,
    ONLINE_TRAINING_DIR_NAME,
    TRAIN_SET_METADATA_FILE_NAME,
)
from ludwig.runtime.atomic import read_json, write_json, written_aside
from ludwig.runtime.tensor_file import content_of

FORMAT_KEY = "format_version"
OF_A_MODEL = (
    MODEL_HYPERPARAMETERS_FILE_NAME,
    TRAIN_SET_METADATA_FILE_NAME,
    MODEL_SAFETENSORS_FILE_NAME,
    MODEL_ADAPTER_DIR_NAME,
    MODEL_ASSETS_DIR_NAME,
    ONLINE_TRAINING_DIR_NAME,
    MODEL_MANIFEST_FILE_NAME,
)
INPUTS_KEY = "inputs"


def save_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Writes the rendered config."""
    write_json(folder / MODEL_HYPERPARAMETERS_FILE_NAME, config)


def save_facts(folder: Path, metadata: Mapping[str, Any]) -> None:
    """Writes the fitted preprocessing state, `training_set_metadata`."""
    write_json(folder / TRAIN_SET_METADATA_FILE_NAME, {**metadata, FORMAT_KEY: FORMAT_VERSION})


def may_be_exchanged(folder: Path) -> bool:
    """Whether a folder can be written beside this one and take its name."""
    parent = next(place for place in folder.parents if place.exists())
    return not folder.is_mount() and os.access(parent, os.W_OK)


def carry_over(old: Path, new: Path) -> None:
    """What lies in a model folder beside the model, such as checkpoints, lies in the new one too, as links."""
    for entry in old.iterdir() if old.is_dir() else ():
        if entry.name in OF_A_MODEL:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.copytree(entry, new / entry.name, symlinks=True, copy_function=_link)
        else:
            _link(entry, new / entry.name)


def _link(source: str | Path, target: str | Path) -> None:
    """One more name of a file; a copy where the system has no such names."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def save_weights(folder: Path, weights: Mapping[str, Tensor], inputs: Sequence[str]) -> None:
    """Writes the weights, and the order in which the network reads its inputs."""
    content = content_of(weights, {FORMAT_KEY: str(FORMAT_VERSION), INPUTS_KEY: json.dumps(list(inputs))})
    with written_aside(folder / MODEL_SAFETENSORS_FILE_NAME) as aside, aside.open("wb") as file:
        file.writelines(content)


def load_config_and_facts(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The rendered config and the facts.

    Raises:
        NoSuchFileError: There is no such folder.
        ArtifactError: It is incomplete, or from a newer version.
    """
    if not _is_folder(folder):
        raise NoSuchFileError(f"There is no model folder '{folder!s:.300}'.")
    config, metadata = (
        read_part(folder, name) for name in (MODEL_HYPERPARAMETERS_FILE_NAME, TRAIN_SET_METADATA_FILE_NAME)
    )
    version = metadata.pop(FORMAT_KEY, 0)
    if not isinstance(version, int):
        raise ArtifactError(f"'{folder / TRAIN_SET_METADATA_FILE_NAME}' is damaged: {FORMAT_KEY} is {version!r:.80}.")
    if version > FORMAT_VERSION:
        raise ArtifactError(
            f"The model in '{folder}' was saved in format {version}, and this version reads up to {FORMAT_VERSION}. "
            "Update ludwig to load it."
        )
    return config, metadata


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long, or a folder that may not be entered
        return False


def read_part(folder: Path, name: str) -> Any:
    """What a JSON file of a model folder holds.

    Raises:
        ArtifactError: It is not there, or damaged.
    """
    if not (folder / name).is_file():
        hint = f" Did you mean '{folder / 'model'}'?" if (folder / "model").is_dir() else ""
        raise ArtifactError(f"The model folder '{folder}' is incomplete: it has no {name}.{hint}")
    try:
        content = read_json(folder / name)
    except (OSError, ValueError, RecursionError) as error:
        raise ArtifactError(f"'{folder / name}' is damaged: {error!s:.200}.") from None
    if not isinstance(content, dict):
        raise ArtifactError(f"'{folder / name}' is damaged: it must hold an object. Received: {content!r:.80}.")
    return content


def input_order(folder: Path) -> list[str] | None:
    """The inputs of a saved model in the order in which its network reads them; None where no file holds it."""
    from safetensors import safe_open

    path = folder / MODEL_SAFETENSORS_FILE_NAME
    if not path.is_file():
        return None
    with _whole(path), safe_open(path, framework="pt") as file:
        order: list[str] = json.loads((file.metadata() or {}).get(INPUTS_KEY, "null"))
    return order


def load_weights(folder: Path) -> dict[str, Tensor]:
    """The weights.

    Raises:
        ArtifactError: The file is not there or damaged.
    """
    from safetensors.torch import load_file

    path = folder / MODEL_SAFETENSORS_FILE_NAME
    if not path.is_file():
        raise ArtifactError(f"The model folder '{folder}' is incomplete: it has no {path.name}.")
    with _whole(path):
        weights: dict[str, Tensor] = load_file(path)
    lost = next((name for name, weight in weights.items() if not weight.isfinite().all()), None)
    if lost is not None:
        raise ArtifactError(f"'{path}' is damaged: the weight '{lost}' is not finite (NaN or infinity).")
    return weights


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    from safetensors import SafetensorError

    try:
        yield
    except SafetensorError as error:
        raise ArtifactError(f"'{path}' is damaged: {error}.") from None
