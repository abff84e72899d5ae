"""Options of images in other versions that have no counterpart here, before the schema looks."""

from __future__ import annotations

import dataclasses
from typing import Any

from ludwig.features.base import FEATURES
from ludwig.runtime.console import warn

Raw = dict[str, Any]

WITHOUT_EFFECT: dict[str, tuple[Any, str]] = {  # the value at which an option does nothing, and why it does at none
    "in_memory": (True, "mode decides: eager keeps decoded images in memory, lazy and lazy_cached do not"),
    "requires_equal_dimensions": (False, "all images are resized to one size"),
    "prefetch_size": (None, "the next batch is always decoded ahead; num_processes sets how many threads do that"),
    "num_classes": (None, "only image outputs have classes"),
    "infer_image_num_classes": (False, "only image outputs have classes"),
    "mode": ("lazy", "masks are decoded once, into memory"),
    "lazy_cache_dir": (None, "masks are decoded once, into memory"),
    "standardize_image": (None, "the pixels of masks are classes"),
}
ALREADY_SO: dict[str, Any] = {"in_memory": False}  # values that ask for what happens anyway, unless mode is given


def drop_image_options(config: Raw) -> None:
    """Removes them; one that was meant to do something is reported, once for all features."""
    dropped: dict[str, list[str]] = {}
    for name, section, known in _sections(config):
        for option, (idle, _) in WITHOUT_EFFECT.items():
            if option in section and option not in known:
                value = section.pop(option)
                if value != idle and not (value == ALREADY_SO.get(option, idle) and section.get("mode") != "eager"):
                    dropped.setdefault(option, []).append(name)
    for option, names in dropped.items():
        where = ", ".join(dict.fromkeys(names))
        warn(f"preprocessing.{option} of {where} has no effect and is left out: {WITHOUT_EFFECT[option][1]}.")


def _sections(config: Raw) -> list[tuple[str, Raw, frozenset[str]]]:
    """The preprocessing of each image feature: what it is called, its options, and the names of those that exist."""
    image = FEATURES.get("image")
    found = []
    for key, kind in (("input_features", image.Config), ("output_features", image.TargetConfig)):
        known = frozenset(field.name for field in dataclasses.fields(kind))
        features = config.get(key)
        for feature in features if isinstance(features, list) else ():
            if isinstance(feature, dict) and feature.get("type") == "image":
                found.append((str(feature.get("name")), feature.get("preprocessing"), known))
    defaults = config.get("defaults")
    of_type = defaults.get("image") if isinstance(defaults, dict) else None
    if isinstance(of_type, dict):
        known = frozenset(field.name for field in dataclasses.fields(image.Config))
        found.append(("defaults.image", of_type.get("preprocessing"), known))
    return [(name, section, known) for name, section, known in found if isinstance(section, dict)]
