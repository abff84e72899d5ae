"""Spellings of older configs, and keys that other programs write into rendered ones, before the schema looks.

Each function takes the raw config, changes it in place and knows one matter.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from ludwig.config.upgrade_idle import drop_idle_options
from ludwig.config.upgrade_off import drop_encoders_of_prompts, drop_off_values
from ludwig.config.upgrade_search import upgrade_search
from ludwig.config.upgrade_sections import SECTION_UPGRADES
from ludwig.config.upgrade_texts import TEXT_UPGRADES
from ludwig.data.names import sanitize
from ludwig.decoders.base import DECODERS
from ludwig.encoders.base import ENCODERS
from ludwig.features.base import FEATURES
from ludwig.losses.base import LOSSES

Raw = dict[str, Any]

# Keys that a rendered config carries although only a program fills them in.
INTERNAL_OF_FEATURE = ("active", "proc_column", "input_size", "num_classes", "default_validation_metric", "horizon")
INTERNAL_OF_ENCODER: tuple[str, ...] = (
    "skip",
    "vocab",
    "should_embed",
    "input_size",
    "max_sequence_length",
    "vocab_size",
    "str2idf",
)
INTERNAL_OF_ENCODER += ("height", "width", "saved_weights_in_checkpoint", "num_channels")
INTERNAL_OF_DECODER: tuple[str, ...] = ("input_size", "num_classes", "vocab_size", "max_sequence_length")
INTERNAL_OF_DECODER += ("height", "width", "num_channels")
INTERNAL_OF_PREPROCESSING = ("computed_fill_value", "computed_outlier_fill_value", "compute_idf")

# Options of other versions that do nothing at this value; at another value they are reported as unknown.
OFF_IN_ECD: dict[str, Any] = {"global_max_sequence_length": None}
OFF_IN_TRAINER: dict[str, Any] = {"contrastive_pretrain_epochs": 0}
# Details of those options, which mean nothing while they are off.
DETAILS_OF_OFF = {"contrastive_pretrain_epochs": ("contrastive_pretrain_",)}
OFF_IN_COMPONENT: dict[str, Any] = {
    "adapter": None,
    "quantization": None,
    "model_parameters": None,
    "representation": "dense",
    "calibration": None,
    "cache_encoder_embeddings": False,
    "mc_dropout_samples": 0,
}

SCHEDULER_WORDS = {
    "decay_rate": "decay_rate",
    "decay_steps": "decay_steps",
    "staircase": "staircase",
    "learning_rate_warmup_epochs": "warmup_evaluations",
    "reduce_learning_rate_on_plateau": "reduce_on_plateau",
    "reduce_learning_rate_on_plateau_patience": "reduce_on_plateau_patience",
    "reduce_learning_rate_on_plateau_rate": "reduce_on_plateau_rate",
    "reduce_learning_rate_eval_metric": "reduce_eval_metric",
    "reduce_learning_rate_eval_split": "reduce_eval_split",
}
BIAS_WORDS = ("bias", "conv_bias", "default_bias")
FC_WORDS: tuple[str, ...] = ("fc_layers", "output_size", "use_bias", "activation", "norm", "norm_params", "dropout")
FC_WORDS += ("weights_initializer", "bias_initializer")


def upgraded(raw: Mapping[str, Any]) -> Raw:
    """The config in today's words; the given one is not changed."""
    config = copy.deepcopy(dict(raw))
    for upgrade in UPGRADES:
        upgrade(config)
    return config


def _features(config: Raw, *keys: str) -> list[Raw]:
    found = []
    for key in keys or ("input_features", "output_features"):
        if isinstance(config.get(key), list):
            found += [feature for feature in config[key] if isinstance(feature, dict)]
    return found


def _under(section: Raw, key: str, values: Raw) -> None:
    """Puts the values into a section of the section, under what stands there; a wrong one is left to the schema."""
    own = section.get(key)
    if isinstance(own, dict) or own is None:
        section[key] = {**values, **(own or {})}
    elif isinstance(own, str):
        section[key] = {**values, "type": own}


def rename_training(config: Raw) -> None:
    """`training` is `trainer`."""
    if "training" in config and "trainer" not in config:
        config["trainer"] = config.pop("training")


