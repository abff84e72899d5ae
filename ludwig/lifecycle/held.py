"""What the facade hands to each act: the model that is acted on, the data of the call, and where results are kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

import torch

from ludwig.api_types import PreprocessedDataset
from ludwig.backend import Backend
from ludwig.callbacks import Callback
from ludwig.config import ModelConfig
from ludwig.data.dataset import Dataset
from ludwig.data.pipeline import fitted_state
from ludwig.data.sources import Source
from ludwig.error import ArgumentError, NotTrainedError, nearest
from ludwig.features.base import Facts
from ludwig.models import Model
from ludwig.models.assets import Assets
from ludwig.runtime.arguments import name_of, path_of
from ludwig.runtime.call import calling
from ludwig.training import OnlineTraining, Run, Saves, build

Data = Source | Dataset | PreprocessedDataset
Metadata = str | Mapping[str, Any]
FULL, TRAINING, VALIDATION, TEST = "full", "training", "validation", "test"
SPLITS = (FULL, TRAINING, VALIDATION, TEST)
DEFAULT_SEED = 42


class Held(Protocol):
    """The state of a `LudwigModel`."""

    config_obj: ModelConfig
    config_fp: str | None
    user_config: dict[str, Any]
    logging_level: int
    allow_parallel_threads: bool
    backend: Backend
    device: torch.device
    callbacks: list[Callback]
    assets: Assets
    model: Model | None
    training_set_metadata: dict[str, Any] | None
    online: OnlineTraining | None

    @property
    def config(self) -> dict[str, Any]: ...


@dataclasses.dataclass(frozen=True)
class Given:
    """The data of a call: a whole to be split, or its parts."""

    dataset: Data | None = None
    training_set: Data | None = None
    validation_set: Data | None = None
    test_set: Data | None = None
    metadata: Metadata | None = None
    data_format: str | None = None


@dataclasses.dataclass(frozen=True)
class Kept:
    """Where a training is kept, and what of it."""

    output_directory: str | None
    experiment_name: str
    model_name: str
    resume_path: str | None
    saves: Saves
    saves_processed_input: bool

    def __post_init__(self) -> None:
        """Refuses what is no path or no name, before anything is done."""
        for name in ("output_directory", "resume_path"):
            if getattr(self, name) is not None:
                path_of(name.replace("resume", "model_resume"), getattr(self, name))
        name_of("experiment_name", self.experiment_name)
        name_of("model_name", self.model_name)

    def run(self) -> Run:
        """The run's folder: that of an earlier run which goes on, or a new one."""
        return Run.at(self.output_directory, self.experiment_name, self.model_name, self.saves, self.resume_path)


def within_call(held: Held) -> AbstractContextManager[None]:
    """The logging level and the threads of the model inside the block, and gradients can be computed."""
    return calling(held.logging_level, held.allow_parallel_threads)


def trained(held: Held, verb: str) -> Model:
    """The network; that of a model of which nothing is trained, such as a zero-shot one, is made when it is needed.

    Raises:
        NotTrainedError: There is none yet.
    """
    if held.model is None and not held.config_obj.trainer.trains:
        with within_call(held):
            held.training_set_metadata, held.model = _untrained(held, verb)
    if held.model is None:
        raise NotTrainedError(f"The model has no network to {verb} yet: call `train`, or `LudwigModel.load`.")
    return held.model


def _untrained(held: Held, verb: str) -> tuple[dict[str, Any], Model]:
    """The state and the network that follow from the config alone, with pretrained weights.

    Raises:
        NotTrainedError: They do not.
    """
    specs = [spec for side in held.config_obj.resolve(held.assets) for spec in side]
    try:
        facts = {spec.name: spec.feature.facts_of_config() for spec in specs}
    except LookupError as error:
        raise NotTrainedError(f"The model has no network to {verb} yet, since {error}. Call `train` first.") from None
    metadata = {name: known.to_json() for name, known in facts.items()}
    return metadata, build(held.config_obj, facts, DEFAULT_SEED, held.assets).to(held.device).eval()


def fitted(held: Held) -> dict[str, Facts]:
    """The fitted state of all features."""
    inputs, outputs = held.config_obj.resolve(held.assets)
    return fitted_state([*inputs, *outputs], held.training_set_metadata or {})


def end_online_training(held: Held) -> None:
    """The weights are now others than online training left, or its options are: its next call begins afresh."""
    if held.online is not None and held.model is not None:
        held.model.release()
    held.online = None


def sets_of(data: PreprocessedDataset) -> dict[str, Dataset | None]:
    """The splits by their names."""
    return {TRAINING: data.training_set, VALIDATION: data.validation_set, TEST: data.test_set}


def split_of(data: PreprocessedDataset, split: str) -> PreprocessedDataset | Dataset | None:
    """One of the splits of preprocessed data."""
    return data if split == FULL else sets_of(data)[split]


def refuse_odd_split(split: str) -> None:
    """Raises where there is no such split."""
    if split not in SPLITS:
        raise ArgumentError(f"There is no split '{split}'.{nearest(split, SPLITS)} Choose one of: {', '.join(SPLITS)}.")
