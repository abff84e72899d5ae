"""Options of preprocessing in other versions that have no effect here, before the schema looks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

from ludwig.features.base import FEATURES
from ludwig.runtime.console import warn

Raw = dict[str, Any]


class Idle(NamedTuple):
    """An option without effect: the values that ask for nothing else than what happens, and why others do not."""

    values: tuple[Any, ...]
    reason: str


NOT_CACHED = Idle((False,), "frozen encoders are computed in every epoch")
PADDING_SIDE = Idle(
    ("right",), "a batch is padded to its longest row, and a mask keeps padding out of every result, on either side"
)
OF_TOKENS = {"padding": PADDING_SIDE, "cache_encoder_embeddings": NOT_CACHED}
OF_MASKS = "masks are decoded once, into memory"
WITHOUT_EFFECT: Mapping[str, Mapping[str, Idle]] = {  # by feature type; an option that the type really has stays
    "text": OF_TOKENS,
    "sequence": OF_TOKENS,
    "category": {"cache_encoder_embeddings": NOT_CACHED},
    "timeseries": {
        "padding": PADDING_SIDE,
        "padding_value": Idle((0, 0.0), "a mask keeps padding out of every result"),
        "tokenizer": Idle(("space", "comma"), "the numbers of a cell are read between spaces, commas or brackets"),
        "timeseries_length_limit": Idle((256,), "a target has the steps of its horizon, or of the longest cell"),
    },
    "audio": {
        "prefetch_size": Idle((None,), "the next batch is always decoded ahead; num_processes sets how many threads"),
        "lazy_cache_dir": Idle((None,), "features are kept in memory, where in_memory is true"),
    },
    "image": {
        "in_memory": Idle((True,), "mode decides: eager keeps decoded images in memory, lazy and lazy_cached do not"),
        "requires_equal_dimensions": Idle((False,), "all images are resized to one size"),
        "prefetch_size": Idle(
            (None,), "the next batch is always decoded ahead; num_processes sets how many threads do that"
        ),
        "num_classes": Idle((None,), "only image outputs have classes"),
        "infer_image_num_classes": Idle((False,), "only image outputs have classes"),
        "mode": Idle(("lazy",), OF_MASKS),
        "lazy_cache_dir": Idle((None,), OF_MASKS),
        "standardize_image": Idle((None,), "the pixels of masks are classes"),
    },
}


def drop_idle_options(config: Raw) -> None:
    """Removes them; one that was meant to do something is reported, once for all features."""
    _read_once(config)
    dropped: dict[tuple[str, str], list[str]] = {}
    for kind, name, section, known in _sections(config):
        for option, (values, reason) in WITHOUT_EFFECT[kind].items():
            if option in section and option not in known:
                value = section.pop(option)
                if value not in values and not _asks_for_what_happens(option, value, section):
                    dropped.setdefault((option, reason), []).append(name)
    for (option, reason), names in dropped.items():
        where = ", ".join(dict.fromkeys(names))
        warn(f"preprocessing.{option} of {where} has no effect and is left out: {reason}.")


def _asks_for_what_happens(option: str, value: Any, section: Raw) -> bool:
    """Whether decoded images are asked to be kept out of memory, where they are."""
    return option == "in_memory" and value is False and section.get("mode") != "eager"


def _read_once(config: Raw) -> None:
    """Audio has no cache of files: what is decoded is kept in memory, which `lazy` does."""
    for kind, name, section, _ in _sections(config):
        if kind == "audio" and section.get("mode") == "lazy_cached":
            section["mode"] = "lazy"
            warn(f"preprocessing.mode of {name}: audio has no lazy_cached; lazy keeps features in memory, up to 1 GiB.")


def _sections(config: Raw) -> list[tuple[str, str, Raw, frozenset[str]]]:
    """The preprocessing of each feature: its type, what it is called, its options, and the names of known ones."""
    found = []
    for key in ("input_features", "output_features"):
        features = config.get(key)
        for feature in features if isinstance(features, list) else ():
            kind = str(feature.get("type")) if isinstance(feature, dict) else ""
            if kind in WITHOUT_EFFECT:
                name = str(feature.get("name"))
                found.append((kind, name, feature.get("preprocessing"), _known(kind, key == "output_features")))
    defaults = config.get("defaults")
    for kind, of_type in defaults.items() if isinstance(defaults, dict) else ():
        if kind in WITHOUT_EFFECT and isinstance(of_type, dict):
            found.append((kind, f"defaults.{kind}", of_type.get("preprocessing"), _known(kind, False)))
    return [each for each in found if isinstance(each[2], dict)]


def _known(kind: str, target: bool) -> frozenset[str]:
    feature = FEATURES.get(kind)
    return frozenset(field.name for field in dataclasses.fields(feature.TargetConfig if target else feature.Config))
