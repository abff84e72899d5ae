"""The section `defaults`: what the features of a type start from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

INPUT_SECTIONS = ("preprocessing", "encoder", "augmentation")
OUTPUT_SECTIONS = ("decoder", "loss")


def merge_defaults(raw: dict[str, Any]) -> dict[str, Any]:
    """The config with each feature's sections over those of `defaults.<type>`; the feature wins."""
    defaults = raw.get("defaults")
    if not isinstance(defaults, Mapping):
        return raw
    merged = dict(raw)
    for key, sections in (("input_features", INPUT_SECTIONS), ("output_features", OUTPUT_SECTIONS)):
        if isinstance(raw.get(key), list):
            merged[key] = [_over_defaults(feature, defaults, sections) for feature in raw[key]]
    return merged


def _over_defaults(feature: Any, defaults: Mapping[str, Any], sections: tuple[str, ...]) -> Any:
    of_type = defaults.get(str(feature.get("type"))) if isinstance(feature, Mapping) else None
    if not isinstance(of_type, Mapping):
        return feature
    result = dict(feature)
    for section in sections:
        if of_type.get(section) is not None:
            result[section] = _over(of_type[section], feature.get(section))
    return result


def _over(default: Any, own: Any) -> Any:
    """The feature's section over the default one; of another type, it stands alone."""
    if own is None:
        return default
    default, own = _section(default), _section(own)
    if not isinstance(default, Mapping) or not isinstance(own, Mapping):
        return own
    if "type" in own and own["type"] != default.get("type"):
        return own
    return merged(default, own)


def _section(value: Any) -> Any:
    return {"type": value} if isinstance(value, str) else value


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Key by key, deeply; `over` wins."""
    result = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merged(result[key], value) if both else value
    return result
