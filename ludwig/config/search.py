"""The parameters of a search in the config: where each stands, and whether the config takes its values."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ludwig.data.names import sanitize
from ludwig.error import ConfigValidationError, nearest
from ludwig.hyperopt.config import SearchConfig, Space

Raw = dict[str, Any]
Fault = tuple[str, str]
Check = Callable[[Raw], object]  # raises ConfigValidationError

WHOLE = "."  # the parameter whose values are partial configs
FEATURES = ("input_features", "output_features")
SECTIONS: tuple[str, ...] = ("combiner", "trainer", "preprocessing", "defaults", "model_type", "preset", "backend")
SECTIONS += ("base_model", "prompt", "generation", "adapter", "quantization", "model_parameters")
TRIES = 20  # draws of the other parameters in which a value is tried that the config does not take alone


def with_parameters(raw: Mapping[str, Any], values: Mapping[str, Any]) -> Raw:
    """The config with these values of parameters; the given one is not changed.

    Args:
        values: By the names of the parameters. That of `.` is a partial config, which is merged first.

    Raises:
        LookupError: A name is no place of the config.
    """
    config = copy.deepcopy(dict(raw))
    if WHOLE in values:
        _merge(config, values[WHOLE])
    for name, value in values.items():
        if name != WHOLE:
            _set(config, name, copy.deepcopy(value))
    return config


def _merge(config: Raw, part: Mapping[str, Any]) -> None:
    """Sections are merged key by key, features by their names; other values replace those that stand there."""
    for key, value in part.items():
        own = config.get(key)
        if isinstance(value, Mapping) and isinstance(own, dict):
            _merge(own, value)
        elif key in FEATURES and isinstance(value, list) and isinstance(own, list):
            _merge_features(own, value)
        else:
            config[key] = copy.deepcopy(value)


def _merge_features(own: list[Raw], others: list[Any]) -> None:
    by_name = {feature.get("name"): feature for feature in own if isinstance(feature, dict)}
    for feature in others:
        known = by_name.get(feature.get("name")) if isinstance(feature, Mapping) else None
        if known is None:
            own.append(copy.deepcopy(feature))
        else:
            _merge(known, feature)


def _set(config: Raw, name: str, value: Any) -> None:
    section, path = _section_of(config, name)
    *inner, last = path.split(".")
    for key in inner:
        own = section.get(key)
        if not isinstance(own, dict):  # a bare word stands for a section of that type
            own = section[key] = {"type": own} if isinstance(own, str) else {}
        section = own
    section[last] = value


def _section_of(config: Raw, name: str) -> tuple[Raw, str]:
    """The section that a parameter stands in, the whole config or a feature, and its path there."""
    if name.partition(".")[0] in SECTIONS:
        return config, name
    features = {f["name"]: f for key in FEATURES for f in config.get(key, ()) if isinstance(f, dict) and "name" in f}
    for feature in sorted(features, key=len, reverse=True):
        if sanitize(name[: len(feature)]) == feature and name[len(feature) : len(feature) + 1] == ".":
            return features[feature], name[len(feature) + 1 :]
    if name in features:
        raise LookupError(f"Is a whole feature. Name one of its parameters, such as {name}.encoder.type.")
    first = name.partition(".")[0]
    known = [*features, *SECTIONS]
    raise LookupError(
        f"Begins with '{first}', which is no feature and no section.{nearest(first, known)} Choose one of: "
        f"{', '.join(known)}."
    )


def faults_of_search(raw: Raw, search: SearchConfig, check: Check) -> list[Fault]:
    """(path, message) of parameters that are no place of the config, and of values that it does not take.

    A value that the config does not take beside its own values is tried beside those of the other parameters, for an
    option may belong to one of several components that the search chooses from.

    Args:
        raw: The config without its search.
        check: Raises what a config has for faults.
    """
    places = [(name, text) for name, space in search.spaces.items() for text in _place_faults(raw, name, space)]
    faults = places or list(_value_faults(raw, search, check))
    return [(f"hyperopt.parameters.{name}", text) for name, text in faults]


def _place_faults(raw: Raw, name: str, space: Space) -> Iterator[str]:
    if name == WHOLE:
        if not all(isinstance(value, Mapping) and "hyperopt" not in value for value in space.extremes()):
            yield "Must be a choice or a grid of partial configs, such as {trainer: {learning_rate: 0.01}}."
        return
    try:
        _section_of(raw, name)
    except LookupError as error:
        yield str(error)


def _value_faults(raw: Raw, search: SearchConfig, check: Check) -> Iterator[Fault]:
    spaces = search.spaces
    draws = random.Random(0)
    for name, space in spaces.items():
        for value in space.extremes():
            fault = _fault(raw, {name: value}, check)
            others = [each for each in spaces if each != name]
            tries = TRIES if fault and others else 0
            for _ in range(tries):
                drawn = {each: draws.choice(spaces[each].extremes()) for each in others}
                if _fault(raw, {**drawn, name: value}, check) is None:
                    fault = None
                    break
            if fault:
                shown = f"{value:g}" if isinstance(value, float) else f"{value!r:.100}"
                yield name, f"The config does not take {shown}: {fault}"
                break  # the others are mostly refused for the same reason


def _fault(raw: Raw, values: Mapping[str, Any], check: Check) -> str | None:
    try:
        check(with_parameters(raw, values))
    except ConfigValidationError as error:
        return "; ".join(line.strip() for line in str(error).splitlines()[1:])
    return None
