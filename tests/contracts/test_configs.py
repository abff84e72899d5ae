"""What holds for the options of every component that a config can name."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import pickle
import re
import textwrap
from typing import Any

import pytest
import yaml

from ludwig.backend import BACKENDS
from ludwig.combiners import COMBINERS
from ludwig.config import CONFIGS
from ludwig.data.split import SPLITTERS
from ludwig.decoders import DECODERS
from ludwig.encoders import ENCODERS
from ludwig.features import FEATURES
from ludwig.losses import LOSSES
from ludwig.models.ecd.inputs import INPUTS
from ludwig.outputs import OUTPUTS
from ludwig.schema import Registry, dump, load
from ludwig.training import TRAINERS
from ludwig.training.optim import OPTIMIZERS

REGISTRIES: tuple[Registry[Any], ...] = (
    BACKENDS,
    COMBINERS,
    DECODERS,
    ENCODERS,
    FEATURES,
    INPUTS,
    LOSSES,
    OPTIMIZERS,
    OUTPUTS,
    SPLITTERS,
    TRAINERS,
)
CONFIG_CLASSES = {
    f"{registry.role}-{kind}-{name}": cls.Config for registry in REGISTRIES for kind, name, cls in registry
}
INPUT_CLASSES = {cls for _, _, cls in INPUTS}
NEEDED = {"name": "f"}  # what a section cannot do without


@pytest.fixture(params=sorted(CONFIG_CLASSES))
def config_class(request: pytest.FixtureRequest) -> type[Any]:
    return CONFIG_CLASSES[request.param]


def needed(config_class: type[Any]) -> dict[str, str]:
    return {field.name: NEEDED[field.name] for field in dataclasses.fields(config_class) if field.name in NEEDED}


def test_defaults_are_valid_and_survive_the_round_trip(config_class):
    config = config_class(**needed(config_class))
    assert load(config_class, dump(config)) == config


def test_a_config_cannot_be_changed(config_class):
    config = config_class(**needed(config_class))
    for field in dataclasses.fields(config_class):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(config, field.name, None)


def test_it_stands_where_its_name_says_and_pickles(config_class):
    if config_class.owner in INPUT_CLASSES:
        pytest.skip("the sections of input features are assembled, one a feature type")
    owner = importlib.import_module(config_class.__module__)
    assert functools.reduce(getattr, config_class.__qualname__.split("."), owner) is config_class
    config = config_class(**needed(config_class))
    assert pickle.loads(pickle.dumps(config)) == config


def sections(config_class: type[Any]) -> list[type[Any]]:
    """The section and the plain sections nested in it."""
    hints = [field.default_factory for field in dataclasses.fields(config_class)]
    return [config_class, *(hint for hint in hints if dataclasses.is_dataclass(hint))]


def test_every_option_has_a_sentence_of_help(config_class):
    for section in sections(config_class):
        for field in dataclasses.fields(section):
            text = field.metadata.get("help", "")
            assert text.endswith("."), f"{section.__module__}.{section.__qualname__}.{field.name}: '{text}'"


def test_every_component_says_what_it_is():
    silent = [
        f"{registry.role} '{name}'"
        for registry in REGISTRIES
        for _, name, cls in registry
        if not (cls.__doc__ or "").strip()
    ]
    assert not silent


def example(component: type[Any]) -> dict[str, Any]:
    """The YAML in the docstring."""
    found = re.search(r"```yaml\n(.*?)```", component.__doc__ or "", re.DOTALL)
    assert found, f"{component.__qualname__} has no example"
    return yaml.safe_load(textwrap.dedent(found[1]))


@pytest.mark.parametrize(("kind", "name"), sorted((kind, name) for kind, name, _ in ENCODERS))
def test_the_example_of_an_encoder_is_an_input_feature_that_loads(kind, name):
    raw = example(ENCODERS.get(name, kind))
    assert ENCODERS.get(name, raw.pop("type")) is ENCODERS.get(name, kind)
    encoder = load(INPUTS.get(kind).Config, raw).encoder
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
