"""The pretrained language model that a config names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ludwig.error import ConfigValidationError, first_line
from ludwig.models.assets import Assets
from ludwig.pretrained.names import PRESETS, resolved

BASE_ASSET = "base_model"  # the name of the architecture's files in a saved model
MOVED_BASE = "LUDWIG_BASE_MODEL"  # the environment variable with the place where the base of a saved adapter is now


def base_name(name: str, assets: Assets) -> str:
    """Where the base model is: as in the config, or for a saved model where `LUDWIG_BASE_MODEL` is set, there."""
    return os.environ.get(MOVED_BASE, name) if assets.is_saved else name


def structure_of(source: str, trust_remote_code: bool) -> Any:
    """The architecture of a base model, without its weights.

    Raises:
        ConfigValidationError: There is no such model.
    """
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(source, trust_remote_code=trust_remote_code)
    except (OSError, ValueError) as error:
        raise _not_loadable(source, error) from None


def generation_of(source: str) -> dict[str, Any]:
    """What the base model itself sets for generation, in its `generation_config.json`; nothing without that file."""
    from transformers import GenerationConfig

    try:
        found = GenerationConfig.from_pretrained(source)
    except OSError:
        return {}
    return {name: value for name, value in found.to_diff_dict().items() if value is not None}


def save_generation(options: Mapping[str, Any], folder: Path) -> None:
    """Writes what `generation_of` reads."""
    from transformers import GenerationConfig

    if options:
        settings: Any = GenerationConfig
        settings(**options).save_pretrained(str(folder))


def empty_network(structure: Any, trust_remote_code: bool, *, on: str) -> Any:
    """The network without values: on the device "meta" it has no memory, elsewhere its weights are to be loaded."""
    from transformers import AutoModelForCausalLM, initialization

    with torch.device(on), initialization.no_init_weights():
        classes: Any = AutoModelForCausalLM
        network = classes.from_config(structure, dtype=torch.float32, trust_remote_code=trust_remote_code)
    network.tie_weights()  # which the library leaves to the loading of weights
    return network.eval()


def load_network(name: str, trust_remote_code: bool) -> Any:
    """The network with its pretrained weights, in float32.

    Raises:
        ConfigValidationError: There is no such model.
    """
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    console: Any = logging
    shown = console.is_progress_bar_enabled()
    console.disable_progress_bar()
    try:
        return AutoModelForCausalLM.from_pretrained(
            resolved(name), dtype=torch.float32, trust_remote_code=trust_remote_code
        )
    except (OSError, ValueError) as error:
        raise _not_loadable(name, error) from None
    finally:
        if shown:
            console.enable_progress_bar()


def _not_loadable(name: str, error: Exception) -> ConfigValidationError:
    return ConfigValidationError(
        f"base_model: '{name}' cannot be loaded. Give a folder with a saved model, an id of the hub, or a preset "
        f"({', '.join(list(PRESETS)[:3])}, ...). Where the base model of a saved adapter has moved, change the line "
        f"base_model of its model_hyperparameters.json or set {MOVED_BASE}. {first_line(error)}"
    )
