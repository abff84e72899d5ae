"""Older words of texts, sequences and audio: before the schema looks, and where it is about lengths, with defaults.

Each function takes the raw config, changes it in place and knows one matter.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from ludwig.features.base import FEATURES
from ludwig.runtime.console import warn

Raw = dict[str, Any]

LEVELS = ("word", "char")
OF_LEVEL = {  # without the level in front, by today's option
    "tokenizer": "tokenizer",
    "vocab_file": "vocab_file",
    "most_common": "most_common",
    "sequence_length_limit": "max_sequence_length",
}
CHARACTERS = "characters"


def features_of(
    config: Raw, *kinds: str, keys: tuple[str, ...] = ("input_features", "output_features")
) -> Iterator[Raw]:
    """The features of these types, inputs first."""
    for key in keys:
        features = config.get(key)
        for feature in features if isinstance(features, list) else ():
            if isinstance(feature, dict) and feature.get("type") in kinds:
                yield feature


def _preprocessing(config: Raw, *kinds: str) -> Iterator[Raw]:
    """The sections `preprocessing` of these types: of the features and of the defaults."""
    defaults = config.get("defaults")
    of_types = [defaults.get(kind) for kind in kinds] if isinstance(defaults, dict) else []
    for holder in [*features_of(config, *kinds), *of_types]:
        if isinstance(holder, dict) and isinstance(holder.get("preprocessing"), dict):
            yield holder["preprocessing"]


def choose_level_of_texts(config: Raw) -> None:
    """Texts were read as words or as characters, each with options of its own: `level`, `word_*`, `char_*`."""
    defaults = config.get("defaults")
    of_type = defaults.get("text") if isinstance(defaults, dict) else None
    shared = of_type.get("preprocessing") if isinstance(of_type, dict) else None
    shared = shared if isinstance(shared, dict) else {}
    for feature in features_of(config, "text"):
        level = feature.pop("level") if feature.get("level") in LEVELS else None
        own = feature.get("preprocessing", {})
        if not isinstance(own, dict):
            continue
        if level == "char":  # whose options the defaults have no room for
            own = {**_of_level(shared, level), **own}
            own.setdefault("char_tokenizer", own.get("tokenizer", CHARACTERS))
        if own:
            feature["preprocessing"] = own
        _make_plain(own, level)
    _make_plain(shared, None)


def _of_level(section: Raw, level: str) -> Raw:
    return {key: value for key, value in section.items() if key.startswith(f"{level}_") and key[5:] in OF_LEVEL}


def _make_plain(section: Raw, level: str | None) -> None:
    """The options of one level under today's names, which win; those of the other level are left out.

    Without a level that is `word`, unless there are options of `char` alone.
    """
    by_level = {each: _of_level(section, each) for each in LEVELS}
    chosen = level or next((each for each in LEVELS if by_level[each]), "word")
    for key in [key for options in by_level.values() for key in options]:
        value = section.pop(key)
        if key in by_level[chosen] and value is not None:
            section.setdefault(OF_LEVEL[key[5:]], value)


def rename_length_limit(config: Raw) -> None:
    """`sequence_length_limit` is `max_sequence_length`."""
    for section in _preprocessing(config, "text", "sequence"):
        if "sequence_length_limit" in section:
            limit = section.pop("sequence_length_limit")
            section.setdefault("max_sequence_length", limit)


def flatten_audio_features(config: Raw) -> None:
    """The section `audio_feature` of the preprocessing is part of the preprocessing itself."""
    for section in _preprocessing(config, "audio"):
        if isinstance(section.get("audio_feature"), dict):
            for option, value in section.pop("audio_feature").items():
                section.setdefault(option, value)


GONE_FROM_GENERATORS = {
    "attention": "a generator attends to the steps of its input wherever it has any; set the encoder's reduce_output "
    "to null for that",
    "tied_embeddings": "a generator has an embedding of its own",
}


def drop_attention_of_generators(config: Raw) -> None:
    """Generators attend by themselves, and have an embedding of their own."""
    for feature in features_of(config, "text", "sequence", keys=("output_features",)):
        for section in (feature, feature.get("decoder")):
            for option, reason in GONE_FROM_GENERATORS.items():
                if isinstance(section, dict) and section.pop(option, None) not in (None, False):
                    warn(f"decoder.{option} of {feature.get('name')} has no effect and is left out: {reason}.")


def move_class_similarities(config: Raw) -> None:
    """The similarities of classes are an option of the loss."""
    for feature in features_of(config, "text", "sequence", "category", keys=("output_features",)):
        for option in ("class_similarities", "class_similarities_temperature"):
            value = feature.pop(option, None)
            if value is not None and isinstance(feature.setdefault("loss", {}), dict):
                feature["loss"].setdefault(option, value)


TEXT_UPGRADES: tuple[Callable[[Raw], None], ...] = (
    choose_level_of_texts,
    rename_length_limit,
    flatten_audio_features,
    drop_attention_of_generators,
    move_class_similarities,
)


def raise_length_limits(config: Raw) -> None:
    """A text is not cut below the `sequence_length` that its network is built for. The defaults are merged already."""
    for feature in features_of(config, "text", "sequence"):
        section = feature.get("preprocessing")
        length = section.get("sequence_length") if isinstance(section, dict) else None
        if not isinstance(section, dict) or not isinstance(length, int):
            continue
        limits = {field.name: field.default for field in dataclasses.fields(FEATURES.get(feature["type"]).Config)}
        limit = section.get("max_sequence_length", limits["max_sequence_length"])
        if isinstance(limit, int) and limit < length:
            feature["preprocessing"] = {**section, "max_sequence_length": length}
            warn(
                f"preprocessing.max_sequence_length of {feature.get('name')} is raised from {limit} to {length}, the "
                "sequence_length."
            )
