"""Structures and weights of pretrained networks that read texts or sounds, by the library transformers.

A description is what the `config.json` of a pretrained network holds: its architecture, without weights.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ludwig.error import ConfigValidationError, first_line
from ludwig.runtime.console import warn

Description = dict[str, Any]
OF_THE_HUB = ("revision", "token", "cache_dir", "subfolder", "local_files_only", "proxies", "force_download")
SHOWN = 3  # names that a message shows


def read_description(source: str, options: Mapping[str, Any]) -> Description:
    """The description of a pretrained network; `options` override what it holds, or are those of the hub.

    Raises:
        ConfigValidationError: There is no such network, or it has no such option.
    """
    from transformers import AutoConfig

    try:
        structure, unknown = AutoConfig.from_pretrained(source, return_unused_kwargs=True, **options)
    except (OSError, ValueError) as error:
        raise not_loadable(source, error) from None
    alien = sorted(unknown.keys() - {*OF_THE_HUB})
    if alien:
        raise ConfigValidationError(
            f"encoder.pretrained_kwargs: '{source}' has no option '{alien[0]}'. Options of its config.json and of the "
            f"hub ({', '.join(OF_THE_HUB[:SHOWN])}, ...) can be set."
        )
    return _as_plain(structure)


def write_description(description: Description, folder: Path) -> None:
    """Writes the file that `read_description` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(description, indent=2), encoding="utf-8")


def read_preparation(source: str) -> Description:
    """How sounds were prepared for a pretrained network, as its preprocessor_config.json has it; empty without one."""
    from transformers.feature_extraction_utils import FeatureExtractionMixin

    return _prepared(FeatureExtractionMixin.get_feature_extractor_dict, source, {})


def read_image_preparation(source: str, options: Mapping[str, Any]) -> Description:
    """As `read_preparation`, of images; `options` are those of the hub."""
    from transformers.image_processing_base import ImageProcessingMixin

    return _prepared(ImageProcessingMixin.get_image_processor_dict, source, options)


def _prepared(read: Callable[..., Any], source: str, options: Mapping[str, Any]) -> Description:
    try:
        with quietly():
            return dict(read(source, **options)[0])
    except OSError:
        return {}


def write_preparation(preparation: Description, folder: Path) -> None:
    """Writes the file that `read_preparation` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "preprocessor_config.json").write_text(json.dumps(preparation, indent=2), encoding="utf-8")


def new_description(family: str, options: Mapping[str, Any]) -> Description:
    """The description of a network of a family of the library, with these options."""
    from transformers import AutoConfig

    with quietly():
        return _as_plain(AutoConfig.for_model(family, **options))


def _as_plain(structure: Any) -> Description:
    plain: Description = json.loads(structure.to_json_string(use_diff=False))
    return plain


def new_network(description: Description, class_name: str | None, *, random: bool) -> Any:
    """The network of a description, in float32: with random weights, or with none, which are to be loaded."""
    from transformers import initialization

    network_class, structure = _class_and_structure(description, class_name)
    with quietly():
        if random:
            return _encoding_part(network_class(structure))
        with initialization.no_init_weights():
            network = network_class(structure)
    network.tie_weights()  # which the library leaves to the loading of weights
    return _encoding_part(network)


def load_network(source: str, description: Description, class_name: str | None, options: Mapping[str, Any]) -> Any:
    """The network with its pretrained weights, in float32; weights that the source lacks begin at random.

    Raises:
        ConfigValidationError: There is no such network.
    """
    network_class, structure = _class_and_structure(description, class_name)
    of_hub = {name: value for name, value in options.items() if name in OF_THE_HUB}
    try:
        with quietly():
            network, found = network_class.from_pretrained(
                source, config=structure, dtype=torch.float32, output_loading_info=True, **of_hub
            )
    except (OSError, ValueError) as error:
        raise not_loadable(source, error) from None
    missing = sorted(found["missing_keys"])
    if missing:
        warn(
            f"'{source}' has no weights of {', '.join(missing[:SHOWN])}{', ...' if len(missing) > SHOWN else ''}, so "
            "these begin at random. Fine-tune them, or choose another reduce_output where they are those of a pooler."
        )
    return _encoding_part(network)


def most_tokens(network: Any) -> int | None:
    """How many tokens of a text the network reads; None for any number."""
    most: int | None = getattr(network.config, "max_position_embeddings", None)
    if most is None or most < 0:
        return None
    # where positions count from behind the id of padding, that many rows of the table are of no use
    tables = [part for name, part in network.named_modules() if name.endswith("position_embeddings")]
    unused = [t.padding_idx + 1 for t in tables if isinstance(t, nn.Embedding) and t.padding_idx is not None]
    return most - max(unused, default=0)


def recompute_activations(network: Any) -> None:
    """From now on the backward pass computes activations again; the name of it changed in transformers 5."""
    enable = getattr(network, "activation_checkpointing_enable", None) or network.gradient_checkpointing_enable
    enable({"use_reentrant": False})


def _class_and_structure(description: Description, class_name: str | None) -> tuple[Any, Any]:
    import transformers

    library: Any = transformers
    structure: Any = library.CONFIG_MAPPING[description["model_type"]].from_dict(description)
    own = None if class_name is None else getattr(library, class_name)
    if own is not None and isinstance(structure, own.config_class):  # else another family was named
        return own, structure
    for mapping in (library.MODEL_FOR_TEXT_ENCODING_MAPPING, library.MODEL_MAPPING):
        if type(structure) in mapping:
            return mapping[type(structure)], structure
    raise ConfigValidationError(
        f"encoder: The library transformers has no network that encodes, of the family "
        f"'{description['model_type']}'. Choose another pretrained model."
    )


def _encoding_part(network: Any) -> Any:
    """The encoder of a network that has a decoder besides."""
    has_decoder = network.config.is_encoder_decoder and any("decoder" in name for name, _ in network.named_children())
    return network.get_encoder() if has_decoder else network


@contextmanager
def quietly() -> Iterator[None]:
    """Without the library's progress bars, and without its reports of weights that belong to other heads."""
    from transformers.utils import logging

    console: Any = logging
    shown, level = console.is_progress_bar_enabled(), console.get_verbosity()
    console.disable_progress_bar()
    console.set_verbosity_error()
    try:
        yield
    finally:
        console.set_verbosity(level)
        if shown:
            console.enable_progress_bar()


def not_loadable(source: str, error: Exception) -> ConfigValidationError:
    """The error of a pretrained network that is not there or not whole."""
    return ConfigValidationError(
        f"encoder: The pretrained model '{source}' cannot be loaded. Give a folder with a saved model or an id of the "
        f"Hugging Face Hub. {first_line(error)}"
    )
