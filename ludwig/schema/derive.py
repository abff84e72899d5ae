"""Derives the marshmallow schema of a config dataclass from its type hints, so that nobody writes one by hand.

int  float  str  bool  Any          scalars; an int is not taken for a bool, nor a float for an int
Literal["relu", "gelu"]             one of the values
X | None                            X or null
int | Literal["auto"]               the first alternative that accepts the value
list[X]  dict[str, X]               element by element
tuple[X, Y]  tuple[X, ...]          a list of fixed entries, or of any number of them
SomeConfig                          a nested section
Annotated[Encoder.Config, Chosen(ENCODERS, kind="number", default="passthrough")]
                                    a section whose class is picked by its own `type:` key
Annotated[str, Named(TOKENIZERS)]   the name of a component
"""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin

import marshmallow as ma

from ludwig.error import nearest
from ludwig.schema.params import is_internal
from ludwig.schema.registry import ANY, Registry, quoting

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Chosen:
    """Marks a section whose class is chosen by its `type` key, or by another one, among the components of a kind."""

    registry: Registry[Any]
    default: str | None = None  # None: the user must set the type
    kind: str = ANY
    key: str = "type"

    def make(self) -> Any:
        """The default section."""
        return self.registry.get(str(self.default), self.kind).Config()


@dataclasses.dataclass(frozen=True)
class Named:
    """Marks a string that names a component."""

    registry: Registry[Any]
    kind: str = ANY


def entries_of(config: type[Any], name: str) -> Chosen:
    """What an entry of this list of a config is chosen from."""
    (entry,) = get_args(typing.get_type_hints(config, include_extras=True)[name])
    (chosen,) = (mark for mark in entry.__metadata__ if isinstance(mark, Chosen))
    return chosen


def load(config: type[T], raw: Mapping[str, Any]) -> T:
    """Checks a raw section and builds its dataclass.

    Raises:
        marshmallow.ValidationError: with every fault of the section at once, as a tree of paths.
    """
    loaded: T = _instance(typing.cast(Any, config)).load(_section(raw))
    return loaded


def _section(raw: object) -> Mapping[str, Any]:
    if not isinstance(raw, Mapping):
        raise ma.ValidationError(f"Must be a section of keys and values. Received: {raw!r:.200}.")
    return raw


def dump(config: Any) -> dict[str, Any]:
    """The section as plain dicts and lists, with every default spelled out; `load` gives an equal section back."""
    dumped: dict[str, Any] = _instance(typing.cast(Any, type(config))).dump(config)
    return dumped


def fingerprint(config: Any) -> dict[str, Any]:
    """All options of the section, internal ones included: equal fingerprints mean equal components."""
    internal = {f.name: getattr(config, f.name) for f in dataclasses.fields(config) if is_internal(f)}
    return {**dump(config), **internal}


def schema_of(config: type[Any]) -> type[ma.Schema]:
    """The marshmallow schema of a config dataclass, derived once."""
    derived: type[ma.Schema] = _derive(typing.cast(Any, config))
    return derived


@functools.cache
def _instance(config: Any) -> Any:
    """One schema a class: making one copies all of its fields, which takes longer than to load a section."""
    return schema_of(config)()


@functools.cache
def _derive(config: Any) -> Any:
    hints = typing.get_type_hints(config, include_extras=True)
    fields = {f.name: _field_of(hints[f.name], f) for f in dataclasses.fields(config) if not is_internal(f)}
    return type(f"{config.__qualname__}Schema", (_SectionSchema,), {**fields, "config": config})


class _SectionSchema(ma.Schema):
    config: ClassVar[type]

    class Meta:
        unknown = ma.INCLUDE  # refused below, where the near miss can be named

    @ma.validates_schema(pass_original=True, skip_on_field_errors=False)
    def _refuse_unknown_keys(self, data: Any, original: Any, **_: Any) -> None:
        unknown = {
            key: [f"Unknown parameter.{nearest(key, self.fields)}"] for key in original if key not in self.fields
        }
        if unknown:
            raise ma.ValidationError(unknown)

    @ma.post_load
    def _build(self, data: dict[str, Any], **_: Any) -> Any:
        return self.config(**data)


