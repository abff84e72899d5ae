"""The pretrained language model that a config names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from ludwig.error import ConfigValidationError
from ludwig.features.pretrained_tokenizer import first_line
from ludwig.models.assets import Assets

BASE_ASSET = "base_model"  # the name of the architecture's files in a saved model
MOVED_BASE = "LUDWIG_BASE_MODEL"  # the environment variable with the place where the base of a saved adapter is now

PRESETS = {
    "bloomz-3b": "bigscience/bloomz-3b",
    "bloomz-7b1": "bigscience/bloomz-7b1",
    "codellama-7b": "codellama/CodeLlama-7b-hf",
    "codellama-13b": "codellama/CodeLlama-13b-hf",
    "codellama-34b": "codellama/CodeLlama-34b-hf",
    "codellama-7b-instruct": "codellama/CodeLlama-7b-instruct-hf",
    "codellama-13b-instruct": "codellama/CodeLlama-13b-instruct-hf",
    "codellama-34b-instruct": "codellama/CodeLlama-34b-instruct-hf",
    "gpt-neo-2.7B": "EleutherAI/gpt-neo-2.7B",
    "gpt-j-6b": "EleutherAI/gpt-j-6b",
    "llama-2-7b": "meta-llama/Llama-2-7b-hf",
    "llama-2-13b": "meta-llama/Llama-2-13b-hf",
    "llama-2-70b": "meta-llama/Llama-2-70b-hf",
    "llama-2-7b-chat": "meta-llama/Llama-2-7b-chat-hf",
    "llama-2-13b-chat": "meta-llama/Llama-2-13b-chat-hf",
    "llama-2-70b-chat": "meta-llama/Llama-2-70b-chat-hf",
    "mistral-7b": "mistralai/Mistral-7B-v0.1",
    "mistral-7b-instruct": "mistralai/Mistral-7B-Instruct-v0.1",
    "mixtral-8x7b": "mistralai/Mixtral-8x7B-v0.1",
    "mixtral-8x7b-instruct": "mistralai/Mixtral-8x7B-Instruct-v0.1",
    "opt-350m": "facebook/opt-350m",
    "opt-1.3b": "facebook/opt-1.3b",
    "opt-6.7b": "facebook/opt-6.7b",
    "pythia-2.8b": "EleutherAI/pythia-2.8b",
    "pythia-12b": "EleutherAI/pythia-12b",
    "vicuna-7b": "lmsys/vicuna-7b-v1.3",
    "vicuna-13b": "lmsys/vicuna-13b-v1.3",
    "zephyr-7b-alpha": "HuggingFaceH4/zephyr-7b-alpha",
    "zephyr-7b-beta": "HuggingFaceH4/zephyr-7b-beta",
    "phi-1": "microsoft/phi-1",
    "phi-1_5": "microsoft/phi-1_5",
    "phi-2": "microsoft/phi-2",
}


def resolved(name: str) -> str:
    """The folder or the hub's id that a name stands for."""
    return PRESETS.get(name, name)


def is_missing_folder(name: str) -> bool:
    """Whether a name can only be a folder, and there is none."""
    path = Path(name)
    return (path.is_absolute() or name.startswith((".", "~")) or len(path.parts) > 2) and not path.is_dir()


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
