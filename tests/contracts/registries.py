"""Every registry and every component, found by themselves: whatever a module under ludwig/ defines is there."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import pkgutil
from typing import Any

import ludwig
from ludwig.error import MissingExtraError
from ludwig.schema import ANY, Component, Registry

PROGRAMS = {"ludwig.__main__"}  # importing one runs it


@functools.cache
def registries() -> dict[str, Registry[Any]]:
    """Every registry by the name of the variable that holds it, such as ENCODERS."""
    found: dict[int, tuple[str, Registry[Any]]] = {}
    for info in pkgutil.walk_packages(ludwig.__path__, "ludwig."):
        if info.name in PROGRAMS:
            continue
        try:
            module = importlib.import_module(info.name)
        except (MissingExtraError, ModuleNotFoundError) as error:
            if (getattr(error, "name", None) or "").startswith("ludwig"):
                raise
            continue  # it needs an extra that is not installed
        for name, value in vars(module).items():
            if isinstance(value, Registry):
                other, _ = found.setdefault(id(value), (name, value))
                assert other == name, f"one registry has two names: {other} and {name}"
    named = dict(found.values())
    assert len(named) == len(found), f"two registries have one name: {sorted(name for name, _ in found.values())}"
    return named


@dataclasses.dataclass(frozen=True)
class Named:
    """A component with where it is registered."""

    registry: str  # such as ENCODERS
    kind: str
    name: str
    cls: type[Any]

    def __str__(self) -> str:
        return "-".join([self.registry.lower(), *([] if self.kind == ANY else [self.kind]), self.name])

    @property
    def path(self) -> str:
        """Its file among those of all components: encoders/number.ple."""
        return f"{self.registry.lower()}/{self.name if self.kind == ANY else f'{self.kind}.{self.name}'}"


def components() -> list[Named]:
    """Every component of every registry."""
    found = [Named(at, *entry) for at, registry in registries().items() for entry in registry]
    return sorted(found, key=str)


def configurable() -> list[Named]:
    """Every component that has options."""
    return [each for each in components() if issubclass(each.cls, Component)]