class _Checked(ma.fields.Field[Any]):
    """A scalar of exactly one Python type (an int is welcome where a float is asked for)."""

    def __init__(self, kind: type, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kind = kind

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        if self.kind is float and type(value) is int:
            return _as_float(value)
        if type(value) is not self.kind:
            hint = quoting(value) if self.kind is str else ""
            raise ma.ValidationError(f"Must be {_ARTICLE[self.kind]}. Received: {value!r:.200}.{hint}")
        if isinstance(value, int) and value.bit_length() > 63:
            raise ma.ValidationError(f"Must be an integer of 64 bits. Received one of {value.bit_length()} bits.")
        if isinstance(value, float) and not math.isfinite(value):
            raise ma.ValidationError(f"Must be a finite number. Received: {value!r}.")
        return value


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ma.ValidationError(
            f"Must be a finite number. Received an integer of {value.bit_length()} bits."
        ) from None


class _OneOf(ma.fields.Field[Any]):
    """One of a few values, compared with their types: `true` is not 1."""

    def __init__(self, choices: tuple[Any, ...], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.choices = choices

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        if not any(type(value) is type(choice) and value == choice for choice in self.choices):
            choices = ", ".join("null" if choice is None else str(choice) for choice in self.choices)
            hint = nearest(value, [c for c in self.choices if isinstance(c, str)])
            raise ma.ValidationError(f"Must be one of: {choices}. Received: {value!r:.200}.{hint or quoting(value)}")
        return value


class _NameField(ma.fields.Field[Any]):
    """The name of a component of a registry."""

    def __init__(self, named: Named, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.named = named

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        try:
            self.named.registry.get(value, self.named.kind)
        except LookupError as error:
            raise ma.ValidationError(str(error)) from None
        return value


class _Either(ma.fields.Field[Any]):
    """The first of several alternatives that accepts the value."""

    def __init__(self, alternatives: list[ma.fields.Field[Any]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alternatives = alternatives

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        faults = []
        for field in self.alternatives:
            try:
                return field.deserialize(value, attr, data)
            except ma.ValidationError as error:
                faults.append((field, error.messages))
        raise ma.ValidationError(self._the_most_telling(value, faults))

    def _serialize(self, value: Any, attr: str | None, obj: Any, **_: Any) -> Any:
        """A list or a section as that alternative writes it which is one; else the value."""
        lists = [field for field in self.alternatives if isinstance(field, ma.fields.List)]
        sections = [field for field in self.alternatives if isinstance(field, ma.fields.Nested)]
        wanted = lists if isinstance(value, list) else sections if dataclasses.is_dataclass(value) else []
        return wanted[0]._serialize(value, attr, obj) if wanted else value

    @staticmethod
    def _the_most_telling(value: Any, faults: list[tuple[ma.fields.Field[Any], Any]]) -> Any:
        """A list or a section gets the error of that alternative; any other value the errors of all."""
        of_same_shape = [
            m for field, m in faults if isinstance(value, list) and isinstance(field, ma.fields.List | _Tuple)
        ]
        of_same_shape += [
            m for field, m in faults if isinstance(value, dict) and isinstance(field, ma.fields.Dict | ma.fields.Nested)
        ]
        if of_same_shape:
            return of_same_shape[0]
        return [" Or: ".join(str(text) for _, m in faults for text in (m if isinstance(m, list) else [m]))]


class _List(ma.fields.List[Any]):
    """A list; what is none is shown."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if not isinstance(value, list | tuple):
            raise ma.ValidationError(f"Must be a list. Received: {value!r:.200}.")
        return super()._deserialize(value, attr, data, **kwargs)


class _Dict(ma.fields.Dict):
    """A section whose keys are free."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            return super()._deserialize(_section(value), attr, data, **kwargs)  # type: ignore[no-untyped-call]
        except ma.ValidationError as error:
            raise ma.ValidationError(_without_layers(error.messages)) from None


def _without_layers(faults: Any) -> Any:
    """The faults of each entry without the layers `key` and `value` that marshmallow puts between."""
    if not isinstance(faults, dict):
        return faults
    return {name: layers.get("value", layers.get("key", layers)) for name, layers in faults.items()}


class _Section(ma.fields.Nested):
    """A section of a fixed class."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, partial: Any = None, **kwargs: Any) -> Any:
        return super()._deserialize(_section(value), attr, data, partial, **kwargs)


class _Tuple(ma.fields.Field[Any]):
    """A list that becomes a tuple, element by element."""

    def __init__(self, entries: list[ma.fields.Field[Any]], repeats: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.entries, self.repeats = entries, repeats

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        if not isinstance(value, list | tuple):
            raise ma.ValidationError(f"Must be a list. Received: {value!r}.")
        if not self.repeats and len(value) != len(self.entries):
            raise ma.ValidationError(f"Must have {len(self.entries)} entries. Received: {value!r}.")
        fields = self.entries * len(value) if self.repeats else self.entries
        faults: dict[int, Any] = {}
        result = []
        for place, (field, entry) in enumerate(zip(fields, value, strict=True)):
            try:
                result.append(field.deserialize(entry))
            except ma.ValidationError as error:
                faults[place] = error.messages
        if faults:
            raise ma.ValidationError(faults)
        return tuple(result)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **_: Any) -> Any:
        return None if value is None else list(value)


class _ChosenField(ma.fields.Field[Any]):
    """A section whose class is picked by its `type` key; a bare string stands for a section of that type."""

    def __init__(self, chosen: Chosen, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.chosen = chosen

    def _deserialize(self, value: Any, attr: str | None, data: Any, **_: Any) -> Any:
        registry, kind, key = self.chosen.registry, self.chosen.kind, self.chosen.key
        if not isinstance(value, str | Mapping):
            raise ma.ValidationError(
                f"Must be a section with a `{key}`, or the name of a {key}. Received: {value!r:.200}.{quoting(value)}"
            )
        section = {key: value} if isinstance(value, str) else dict(value)
        name = section.pop(key, self.chosen.default)
        if name is None:
            choices = ", ".join(registry.names(kind))
            raise ma.ValidationError({key: [f"Missing: set the {registry.role}. Choose one of: {choices}."]})
        try:
            component = registry.get(name, kind)
        except LookupError as error:
            raise ma.ValidationError({key: [str(error)]}) from None
        return load(component.Config, section)

    def _serialize(self, value: Any, attr: str | None, obj: Any, **_: Any) -> Any:
        return None if value is None else {self.chosen.key: value.type, **dump(value)}


_ARTICLE = {int: "an integer", float: "a number", str: "a string", bool: "true or false"}


def _field_of(hint: Any, declared: dataclasses.Field[Any]) -> ma.fields.Field[Any]:
    required = declared.default is dataclasses.MISSING and declared.default_factory is dataclasses.MISSING
    bounds = declared.metadata.get("bounds", {})
    return _field(hint, bounds, required=required, metadata={"help": declared.metadata.get("help", "")})


MISSING: Any = {"null": "Must not be null. Remove the key to take its default.", "required": "Must be set."}


def _field(hint: Any, bounds: Mapping[str, float], **kwargs: Any) -> ma.fields.Field[Any]:
    kwargs["error_messages"] = {**MISSING, **({"null": "Must be set."} if kwargs.get("required") else {})}
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _NameField(args[1], **kwargs) if isinstance(args[1], Named) else _ChosenField(args[1], **kwargs)
    if origin in (Union, types.UnionType):
        alternatives = [a for a in args if a is not types.NoneType]
        kwargs["allow_none"] = len(alternatives) < len(args)
        if len(alternatives) == 1:
            return _field(alternatives[0], bounds, **kwargs)
        return _Either([_field(a, bounds) for a in alternatives], **kwargs)
    if origin is Literal:
        return _OneOf(args, **{**kwargs, "allow_none": None in args or kwargs.get("allow_none", False)})
    if origin is list:
        return _List(_field(args[0], bounds), validate=_length(bounds), **kwargs)
    if origin is tuple:
        repeats = args[-1] is Ellipsis
        return _Tuple([_field(a, bounds) for a in args if a is not Ellipsis], repeats, **kwargs)
    if origin is dict:
        return _Dict(ma.fields.Raw(), _field(args[1], bounds), **kwargs)
    if dataclasses.is_dataclass(hint):
        return _Section(schema_of(typing.cast(type, hint)), **kwargs)
    if hint in _ARTICLE:
        return _Checked(hint, validate=_range(bounds) if hint in (int, float) else None, **kwargs)
    return ma.fields.Raw(**{"allow_none": True, **kwargs})


def _range(bounds: Mapping[str, float]) -> ma.validate.Range | None:
    low, high = bounds.get("min", bounds.get("above")), bounds.get("max", bounds.get("below"))
    if low is None and high is None:
        return None
    words = [f"{sign} {bounds[name]:g}" for name, sign in _SIGNS.items() if name in bounds]
    error = f"Must be {' and '.join(words)}. Received: {{input}}."
    return ma.validate.Range(
        min=low, max=high, min_inclusive="above" not in bounds, max_inclusive="below" not in bounds, error=error
    )


_SIGNS = {"min": "at least", "above": "more than", "max": "at most", "below": "less than"}


def _length(bounds: Mapping[str, float]) -> ma.validate.Length | None:
    return ma.validate.Length(equal=int(bounds["length"])) if "length" in bounds else None
