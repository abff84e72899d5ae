"""What must hold between sections of a config: one small function a rule, each giving (path, message) of its faults."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import marshmallow as ma

from ludwig.config.defaults import INPUT_SECTIONS, OUTPUT_SECTIONS
from ludwig.config.model_config import ModelConfig
from ludwig.error import nearest, with_article
from ludwig.features.base import FEATURES
from ludwig.models.artifacts import FORMAT_KEY
from ludwig.schema import entries_of, load
from ludwig.schema.params import is_internal
from ludwig.schema.report import faults_of

Fault = tuple[str, str]


def faults_between(config: ModelConfig) -> list[Fault]:
    """The faults of all rules."""
    return [fault for rule in RULES for fault in rule(config)]


def at_least_one_feature(config: ModelConfig) -> list[Fault]:
    """A model has an input and an output."""
    return [
        (key, "Needs at least one feature.")
        for key in ("input_features", "output_features")
        if not getattr(config, key)
    ]


def names_are_unique(config: ModelConfig) -> list[Fault]:
    """A name stands for one feature."""
    counts = Counter(feature.name for feature in config.features)
    twice = [name for name, count in counts.items() if count > 1]
    return [
        ("input_features", f"Feature names must be unique. '{name}' is used {counts[name]} times.") for name in twice
    ]


def names_are_there(config: ModelConfig) -> list[Fault]:
    """A feature has a name, and its column too."""
    return [
        (f"{key}[{place}].{option}", "Must not be empty.")
        for key in ("input_features", "output_features")
        for place, feature in enumerate(getattr(config, key))
        for option, name in (("name", feature.name), ("column", feature.source))
        if not name.strip() and (option == "name" or feature.name.strip())
    ]


def names_are_free(config: ModelConfig) -> list[Fault]:
    """No feature has a name that stands for something else where names of features are keys."""
    taken = {"input_features": (FORMAT_KEY,), "output_features": (FORMAT_KEY, "combined")}
    return [
        (f"{key}[{place}].name", f"The name '{feature.name}' is reserved. Choose another one, and set the column.")
        for key, names in taken.items()
        for place, feature in enumerate(getattr(config, key))
        if feature.name in names
    ]


def no_target_is_an_input(config: ModelConfig) -> list[Fault]:
    """A column that is to be predicted is not known beforehand, time series aside."""
    faults = []
    for place, output in enumerate(config.output_features):
        readers = [f for f in config.input_features if f.source == output.source]
        if any(not (reader.feature.may_share_column and output.feature.may_share_column) for reader in readers):
            text = f"The column '{output.source}' is both an input and an output. Remove it from one of them."
            faults.append((f"output_features[{place}].column", text))
    return faults


def tied_inputs_are_alike(config: ModelConfig) -> list[Fault]:
    """An encoder is shared by inputs that are read and encoded alike."""
    by_name = {feature.name: feature for feature in config.input_features}
    faults = []
    for place, feature in enumerate(config.input_features):
        tied = feature.tied
        if tied is None:
            continue
        path = f"input_features[{place}].tied"
        if tied not in by_name or tied == feature.name:
            others = [name for name in by_name if name != feature.name]
            faults.append(
                (path, f"There is no other input '{tied}'.{nearest(tied, others)} Inputs: {', '.join(others)}.")
            )
        elif by_name[tied].tied is not None:
            faults.append((path, f"'{tied}' is tied itself, to '{by_name[tied].tied}'. Tie both to that one."))
        elif any(
            getattr(by_name[tied], part) != getattr(feature, part) for part in ("type", "preprocessing", "encoder")
        ):
            text = (
                f"'{feature.name}' and '{tied}' must have the same type and equal sections preprocessing and encoder."
            )
            faults.append((path, text))
    return faults


def parts_agree_with_themselves(config: ModelConfig) -> list[Fault]:
    """Options of one section that do not go together."""
    faults = [(f"trainer.{name}", text) for name, text in config.trainer.faults()]
    faults += [(f"preprocessing.{name}", text) for name, text in config.preprocessing.faults()]
    faults += [(f"hyperopt.{name}", text) for name, text in (config.hyperopt.faults() if config.hyperopt else ())]
    for key in ("input_features", "output_features"):
        for place, feature in enumerate(getattr(config, key)):
            faults += [(f"{key}[{place}].{name}", text) for name, text in feature.faults()]
    return faults


def balancing_fits(config: ModelConfig) -> list[Fault]:
    """Classes are balanced for one binary output."""
    outputs, preprocessing = config.output_features, config.preprocessing
    fits = len(outputs) == 1 and outputs[0].feature.may_be_balanced
    options = [
        option
        for option in ("oversample_minority", "undersample_majority")
        if getattr(preprocessing, option) is not None
    ]
    return (
        [] if fits else [(f"preprocessing.{option}", "Needs exactly one output, a binary one.") for option in options]
    )


def validation_is_known(config: ModelConfig) -> list[Fault]:
    """The output and the metric that decide exist."""
    field, metric = config.trainer.validation_field, config.trainer.validation_metric
    places = {"output": "trainer.validation_field", "metric": "trainer.validation_metric"}
    return [(places[option], text) for option, text in _faults_of_metric(config, field, metric, places["output"])]


def objectives_are_known(config: ModelConfig) -> list[Fault]:
    """The outputs and the metrics that a search optimizes exist, and evaluations report them."""
    search, faults = config.hyperopt, []
    for place, objective in enumerate([] if search is None else search.wanted):
        path = f"hyperopt.objectives[{place}]" if search and search.objectives else "hyperopt"
        places = {"output": f"{path}.output_feature", "metric": f"{path}.metric"}
        field, metric = objective.output_feature, objective.metric
        found = _faults_of_metric(config, field, metric, places["output"])
        faults += [(places[option], text) for option, text in found]
        deciding = config.trainer.validation_metric or (metric if place == 0 else None)
        if not found and metric not in ("loss", deciding):
            outputs = [f for f in config.output_features if field in (None, f.name) and metric in f.metric_names()]
            if metric not in outputs[0].reported:
                text = f"'{metric}' is reported only where it is trainer.validation_metric. Set that to {metric}."
                faults.append((places["metric"], text))
    return faults


def _faults_of_metric(config: ModelConfig, field: str | None, metric: str | None, option: str) -> list[Fault]:
    """("output" or "metric", message) of a metric that no output has; `option` is where the output is set."""
    by_name = {feature.name: feature for feature in config.output_features}
    if field == "combined":
        wrong = metric not in (None, "loss")
        return [("metric", f"'combined' has only the metric loss. Received: '{metric}'.")] if wrong else []
    if field is not None and field not in by_name:
        names = [*by_name, "combined"]
        text = f"There is no output '{field}'.{nearest(field, names)} Outputs: {', '.join(names)}."
        return [("output", text)]
    if metric is None or metric == "loss":
        return []
    fields = [by_name[field]] if field is not None else list(config.output_features)
    having = [feature.name for feature in fields if metric in feature.metric_names()]
    if not having:
        known = sorted({name for feature in fields for name in feature.metric_names()})
        text = f"No output has the metric '{metric}'.{nearest(metric, known)} Choose one of: {', '.join(known)}."
        return [("metric", text)]
    if len(having) > 1:
        return [("metric", f"Several outputs have the metric '{metric}': {', '.join(having)}. Set {option}.")]
    return []


def preferences_are_one_an_output(config: ModelConfig) -> list[Fault]:
    """A preference between outputs names all of them."""
    given = config.trainer.preference_of_outputs
    count = len(config.output_features)
    if given is None or (len(given) == count and sum(given) > 0):
        return []
    text = f"Must have one number for each of the {count} outputs, one of them above 0. Received: {given}."
    return [("trainer.loss_balancing_preference_vector", text)]


def deciding_field(config: ModelConfig) -> str:
    """The output whose metric selects: the one that is named, or that has the metric; combined where there are more."""
    field, metric, outputs = config.trainer.validation_field, config.trainer.validation_metric, config.output_features
    if field is not None:
        return str(field)
    having = [f.name for f in outputs if metric is not None and metric in f.metric_names()]
    if having:
        return str(having[0])
    return str(outputs[0].name) if len(outputs) == 1 else "combined"


def watched_metrics_are_known(config: ModelConfig) -> list[Fault]:
    """A metric whose plateau changes the learning rate or the batch size is reported in every evaluation."""
    field = deciding_field(config)
    reported = {f.name: ("loss", *f.reported) for f in config.output_features} | {"combined": ("loss",)}
    known = reported.get(str(field), ())
    return [
        (
            f"trainer.{option}",
            f"'{field}' does not report '{metric}'.{nearest(metric, known)} Choose one of: {', '.join(known)}.",
        )
        for option, metric in config.trainer.watched_metrics().items()
        if known and metric not in known
    ]


def split_column_fits(config: ModelConfig) -> list[Fault]:
    """A column of classes is stratified, a column of times is cut."""
    split = config.preprocessing.split
    readers = {feature.source: feature.feature for feature in config.features}
    odd = [column for column in split.columns if column in readers and not split.takes_column_of(readers[column])]
    return [
        (
            "preprocessing.split.column",
            f"'{column}' is {with_article(readers[column].kind)} feature, which a '{split.type}' split cannot use.",
        )
        for column in odd
    ]


def defaults_are_known(config: ModelConfig) -> list[Fault]:
    """Each section of `defaults` could stand on a feature of that type."""
    faults: list[Fault] = []
    for kind, sections in config.defaults.items():
        path = f"defaults.{kind}"
        if kind not in FEATURES.names():
            faults.append((path, f"There is no feature type '{kind}'.{nearest(kind, FEATURES.names())}"))
        elif not isinstance(sections, Mapping):
            faults.append((path, f"Must be a section of keys and values. Received: {sections!r}."))
        else:
            for name, section in sections.items():
                faults += [(f"{path}{at}", text) for at, text in _section_faults(config, kind, name, section)]
    return faults


SIDES = {**dict.fromkeys(INPUT_SECTIONS, "input_features"), **dict.fromkeys(OUTPUT_SECTIONS, "output_features")}


def _section_faults(config: ModelConfig, kind: str, name: str, section: Any) -> list[Fault]:
    """What a feature of that type would report of the section."""
    if name not in SIDES:
        return [(f".{name}", f"Unknown parameter.{nearest(name, SIDES)} Choose one of: {', '.join(SIDES)}.")]
    features = entries_of(type(config), SIDES[name])
    if kind not in features.registry.names(features.kind):
        which = f"{SIDES[name].replace('_', ' ')} of type '{kind}'"
        return [(f".{name}", f"Has no effect: models of this type have no {which}. Remove it.")]
    try:
        load(features.registry.get(kind, features.kind).Config, {"name": "x", name: section})
    except ma.ValidationError as error:
        return [(f".{at}", text) for at, text in faults_of(error.messages)]
    return []


def model_fits_together(config: ModelConfig) -> list[Fault]:
    """The rules of the model type itself."""
    return [*config.faults(), *config.faults_of_training(config.trainer.trains)]


def requirements_are_met(config: ModelConfig) -> list[Fault]:
    """What an encoder or the model depends on is not contradicted by the feature's preprocessing."""
    faults: list[Fault] = []
    for key in ("input_features", "output_features"):
        for place, feature in enumerate(getattr(config, key)):
            options = {field.name: field for field in dataclasses.fields(feature.preprocessing)}
            for name, needed in config.required(feature).items():
                own = getattr(feature.preprocessing, name)
                if own not in (needed, options[name].default) and not is_internal(options[name]):
                    text = f"Must be {needed!r}, because the model needs it. Received: {own!r}. Remove it."
                    faults.append((f"{key}[{place}].preprocessing.{name}", text))
    return faults


RULES: tuple[Callable[[ModelConfig], list[Fault]], ...] = (
    at_least_one_feature,
    names_are_there,
    names_are_unique,
    names_are_free,
    no_target_is_an_input,
    tied_inputs_are_alike,
    parts_agree_with_themselves,
    balancing_fits,
    validation_is_known,
    objectives_are_known,
    preferences_are_one_an_output,
    watched_metrics_are_known,
    split_column_fits,
    defaults_are_known,
    model_fits_together,
    requirements_are_met,
)
