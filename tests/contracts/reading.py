"""Which options of a section are read, found on the syntax trees of the code that is handed the section.

The readers of a section are the modules of its Config and of its component, with the bases of both, and those of the
functions and classes that these hand the section to: `Stopping(config)`, `filled(LayerSpec, self, "fc_")`.

In them an option counts as read

- as an attribute of anything but `self`: `config.num_layers`, `feature.encoder`; an attribute of `self` is an option
  only in the class of the section itself;
- by `filled(Spec, section, prefix)`, where the spec has a field of its name that no option with the prefix fills;
- where the section or its component goes through all fields: `for field in dataclasses.fields(self)`;
- anywhere, as an option of what such a section is called: `loss.weight`, `feature.tied`.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import importlib
import inspect
import sys
import typing
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

HANDED = {"config", "options", "section", "limits"}  # what a section is called where it is handed on
FOREIGN = ("torch", "transformers", "typing", "abc", "builtins", "dataclasses", "collections")


@functools.cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(Path(str(importlib.import_module(module).__file__)).read_text(encoding="utf-8"))


def modules_of(cls: type[Any]) -> set[str]:
    """Where a class and its bases stand."""
    return {base.__module__ for base in cls.__mro__ if base.__module__.partition(".")[0] not in FOREIGN}


def owner_of(section: type[Any]) -> tuple[type[Any], ...]:
    """The component that the section belongs to, with its bases."""
    owner = getattr(section, "owner", None)
    return owner.__mro__ if inspect.isclass(owner) else ()


def readers(section: type[Any], holder: type[Any] | None = None) -> set[str]:
    """The modules that read a section; `holder`: the section that it is nested in."""
    waiting = modules_of(section).union(*map(modules_of, owner_of(section)))
    if holder is not None:
        waiting |= readers(holder)
    found: set[str] = set()
    while waiting:
        module = waiting.pop()
        found.add(module)
        waiting |= handed_to(module) - found
    return found


@functools.cache
def handed_to(module: str) -> frozenset[str]:
    """The modules whose functions and classes a module hands its section to."""
    calls = (node for node in ast.walk(tree_of(module)) if isinstance(node, ast.Call))
    given = (call for call in calls if any(map(is_section, [*call.args, *(k.value for k in call.keywords)])))
    places = (called(call.func, sys.modules[module]) for call in given)
    return frozenset(place for place in places if place.partition(".")[0] == module.partition(".")[0])


def is_section(node: ast.expr) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return name in HANDED


def called(function: ast.expr, module: ModuleType) -> str:
    """The module of what is called; empty where the name alone does not determine it."""
    names = []
    while isinstance(function, ast.Attribute):
        names.append(function.attr)
        function = function.value
    if not isinstance(function, ast.Name):
        return ""
    found: Any = module
    for name in (function.id, *reversed(names)):
        found = getattr(found, name, None)
    return getattr(found, "__module__", None) or ""


def unread(section: type[Any], holder: type[Any] | None = None, words: tuple[str, ...] = ()) -> list[str]:
    """The options that nobody reads; `words`: what such a section is called, as a loss is in `loss.weight`."""
    own = {(base.__module__, base.__qualname__) for base in section.__mro__}
    component = {(base.__module__, base.__qualname__) for base in owner_of(section)}
    at_home = modules_of(section)
    options = {field.name for field in dataclasses.fields(section)}
    read: set[str] = set()
    for module in readers(section, holder):
        for scope, node in nodes_of(module):
            place = Place(module, (module, scope) in own, (module, scope) in own | component, module in at_home)
            read |= set(read_by(node, place, options))
    return sorted(name for name in options - read if not any((word, name) in spoken() for word in words))


@functools.cache
def spoken() -> frozenset[tuple[str, str]]:
    """Every `word.name` of all modules under ludwig/."""
    found = set()
    for module in [name for name in sys.modules if name.startswith("ludwig.")]:
        for node in ast.walk(tree_of(module)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute | ast.Name):
                held = node.value
                found.add((held.attr if isinstance(held, ast.Attribute) else held.id, node.attr))
    return frozenset(found)


def nested(section: type[Any]) -> Iterator[tuple[type[Any], type[Any]]]:
    """(section, the one that it is nested in) of all plain sections in a section, at any depth."""
    hints = typing.get_type_hints(section, include_extras=True)
    for field in dataclasses.fields(section):
        for inner in plain(hints[field.name]):
            yield inner, section
            yield from nested(inner)


def plain(hint: Any) -> Iterator[type[Any]]:
    """The dataclasses in a type hint, those aside that are components'."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        yield hint
    elif typing.get_origin(hint) is not typing.Annotated:
        for part in typing.get_args(hint):
            yield from plain(part)


@functools.cache
def nodes_of(module: str) -> tuple[tuple[str, ast.AST], ...]:
    """Those nodes of a module that can read an option."""
    return tuple(pair for pair in scoped(tree_of(module)) if isinstance(pair[1], READING))


READING = (ast.Attribute, ast.Call, ast.comprehension, ast.For)


def scoped(tree: ast.AST, scope: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Every node with the qualified name of the class that it stands in."""
    for node in ast.iter_child_nodes(tree):
        inner = f"{scope}.{node.name}".lstrip(".") if isinstance(node, ast.ClassDef) else scope
        yield inner, node
        yield from scoped(node, inner)


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a node stands."""

    module: str
    in_section: bool  # in the class of the section
    in_component: bool  # there, or in that of its component
    in_module: bool  # in the module of the section's class


def read_by(node: ast.AST, at: Place, options: set[str]) -> Iterator[str]:
    """What a node reads of the options."""
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and (at.in_section or not of_self(node)):
        yield node.attr
    if isinstance(node, ast.Call) and called_name(node) == "filled":
        spec = getattr(sys.modules[at.module], ast.unparse(node.args[0]))
        prefix = ast.literal_eval(node.args[2]) if len(node.args) > 2 else ""
        for field in dataclasses.fields(spec):
            yield prefix + field.name if prefix + field.name in options else field.name
    if isinstance(node, ast.Call) and text_of(node.func) == "dataclasses.asdict" and is_section(node.args[0]):
        yield from options if at.in_module else ()
    if at.in_component and isinstance(node, ast.comprehension | ast.For) and text_of(node.iter) in EVERY_FIELD:
        yield from options


text_of = functools.cache(ast.unparse)  # as the nodes of a module are looked at for each section that it reads
EVERY_FIELD = ("dataclasses.fields(self)", "dataclasses.fields(self.config)")


def of_self(node: ast.Attribute) -> bool:
    """Whether it is `self.name`, or what a module of the component has: `self.table.weight`."""
    held = node.value
    while isinstance(held, ast.Attribute):
        if held.attr in HANDED:
            return False
        held = held.value
    return isinstance(held, ast.Name) and held.id == "self"


def called_name(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""
