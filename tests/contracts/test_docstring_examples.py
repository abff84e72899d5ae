"""The YAML example in the docstring of every component that a config names loads, and names the component."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import pytest
import yaml

from ludwig.combiners import COMBINERS
from ludwig.data.split import SPLITTERS
from ludwig.decoders import DECODERS
from ludwig.decoders.extractors import EXTRACTORS
from ludwig.features import FEATURES
from ludwig.losses import LOSSES
from ludwig.models.ecd.input_base import INPUTS
from ludwig.outputs import OUTPUTS
from ludwig.pretrained import ADAPTERS
from ludwig.schema import Registry, load
from ludwig.training import TRAINERS


def named(registry: Registry[Any]) -> list[tuple[str, str]]:
    return sorted((kind, name) for kind, name, _ in registry)


def example(component: type[Any]) -> Any:
    """The YAML in the docstring."""
    found = re.search(r"```yaml\n(.*?)```", component.__doc__ or "", re.DOTALL)
    assert found, f"{component.__qualname__} has no example"
    return yaml.safe_load(textwrap.dedent(found[1]))


def loaded(component: type[Any], section: dict[str, Any], name: str) -> Any:
    """The section as the component's options, without what names it."""
    assert section.pop("type") == name
    return load(component.Config, section)


@pytest.mark.parametrize(("kind", "name"), named(COMBINERS))
def test_a_combiner(kind, name):
    component = COMBINERS.get(name, kind)
    raw = example(component)["combiner"]
    names = [*raw.get("entity_1", ["a"]), *raw.get("entity_2", ["b"])]  # the inputs that it names, or any
    config = loaded(component, raw, name)
    others = ["vector"] * (len(names) - 1)
    assert any(not config.faults([first, *others], names) for first in ("vector", "sequence"))


@pytest.mark.parametrize(("kind", "name"), named(SPLITTERS))
def test_a_split(kind, name):
    component = SPLITTERS.get(name, kind)
    assert not loaded(component, example(component)["preprocessing"]["split"], name).faults()


@pytest.mark.parametrize(("kind", "name"), named(ADAPTERS))
def test_an_adapter(kind, name):
    component = ADAPTERS.get(name, kind)
    loaded(component, example(component)["adapter"], name)


@pytest.mark.parametrize(("registry", "part"), [(DECODERS, "decoder"), (EXTRACTORS, "decoder"), (LOSSES, "loss")])
def test_a_part_of_an_output(registry, part):
    for kind, name in named(registry):
        component = registry.get(name, kind)
        raw = example(component)
        model_type = "llm" if registry is EXTRACTORS or kind == "llm" else "ecd"
        output = raw.pop("type")
        assert registry.get(raw[part]["type"], kind) is component
        if (model_type, output) in named(OUTPUTS):
            config = load(OUTPUTS.get(output, model_type).Config, raw)
            assert getattr(config, part).type == name
            assert not config.faults()
        else:  # a loss of an output type that is still to come
            loaded(component, raw[part], name)


@pytest.mark.parametrize(("model_type", "kind"), named(OUTPUTS))
def test_an_output(model_type, kind):
    component = OUTPUTS.get(kind, model_type)
    config = loaded(component, example(component), kind)
    assert not config.faults()


@pytest.mark.parametrize(("_", "kind"), named(FEATURES))
def test_a_feature(_, kind):
    raw = example(FEATURES.get(kind))
    assert raw.pop("type") == kind
    section = INPUTS.get(kind) if kind in INPUTS.names() else OUTPUTS.get(kind, "ecd")  # some are outputs only
    assert not load(section.Config, raw).preprocessing.faults()


@pytest.mark.parametrize(("model_type", "name"), named(TRAINERS))
def test_a_trainer(model_type, name):
    component = TRAINERS.get(name, model_type)
    assert not loaded(component, example(component)["trainer"], name).faults()