def rename_types(config: Raw) -> None:
    """`numerical` is `number`."""
    for feature in _features(config):
        if feature.get("type") == "numerical":
            feature["type"] = "number"
    defaults = config.get("defaults")
    if isinstance(defaults, dict) and "numerical" in defaults and "number" not in defaults:
        defaults["number"] = defaults.pop("numerical")


def clean_names(config: Raw) -> None:
    """Characters that paths and tables cannot bear become `_`, wherever a feature or a column is named."""
    for feature in _features(config):
        _clean(feature, "name", "column", "tied")
        _clean(feature.get("preprocessing"), "group")
        if isinstance(feature.get("dependencies"), list):
            feature["dependencies"] = [sanitize(name) for name in feature["dependencies"]]
    _clean(config.get("trainer"), "validation_field", "sample_weight")
    combiner = config.get("combiner")
    _clean(combiner, "main_sequence_feature")
    for entity in ("entity_1", "entity_2"):
        if isinstance(combiner, dict) and isinstance(combiner.get(entity), list):
            combiner[entity] = [sanitize(name) for name in combiner[entity]]
    preprocessing = config.get("preprocessing")
    _clean(preprocessing, "stratify")
    _clean(preprocessing.get("split") if isinstance(preprocessing, dict) else None, "column")


def names_as_written(raw: Mapping[str, Any]) -> dict[str, str]:
    """The names of columns as the user wrote them, by the names that they have here, where these differ."""
    features = _features(dict(raw))
    names = [feature.get("column") or feature.get("name") for feature in features]
    sections = [feature.get("preprocessing") for feature in features]
    names += [section.get("group") for section in sections if isinstance(section, Mapping)]
    trainer = raw.get("trainer")
    names.append(trainer.get("sample_weight") if isinstance(trainer, Mapping) else None)
    return {sanitize(name): name for name in names if isinstance(name, str) and sanitize(name) != name}


def _clean(section: Any, *keys: str) -> None:
    for key in keys:
        if isinstance(section, dict) and isinstance(section.get(key), str):
            section[key] = sanitize(section[key])


def spell_out_columns(config: Raw) -> None:
    """A feature's column is called as the feature, unless `column` is set."""
    for feature in _features(config):
        if feature.get("column") is None and isinstance(feature.get("name"), str):
            feature["column"] = feature["name"]


def sections_for_words(config: Raw) -> None:
    """`encoder: name` is a section with that type."""
    for feature in _features(config):
        for key in ("encoder", "decoder", "loss"):
            if isinstance(feature.get(key), str):
                feature[key] = {"type": feature[key]}
    if isinstance(config.get("combiner"), str):
        config["combiner"] = {"type": config["combiner"]}
    if isinstance(config.get("backend"), str):
        config["backend"] = {"type": config["backend"]}


def nest_options_of_features(config: Raw) -> None:
    """Options of an encoder or a decoder that stand directly on the feature move into its section."""
    for feature in _features(config, "input_features"):
        _nest(feature, "encoder", _options(ENCODERS, feature, "encoder"))
    for feature in _features(config, "output_features"):
        decoder = _options(DECODERS, feature, "decoder")
        if not decoder:
            continue
        _nest(
            feature, "decoder", decoder | {option: f"fc_{option}" for option in FC_WORDS if f"fc_{option}" in decoder}
        )
        _nest(feature, "loss", {})


def _options(registry: Any, feature: Raw, section: str) -> dict[str, str]:
    """The options of the feature's component, each under its own name; none where that cannot be inferred."""
    kind, own = feature.get("type"), feature.get(section)
    named = own.get("type") if isinstance(own, dict) else None
    names = [named] if named else registry.names(kind) if kind in FEATURES.names() else []
    options: dict[str, str] = {}
    for name in names:
        if name in registry.words(kind):
            options |= {field.name: field.name for field in dataclasses.fields(registry.get(name, kind).Config)}
    return options


STAYS = frozenset({"name", "type", "column", "tied", "preprocessing", "encoder", "decoder", "loss", "dependencies"})
STAYS |= {"reduce_input", "reduce_dependencies", "clip", "threshold", "top_k", "calibration", "softmax", "vector_size"}


def _nest(feature: Raw, section: str, options: Mapping[str, str]) -> None:
    for option in [key for key in feature if key in options and key not in STAYS]:
        own = feature.setdefault(section, {})
        if isinstance(own, dict):
            own.setdefault(options[option], feature.pop(option))


