"""Options of other versions that have no effect here, before the schema looks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

from ludwig.decoders.base import DECODERS
from ludwig.encoders.base import ENCODERS
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
OF_PREPROCESSING: Mapping[str, Mapping[str, Idle]] = {  # by feature type
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


NO_EMBEDDING = "steps are numbers, which an encoder reads without an embedding"
OF_NUMBERS = {
    "embedding_size": Idle((256,), NO_EMBEDDING),
    "embeddings_on_cpu": Idle((False,), NO_EMBEDDING),
    "embeddings_trainable": Idle((True,), NO_EMBEDDING),
    "pretrained_embeddings": Idle((None,), NO_EMBEDDING),
}
OF_ATTENTION = {"reduce_input": Idle(("sum",), "a transformer attends to all steps of its input")}
WITHOUT_EFFECT: Mapping[str, Mapping[str, Mapping[str, Idle]]] = {  # an option that a component really has stays
    "preprocessing": OF_PREPROCESSING,
    "encoder": {"audio": OF_NUMBERS, "timeseries": OF_NUMBERS},
    "decoder": {"text": OF_ATTENTION, "sequence": OF_ATTENTION},
}


class Section(NamedTuple):
    """A section that may have such options."""

    key: str  # of the config, such as preprocessing
    kind: str  # the feature type
    name: str  # what the feature is called
    options: Raw
    target: bool

    def known(self) -> frozenset[str]:
        """The options that there are; an unknown component is left to the schema, with all that it has."""
        feature = FEATURES.get(self.kind)
        found: Any = feature.TargetConfig if self.target else feature.Config
        if self.key != "preprocessing":
            registry: Any = {"encoder": ENCODERS, "decoder": DECODERS}[self.key]
            name = self.options.get("type", feature.default_encoder)
            if name not in registry.words(self.kind):
                return frozenset(self.options)
            found = registry.get(name, self.kind).Config
        return frozenset(field.name for field in dataclasses.fields(found))


def drop_idle_options(config: Raw) -> None:
    """Removes them; one that was meant to do something is reported, once for all features."""
    _read_once(config)
    dropped: dict[tuple[str, str], list[str]] = {}
    for section in _sections(config):
        options, known = section.options, section.known()
        for option, (values, reason) in WITHOUT_EFFECT[section.key][section.kind].items():
            if option in options and option not in known:
                value = options.pop(option)
                if value not in values and not _asks_for_what_happens(option, value, options):
                    dropped.setdefault((f"{section.key}.{option}", reason), []).append(section.name)
    for (option, reason), names in dropped.items():
        where = ", ".join(dict.fromkeys(names))
        warn(f"{option} of {where} has no effect and is left out: {reason}.")


def _asks_for_what_happens(option: str, value: Any, options: Raw) -> bool:
    """Whether decoded images are asked to be kept out of memory, where they are."""
    return option == "in_memory" and value is False and options.get("mode") != "eager"


def _read_once(config: Raw) -> None:
    """Audio has no cache of files: what is decoded is kept in memory, which `lazy` does."""
    for section in _sections(config):
        if section.kind == "audio" and section.options.get("mode") == "lazy_cached":
            section.options["mode"] = "lazy"
            which = f"preprocessing.mode of {section.name}"
            warn(f"{which}: audio has no lazy_cached; lazy keeps features in memory, up to 1 GiB.")


def _sections(config: Raw) -> list[Section]:
    found: list[tuple[str, str, Any, bool]] = []  # type, name, the feature, whether it is an output
    for key in ("input_features", "output_features"):
        features = config.get(key)
        for feature in features if isinstance(features, list) else ():
            if isinstance(feature, dict):
                found.append((str(feature.get("type")), str(feature.get("name")), feature, key == "output_features"))
    defaults = config.get("defaults")
    for kind, of_type in defaults.items() if isinstance(defaults, dict) else ():
        found.append((str(kind), f"defaults.{kind}", of_type, False))
    return [
        Section(key, kind, name, holder[key], target)
        for kind, name, holder, target in found
        for key, by_kind in WITHOUT_EFFECT.items()
        if kind in by_kind and isinstance(holder, dict) and isinstance(holder.get(key), dict)
    ]
