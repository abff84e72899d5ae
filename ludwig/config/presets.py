"""Presets: named sections that a config starts from, each a measured step from speed to quality (docs/quality.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Section = dict[str, Any]

PRESETS: dict[str, Section] = {
    "medium_quality": {},
    "high_quality": {"ensemble_size": 4},
    "best_quality": {"ensemble_size": 8, "trainer": {"refit": True}},
    "tabular_realmlp": {
        "combiner": {"type": "concat", "num_fc_layers": 4, "output_size": 256, "dropout": 0.15},
        "defaults": {"number": {"preprocessing": {"normalization": "iq"}}},
        "trainer": {
            "epochs": 300,
            "early_stop": 40,
            "batch_size": 256,
            "learning_rate": 0.0005,
            "optimizer": {"type": "adamw", "weight_decay": 0.01},
            "learning_rate_scheduler": {"decay": "cosine"},
        },
    },
}


def with_preset(config: Section) -> Section:
    """The config over the preset that it names: what the user writes wins, key by key."""
    preset = config.get("preset")
    start = PRESETS.get(preset) if isinstance(preset, str) else None  # another value is left for the schema to refuse
    return config if start is None else _over(start, config)


def _over(start: Mapping[str, Any], given: Mapping[str, Any]) -> Section:
    """Sections of another type, or that are no sections, replace the whole."""
    merged = {**start, **given}
    for key, before in start.items():
        value = given.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping) and _is_of(before, value):
            merged[key] = _over(before, value)
    return merged


def _is_of(before: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    """Whether the section is of the same type, or names none."""
    return "type" not in value or value["type"] == before.get("type", value["type"])