def rename_bias(config: Raw) -> None:
    """`bias` is `use_bias`."""
    holders = [*_features(config), *_defaults(config)]
    sections = [
        config.get("combiner"),
        *holders,
        *(each.get(key) for each in holders for key in ("encoder", "decoder")),
    ]
    for section in [each for each in sections if isinstance(each, dict)]:
        layers = [section.get(key) for key in ("fc_layers", "conv_layers")]
        for part in [section, *(each for listed in layers if isinstance(listed, list) for each in listed)]:
            for old in [key for key in BIAS_WORDS if isinstance(part, dict) and key in part]:
                part[old.replace("bias", "use_bias")] = part.pop(old)


def move_preprocessing_of_types(config: Raw) -> None:
    """`preprocessing.<type>` is `defaults.<type>.preprocessing`."""
    preprocessing = config.get("preprocessing")
    if not isinstance(preprocessing, dict):
        return
    for kind in [key for key in preprocessing if key in FEATURES.words()]:
        moved, name = preprocessing.pop(kind), "number" if kind == "numerical" else kind
        defaults = config.setdefault("defaults", {})
        of_type = defaults.setdefault(name, {}) if isinstance(defaults, dict) else None
        if isinstance(of_type, dict):
            if isinstance(moved, dict):
                _under(of_type, "preprocessing", moved)
            else:  # which the schema refuses
                of_type["preprocessing"] = moved


def rename_split(config: Raw) -> None:
    """`split_probabilities`, `stratify` and `force_split` are parts of `split`."""
    preprocessing = config.get("preprocessing")
    if not isinstance(preprocessing, dict):
        return
    split: Raw = {}
    if "split_probabilities" in preprocessing:
        split["probabilities"] = preprocessing.pop("split_probabilities")
    if preprocessing.get("stratify"):
        split |= {"type": "stratify", "column": preprocessing["stratify"]}
    if preprocessing.get("force_split"):
        split.setdefault("type", "random")
    preprocessing.pop("stratify", None)
    preprocessing.pop("force_split", None)
    if split:
        _under(preprocessing, "split", split)


def rename_missing_strategies(config: Raw) -> None:
    """`backfill` is `bfill`, `pad` is `ffill`."""
    for feature in [*_features(config), *_defaults(config)]:
        section = feature.get("preprocessing")
        if isinstance(section, dict):
            old = section.get("missing_value_strategy")
            section |= {
                "backfill": {"missing_value_strategy": "bfill"},
                "pad": {"missing_value_strategy": "ffill"},
            }.get(str(old), {})


def move_vector_size(config: Raw) -> None:
    """The size of a vector output is a matter of how its column is read."""
    for feature in _features(config, "output_features"):
        if feature.get("type") == "vector" and "vector_size" in feature:
            size = feature.pop("vector_size")
            if size is not None:
                _under(feature, "preprocessing", {"vector_size": size})


def move_learning_rate_options(config: Raw) -> None:
    """Options of the schedule that stood on the trainer move into its section."""
    trainer = config.get("trainer")
    if not isinstance(trainer, dict):
        return
    moved = {new: trainer.pop(old) for old, new in SCHEDULER_WORDS.items() if old in trainer}
    if "decay" in trainer:
        decay = trainer.pop("decay")
        moved["decay"] = "exponential" if decay is True else decay or None
    if moved:
        _under(trainer, "learning_rate_scheduler", moved)
    if "increase_batch_size_on_plateau_max" in trainer:
        trainer.setdefault("max_batch_size", trainer.pop("increase_batch_size_on_plateau_max"))
    if trainer.get("eval_batch_size") == 0:
        trainer["eval_batch_size"] = None
    if trainer.get("learning_rate_scheduler", ...) is None:
        del trainer["learning_rate_scheduler"]
    if config.get("model_type", "ecd") == "ecd":
        trainer.pop("type", None)


def drop_gone_optimizer_options(config: Raw) -> None:
    """Choices that optimizers of 8 bits no longer offer."""
    trainer = config.get("trainer")
    optimizer = trainer.get("optimizer") if isinstance(trainer, dict) else None
    if isinstance(optimizer, dict):
        optimizer.pop("block_wise", None)
        if optimizer.get("percentile_clipping") == 100:  # which never clipped
            del optimizer["percentile_clipping"]


