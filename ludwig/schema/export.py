"""JSON Schema (draft 2020-12) of a config section, for editors and for other programs."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from ludwig.schema.derive import Chosen, Named, dump
from ludwig.schema.params import is_internal
from ludwig.schema.registry import ANY, Component, Registry

_SCALARS = {int: "integer", float: "number", str: "string", bool: "boolean"}
_KEYWORDS = {"min": "minimum", "max": "maximum", "above": "exclusiveMinimum", "below": "exclusiveMaximum"}


@dataclasses.dataclass
class _Sheet:
    """What is drawn: sections that are shared stand once."""

    with_components: bool
    definitions: dict[str, Any] = dataclasses.field(default_factory=dict)


def json_schema(config: type, title: str = "", *, with_components: bool = True) -> dict[str, Any]:
    """The JSON Schema of a config dataclass; shared sections stand once under `$defs`.

    Args:
        with_components: Whether the sections of the components that it may name are drawn as well. Without them a
            reference such as `urn:ludwig:encoder:number` stands in their place, and the schema is that of the
            section's own options.
    """
    sheet = _Sheet(with_components)
    schema = _section(config, sheet)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | ({"title": title} if title else {})
    return {**head, **schema, "$defs": sheet.definitions}


def _section(config: type, sheet: _Sheet, extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
    hints = typing.get_type_hints(config, include_extras=True)
    properties: dict[str, Any] = dict(extra or {})
    required = []
    for field in dataclasses.fields(config):
        if is_internal(field):
            continue
        node = _node(hints[field.name], field.metadata.get("bounds", {}), sheet)
        if field.metadata.get("help"):
            node = {**node, "description": field.metadata["help"]}
        default = _default(field, sheet)
        if default is dataclasses.MISSING:
            required.append(field.name)
        elif default is None or isinstance(default, bool | int | float | str | list | dict):
            node = {**node, "default": default}
        properties[field.name] = node
    section = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**section, "required": required} if required else section


def _default(field: dataclasses.Field[Any], sheet: _Sheet) -> Any:
    """The default; without components that of a section is left out, as it is made of the section's own."""
    if field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
        if isinstance(value, list):
            return [dump(entry) if dataclasses.is_dataclass(entry) else entry for entry in value]
        return dump(value) if dataclasses.is_dataclass(value) and sheet.with_components else value
    return field.default


def _name_of(config: type) -> str:
    return f"{config.__module__.removeprefix('ludwig.')}.{config.__qualname__.removesuffix('.Config')}"


def _reference(config: type, sheet: _Sheet, words: Sequence[str] = (), key: str = "type") -> dict[str, Any]:
    """Declares a section once under its dotted name and points to it; `words` are what its `type` may be."""
    name = f"{_name_of(config)}.{words[0]}" if words else _name_of(config)
    if name not in sheet.definitions:
        sheet.definitions[name] = {}  # stands in while the section is drawn, so that a section may contain itself
        kind = {"const": words[0]} if len(words) == 1 else {"enum": list(words)}
        sheet.definitions[name] = _section(config, sheet, {key: kind} if words else None)
    return {"$ref": f"#/$defs/{name}"}


def _one_of(registry: Registry[Any], kind: str) -> dict[str, Any]:
    """Stands for any component of a kind."""
    return {"$ref": ":".join(["urn:ludwig", registry.role.replace(" ", "-"), *([] if kind == ANY else [kind])])}


def _is_of_component(config: type) -> bool:
    """Whether a section has all the options of a component; that of a target may be one of its own."""
    return issubclass(config, Component.Config) and "owner" in vars(config)  # which registering set


def _chosen(chosen: Chosen, sheet: _Sheet) -> dict[str, Any]:
    if not sheet.with_components:
        default = {} if chosen.default is None else {"default": chosen.default}
        return {**_one_of(chosen.registry, chosen.kind), **default}
    names = chosen.registry.names(chosen.kind)
    sections = []
    for name in names:
        config = chosen.registry.get(name, chosen.kind).Config
        reference = _reference(config, sheet, chosen.registry.words_of(name, chosen.kind), chosen.key)
        needs_type = name != chosen.default
        sections.append({"allOf": [reference], "required": [chosen.key]} if needs_type else reference)
    return {"anyOf": [{"enum": chosen.registry.words(chosen.kind)}, *sections]}


def _named(named: Named, sheet: _Sheet) -> dict[str, Any]:
    if not sheet.with_components:
        return _one_of(named.registry, named.kind)
    return {"enum": named.registry.words(named.kind)}


def _node(hint: Any, bounds: Mapping[str, float], sheet: _Sheet) -> dict[str, Any]:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated and isinstance(args[1], Named):
        return _named(args[1], sheet)
    if origin is Annotated:
        return _chosen(args[1], sheet)
    if origin in (Union, types.UnionType):
        return {"anyOf": [_node(a, bounds, sheet) for a in args]}
    if hint is types.NoneType:
        return {"type": "null"}
    if origin is Literal:
        return {"enum": list(args)}
    if origin is list:
        size = {"minItems": int(bounds["length"]), "maxItems": int(bounds["length"])} if "length" in bounds else {}
        return {"type": "array", "items": _node(args[0], bounds, sheet), **size}
    if origin is tuple:
        if args[-1] is Ellipsis:
            return {"type": "array", "items": _node(args[0], bounds, sheet)}
        entries = [_node(a, bounds, sheet) for a in args]
        return {"type": "array", "prefixItems": entries, "minItems": len(args), "maxItems": len(args)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _node(args[1], bounds, sheet)}
    if dataclasses.is_dataclass(hint):
        section = typing.cast(type, hint)
        if not sheet.with_components and _is_of_component(section):
            return {"$ref": f"urn:ludwig:{_name_of(section)}"}
        return _reference(section, sheet)
    if hint in _SCALARS:
        limits = {_KEYWORDS[name]: value for name, value in bounds.items() if name in _KEYWORDS}
        return {"type": _SCALARS[hint], **(limits if hint in (int, float) else {})}
    return {}
