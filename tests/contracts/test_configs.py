"""What holds for the options of every component that a config can name."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

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


def sections(config_class: type[Any]) -> list[type[Any]]:
    """The section and the plain sections nested in it."""
    hints = [field.default_factory for field in dataclasses.fields(config_class)]
    return [config_class, *(hint for hint in hints if dataclasses.is_dataclass(hint))]


def test_every_knob_has_a_sentence_of_help(config_class):
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


@pytest.mark.parametrize("model_type", sorted(CONFIGS))
def test_every_section_of_the_whole_config_has_help(model_type):
    for field in dataclasses.fields(CONFIGS[model_type]):
        assert field.metadata.get("help", "").endswith("."), field.name
