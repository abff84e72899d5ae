"""A model is saved, loaded, given another config, or only built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ludwig.config import ModelConfig
from ludwig.error import ArtifactError, InputDataError, NoSuchFileError, NotTrainedError
from ludwig.features.base import Facts
from ludwig.globals import TRAIN_SET_METADATA_FILE_NAME, TRAINING_PROGRESS_TRACKER_FILE_NAME
from ludwig.lifecycle.held import DEFAULT_SEED, Held, end_online_training, fitted, trained, within_call
from ludwig.models import Model, artifacts, manifest
from ludwig.models.assets import Assets
from ludwig.runtime.arguments import seed_of
from ludwig.runtime.atomic import read_json, storing, written_aside
from ludwig.runtime.console import warn
from ludwig.training import OnlineTraining, build, checkpoints, online
from ludwig.training.stopping import StopReason


def save(held: Held, folder: Path) -> None:
    """Writes config, fitted state, weights and assets, which `load` reads, in one act: whoever reads, and a process
    that dies at any moment, finds the old model or the new one. What else lies in the folder stays.

    Raises:
        StorageError: The disk is full, or nothing may be written there; the old model is whole.
    """
    model = trained(held, "save")
    with storing(folder):
        folder = folder.resolve()
        if not artifacts.may_be_exchanged(folder):  # a mixture is found by its manifest then
            folder.mkdir(exist_ok=True)
            _write(held, model, folder)
            return
        with written_aside(folder) as aside:
            aside.mkdir()
            _write(held, model, aside)
            artifacts.carry_over(folder, aside)


def _write(held: Held, model: Model, folder: Path) -> None:
    artifacts.save_facts(folder, held.training_set_metadata or {})
    model.save_assets(folder)
    model.save_weights(folder)
    online.forget(folder)  # of the model that was here before
    if held.online is not None:
        held.online.save(folder)
    artifacts.save_config(folder, held.config)  # last, for it may differ from the old manifest, and the others may not
    manifest.seal(folder)


def save_config(held: Held, folder: Path) -> None:
    """Writes the config alone."""
    with storing(folder):
        artifacts.save_config(folder, held.config)


def restore(held: Held, folder: Path, metadata: dict[str, Any], *, from_checkpoint: bool) -> None:
    """Gives a model without a network that of a saved one."""
    with within_call(held):
        held.training_set_metadata = metadata
        held.model = build(held.config_obj, _saved_facts(held, folder), DEFAULT_SEED, held.assets, starts=False)
        load_weights(held, folder, from_checkpoint=from_checkpoint)
        if not from_checkpoint:
            held.online = OnlineTraining.load(folder)


def _saved_facts(held: Held, folder: Path) -> dict[str, Facts]:
    try:
        return fitted(held)
    except InputDataError as error:
        raise ArtifactError(f"'{folder / TRAIN_SET_METADATA_FILE_NAME}' is damaged: {error}") from None


def load_weights(held: Held, folder: Path, *, from_checkpoint: bool) -> None:
    """Saved weights into the network.

    Raises:
        NoSuchFileError: There is no checkpoint.
        ArtifactError: A file is not there, damaged, or of another network.
    """
    model = trained(held, "load_weights")
    with within_call(held):
        if not from_checkpoint:
            _read_best_weights(model, folder)
            _warn_of_interrupted(folder)
        else:
            found = checkpoints.load_latest(folder / "training_checkpoints")
            if found is None:
                raise NoSuchFileError(f"There is no checkpoint in '{folder / 'training_checkpoints'}'.")
            model.load_weights(found.weights)
        end_online_training(held)
        model.to(held.device).eval()


def _read_best_weights(model: Model, folder: Path) -> None:
    try:
        model.read_weights(folder)
    except ArtifactError as error:
        if manifest.identity(folder) is None and checkpoints.has_any(folder / "training_checkpoints"):
            text = "Its run has not ended: from_checkpoint=True loads the latest weights, model_resume_path goes on."
            raise ArtifactError(f"{error} {text}") from None
        raise


def _warn_of_interrupted(folder: Path) -> None:
    """Warns where a run was interrupted, and its latest weights lie beside the best ones."""
    file = folder / TRAINING_PROGRESS_TRACKER_FILE_NAME
    reason = read_json(file).get("stop_reason") if file.is_file() else None
    if reason == StopReason.INTERRUPTED and checkpoints.has_any(folder / "training_checkpoints"):
        warn(
            f"The training of '{folder}' was interrupted, and these are its best weights so far. The latest ones come "
            "with from_checkpoint=True; `train` goes on from there with model_resume_path."
        )


def change_config(held: Held, config: ModelConfig, raw: dict[str, Any]) -> None:
    """Another config; a network that it does not describe is dropped."""
    if held.model is not None and config.architecture() != held.config_obj.architecture():
        held.model, held.training_set_metadata, held.online = None, None, None
        text = "The new config describes another network, so the trained one is dropped. Call `train` again."
        warn(text)
    elif (config.trainer, config.input_features) != (held.config_obj.trainer, held.config_obj.input_features):
        end_online_training(held)  # inputs of one network may be augmented otherwise
    held.config_obj, held.user_config = config, raw


def bare_network(config: ModelConfig, seed: int) -> Model:
    """The network of a config whose features need no fitted state.

    Raises:
        NotTrainedError: They do.
    """
    seed = seed_of(seed)
    inputs, outputs = config.resolve(Assets())
    try:
        facts = {spec.name: spec.feature.facts_of_config() for spec in (*inputs, *outputs)}
    except LookupError as error:
        raise NotTrainedError(f"The network cannot be built from the config alone: {error}.") from None
    return build(config, facts, seed)
