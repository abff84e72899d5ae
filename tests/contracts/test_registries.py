"""Every registry has a contract: test_configs where components have options, else a module with it in CONTRACTS."""

from __future__ import annotations

import importlib
import pkgutil

import tests.contracts
from tests.contracts.registries import components, configurable, registries


def test_every_registry_has_a_contract():
    modules = [info.name for info in pkgutil.iter_modules(tests.contracts.__path__) if info.name.startswith("test_")]
    held = [getattr(importlib.import_module(f"tests.contracts.{name}"), "CONTRACTS", ()) for name in modules]
    covered = {id(registry) for each in held for registry in each}
    without_options = {each.registry for each in components()} - {each.registry for each in configurable()}
    missing = [name for name in sorted(without_options) if id(registries()[name]) not in covered]
    assert missing == [], "add a module with the contract of these registries to tests/contracts"


def test_no_two_components_have_one_name():
    names = [str(each) for each in components()]
    assert len(set(names)) == len(names)


def test_registries_are_found_in_every_room():
    """A few that cannot go unnoticed, in rooms of different depth."""
    assert {"ENCODERS", "METRICS", "OPTIMIZERS", "ADAPTERS", "PROMPTS", "BACKENDS"} <= {*registries()}