def drop_odd_class_weights(config: Raw) -> None:
    """Class weights that are neither a list nor a dict were never used."""
    for feature in _features(config, "output_features"):
        loss = feature.get("loss")
        if isinstance(loss, dict) and not isinstance(loss.get("class_weights"), list | dict | None):
            loss["class_weights"] = None


def drop_internal_keys(config: Raw) -> None:
    """Keys that only a program fills in."""
    config.pop("ludwig_version", None)
    if config.get("preset", ...) is None:
        del config["preset"]
    for feature in _features(config):
        _drop(feature, INTERNAL_OF_FEATURE)
    for feature in [*_features(config), *_defaults(config)]:
        for key, internal in (
            ("encoder", INTERNAL_OF_ENCODER),
            ("decoder", INTERNAL_OF_DECODER),
            ("preprocessing", INTERNAL_OF_PREPROCESSING),
        ):
            section = feature.get(key)
            if isinstance(section, dict):
                present = [name for name in internal if name in section]
                own = _own_options(feature, key, section) if present else frozenset()
                _drop(section, tuple(name for name in present if name not in own))


def _own_options(feature: Raw, key: str, section: Raw) -> frozenset[str]:
    """Options that the section's component really has, which are no internal keys then."""
    registry: Any = {"encoder": ENCODERS, "decoder": DECODERS, "loss": LOSSES}.get(key)
    kind, name = str(feature.get("type")), str(section.get("type"))
    if key == "preprocessing" and kind in FEATURES.words():
        return frozenset(field.name for field in dataclasses.fields(FEATURES.get(kind).Config))
    if registry is None or name not in registry.words(kind):
        return frozenset()
    return frozenset(field.name for field in dataclasses.fields(registry.get(name, kind).Config))


def drop_what_is_off(config: Raw) -> None:
    """Options that do nothing at the value they have."""
    trainer = config.get("trainer")
    if isinstance(trainer, dict):
        for option, off in OFF_IN_TRAINER.items():
            if trainer.get(option, off) == off:
                trainer.pop(option, None)
                for prefix in DETAILS_OF_OFF.get(option, ()):
                    for detail in [key for key in trainer if key.startswith(prefix)]:
                        del trainer[detail]
    for feature in [*_features(config), *_defaults(config)]:
        _drop_if_off(feature, STAYS)
        for key in ("encoder", "decoder", "preprocessing"):
            section = feature.get(key)
            if isinstance(section, dict):
                _drop_if_off(section, _own_options(feature, key, section))
    preprocessing = config.get("preprocessing")
    if isinstance(preprocessing, dict) and config.get("model_type", "ecd") == "ecd":
        for option, off in OFF_IN_ECD.items():
            if preprocessing.get(option, off) == off:
                preprocessing.pop(option, None)
    backend = config.get("backend")
    if isinstance(backend, dict) and not _is_given(backend.get("credentials", ...)):
        del backend["credentials"]


def _drop_if_off(section: Raw, own: frozenset[str]) -> None:
    for option, off in OFF_IN_COMPONENT.items():
        if option not in own and option in section and section[option] == off:
            del section[option]


def _is_given(value: Any) -> bool:
    """Whether there is anything in it."""
    return any(map(_is_given, value.values())) if isinstance(value, dict) else value is not None


def _defaults(config: Raw) -> list[Raw]:
    defaults = config.get("defaults")
    if not isinstance(defaults, dict):
        return []
    return [section for section in defaults.values() if isinstance(section, dict)]


def _drop(section: Raw, keys: tuple[str, ...]) -> None:
    for key in keys:
        section.pop(key, None)


UPGRADES: tuple[Callable[[Raw], None], ...] = (
    rename_training,
    upgrade_search,
    rename_types,
    clean_names,
    spell_out_columns,
    sections_for_words,
    drop_internal_keys,
    *SECTION_UPGRADES,
    rename_bias,
    nest_options_of_features,
    move_preprocessing_of_types,
    *TEXT_UPGRADES,
    rename_split,
    rename_missing_strategies,
    move_vector_size,
    move_learning_rate_options,
    drop_gone_optimizer_options,
    drop_odd_class_weights,
    drop_what_is_off,
    drop_idle_options,
    drop_off_values,
    drop_encoders_of_prompts,
)
