"""From what a user wrote to a checked config: upgrade, defaults, schema, cross-checks, in this order."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import marshmallow as ma

from ludwig.config.checks import deciding_field, faults_between
from ludwig.config.defaults import merge_defaults
from ludwig.config.model_config import CONFIGS, ModelConfig
from ludwig.config.presets import with_preset
from ludwig.config.search import faults_of_search
from ludwig.config.upgrade import upgraded
from ludwig.config.upgrade_sections import todays_word
from ludwig.config.upgrade_texts import raise_length_limits
from ludwig.error import nearest
from ludwig.schema import load, plain_section
from ludwig.schema.report import faults_of, raise_all


def load_config(raw: Mapping[str, Any], *, is_saved: bool = False) -> ModelConfig:
    """Checks a raw config and builds it.

    Args:
        is_saved: It is that of a saved model, which needs none of the foreign files that a fresh run starts from.

    Raises:
        ConfigValidationError: with every fault at once, each with its path.
    """
    todays = upgraded(plain_section(raw))
    config = merge_defaults(with_preset(todays))
    raise_length_limits(config)
    model_type = config.get("model_type", "ecd")
    if not isinstance(model_type, str) or model_type not in CONFIGS:
        text = (
            f"There is no model type '{model_type}'.{nearest(model_type, CONFIGS)} Choose one of: {', '.join(CONFIGS)}."
        )
        raise_all([("model_type", text)])
    try:
        loaded = load(CONFIGS[model_type], config)
    except ma.ValidationError as error:
        raise_all([(path, todays_word(path, text)) for path, text in faults_of(error.messages)])
        raise  # there is always a fault, so this is never reached
    loaded = loaded.completed(config)
    raise_all([*faults_between(loaded), *([] if is_saved else loaded.faults_of_origins())])
    if loaded.hyperopt is not None and not is_saved:
        without = {key: section for key, section in todays.items() if key != "hyperopt"}
        raise_all(faults_of_search(without, loaded.hyperopt, load_config))
    return _with_validation(loaded)


def _with_validation(config: ModelConfig) -> ModelConfig:
    """The output and the metric that decide, spelled out: by default the loss of all outputs."""
    field, metric = deciding_field(config), config.trainer.validation_metric
    if metric is None:
        reported = {} if config.trainer.trains else {f.name: f.default_metric for f in config.output_features}
        metric = reported.get(field, "loss")
    trainer = dataclasses.replace(config.trainer, validation_field=field, validation_metric=metric)
    return dataclasses.replace(config, trainer=trainer)
