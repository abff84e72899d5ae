"""What holds for the options of every component that a config can name."""

from __future__ import annotations

import copy
import dataclasses
import functools
import importlib
import json
import pickle
import re
import textwrap
from typing import Any

import pytest
import yaml

from ludwig.config import CONFIGS
from ludwig.schema import dump, load
from tests.contracts.reading import nested, unread
from tests.contracts.registries import components, configurable, registries

EVERY = configurable()
CONFIG_CLASSES = [each.cls.Config for each in EVERY]
NEEDED = {  # what a section cannot do without
    "name": "f",
    "column": "c",
    "input_features": [],
    "output_features": [],
    "base_model": "none",
    "lower": 1,
    "upper": 8,
    "q": 2,
    "categories": ["a"],
    "values": [1],
}
UNREAD = {  # options that no code reads, and why they are there
    "TextFeature.Config.prompt": "part of the cache key alone: what is read are the rendered texts",
}


def made(config_class: type[Any]) -> Any:
    """A section with its defaults, and with what it cannot do without."""
    required = [f.name for f in dataclasses.fields(config_class) if f.default is f.default_factory]
    return config_class(**{name: NEEDED[name] for name in required})


def test_defaults_are_valid_and_survive_the_round_trip():
    for config_class in CONFIG_CLASSES:
        config = made(config_class)
        assert load(config_class, json.loads(json.dumps(dump(config)))) == config


def test_a_config_cannot_be_changed():
    for config_class in CONFIG_CLASSES:
        config = made(config_class)
        for field in dataclasses.fields(config_class):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(config, field.name, None)


def test_each_stands_where_its_name_says():
    for cls in (*(each.cls for each in EVERY), *CONFIG_CLASSES):
        owner = importlib.import_module(cls.__module__)
        assert functools.reduce(getattr, cls.__qualname__.split("."), owner) is cls


def test_pickled_and_copied_it_is_the_same():
    for config_class in CONFIG_CLASSES:
        config = made(config_class)
        for again in (pickle.loads(pickle.dumps(config)), copy.deepcopy(config)):
            assert again == config
            assert type(again) is config_class


def test_every_option_has_a_sentence_of_help():
    for config_class in CONFIG_CLASSES:
        for section in (config_class, *(inner for inner, _ in nested(config_class))):
            for field in dataclasses.fields(section):
                text = field.metadata.get("help", "")
                assert text.endswith("."), f"{section.__module__}.{section.__qualname__}.{field.name}: '{text}'"


def declared(section: type[Any], option: str) -> str:
    """The option with the class that declares it first."""
    first = next(base for base in reversed(section.__mro__) if option in getattr(base, "__dataclass_fields__", {}))
    return f"{first.__qualname__}.{option}"


@pytest.mark.parametrize("component", EVERY, ids=str)
def test_every_option_is_read(component):
    words = tuple(registries()[component.registry].role.split())  # what its sections are called: loss, feature
    idle = {declared(component.cls.Config, name) for name in unread(component.cls.Config, words=words)}
    for inner, holder in nested(component.cls.Config):
        idle |= {declared(inner, name) for name in unread(inner, holder)}
    assert idle - UNREAD.keys() == set(), "no code reads these options"


def test_every_component_has_a_docstring():
    assert [str(each) for each in components() if not (each.cls.__dict__.get("__doc__") or "").strip()] == []


def example(component: type[Any]) -> dict[str, Any]:
    """The YAML in the docstring."""
    found = re.search(r"```yaml\n(.*?)```", component.__doc__ or "", re.DOTALL)
    assert found, f"{component.__qualname__} has no example"
    return yaml.safe_load(textwrap.dedent(found[1]))


ENCODERS, INPUTS, OPTIMIZERS, TRAINERS = (registries()[at] for at in ("ENCODERS", "INPUTS", "OPTIMIZERS", "TRAINERS"))


@pytest.mark.parametrize(("kind", "name"), sorted((kind, name) for kind, name, _ in ENCODERS))
def test_the_example_of_an_encoder_is_an_input_feature_that_loads(kind, name):
    raw = example(ENCODERS.get(name, kind))
    of = raw.pop("type")
    assert ENCODERS.get(name, of) is ENCODERS.get(name, kind)
    encoder = load(INPUTS.get(kind if kind in INPUTS.names() else of).Config, raw).encoder
    assert encoder.type == name
    assert not encoder.faults()


@pytest.mark.parametrize("name", OPTIMIZERS.names())
def test_the_example_of_an_optimizer_is_a_trainer_that_loads(name):
    trainer = load(TRAINERS.get("trainer", "ecd").Config, example(OPTIMIZERS.get(name))["trainer"])
    assert trainer.optimizer.type == name
    assert not trainer.faults()


@pytest.mark.parametrize("model_type", sorted(CONFIGS))
def test_every_section_of_the_whole_config_has_help(model_type):
    for field in dataclasses.fields(CONFIGS[model_type]):
        assert field.metadata.get("help", "").endswith("."), field.name
