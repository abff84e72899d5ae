"""JSON Schema (draft 2020-12) of a config section, for editors and for other programs."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from ludwig.schema.derive import Chosen, Named, dump
from ludwig.schema.params import is_internal

_SCALARS = {int: "integer", float: "number", str: "string", bool: "boolean"}
_KEYWORDS = {"min": "minimum", "max": "maximum", "above": "exclusiveMinimum", "below": "exclusiveMaximum"}


def json_schema(config: type, title: str = "") -> dict[str, Any]:
    """The JSON Schema of a config dataclass; shared sections stand once under `$defs`."""
    definitions: dict[str, Any] = {}
    schema = _section(config, definitions)
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | ({"title": title} if title else {})
    return {**head, **schema, "$defs": definitions}


def _section(config: type, definitions: dict[str, Any], extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
    hints = typing.get_type_hints(config, include_extras=True)
    properties: dict[str, Any] = dict(extra or {})
    required = []
    for field in dataclasses.fields(config):
        if is_internal(field):
            continue
        node = _node(hints[field.name], field.metadata.get("bounds", {}), definitions)
        if field.metadata.get("help"):
            node = {**node, "description": field.metadata["help"]}
        default = _default(field)
        if default is dataclasses.MISSING:
            required.append(field.name)
        elif default is None or isinstance(default, bool | int | float | str | list | dict):
            node = {**node, "default": default}
        properties[field.name] = node
    section = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**section, "required": required} if required else section


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
        return dump(value) if dataclasses.is_dataclass(value) else value
    return field.default


def _reference(config: type, definitions: dict[str, Any], words: Sequence[str] = ()) -> dict[str, Any]:
    """Declares a section once under its dotted name and points to it; `words` are what its `type` may say."""
    name = f"{config.__module__.removeprefix('ludwig.')}.{config.__qualname__.removesuffix('.Config')}"
    name += f".{words[0]}" if words else ""
    if name not in definitions:
        definitions[name] = {}  # stands in while the section is drawn, so that a section may contain itself
        kind = {"const": words[0]} if len(words) == 1 else {"enum": list(words)}
        definitions[name] = _section(config, definitions, {"type": kind} if words else None)
    return {"$ref": f"#/$defs/{name}"}


def _chosen(chosen: Chosen, definitions: dict[str, Any]) -> dict[str, Any]:
    names = chosen.registry.names(chosen.kind)
    sections = []
    for name in names:
        config = chosen.registry.get(name, chosen.kind).Config
        reference = _reference(config, definitions, chosen.registry.words_of(name, chosen.kind))
        needs_type = name != chosen.default
        sections.append({"allOf": [reference], "required": ["type"]} if needs_type else reference)
    return {"anyOf": [{"enum": chosen.registry.words(chosen.kind)}, *sections]}


def _node(hint: Any, bounds: Mapping[str, float], definitions: dict[str, Any]) -> dict[str, Any]:
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated and isinstance(args[1], Named):
        return {"enum": args[1].registry.words(args[1].kind)}
    if origin is Annotated:
        return _chosen(args[1], definitions)
    if origin in (Union, types.UnionType):
        return {"anyOf": [_node(a, bounds, definitions) for a in args]}
    if hint is types.NoneType:
        return {"type": "null"}
    if origin is Literal:
        return {"enum": list(args)}
    if origin is list:
        size = {"minItems": int(bounds["length"]), "maxItems": int(bounds["length"])} if "length" in bounds else {}
        return {"type": "array", "items": _node(args[0], bounds, definitions), **size}
    if origin is tuple:
        if args[-1] is Ellipsis:
            return {"type": "array", "items": _node(args[0], bounds, definitions)}
        entries = [_node(a, bounds, definitions) for a in args]
        return {"type": "array", "prefixItems": entries, "minItems": len(args), "maxItems": len(args)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _node(args[1], bounds, definitions)}
    if dataclasses.is_dataclass(hint):
        return _reference(typing.cast(type, hint), definitions)
    if hint in _SCALARS:
        limits = {_KEYWORDS[name]: value for name, value in bounds.items() if name in _KEYWORDS}
        return {"type": _SCALARS[hint], **(limits if hint in (int, float) else {})}
    return {}
