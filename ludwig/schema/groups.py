"""Groups of options, declared once and read in two more ways: as what one layer overrides, and as a module's spec."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, TypeVar


class Fields(Protocol):
    """Any dataclass."""

    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


S = TypeVar("S", bound=Fields)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Overrides:
    """What one layer of a stack has otherwise than the stack: the options of a group, each of which may be null.

    `of` names the group and `prefix` what its options begin with, which a layer's own do not. An option that the
    subclass declares itself, such as a narrower one, goes before that of the group.

    >>> @dataclasses.dataclass(frozen=True, kw_only=True)
    ... class LineOptions:
    ...     size: int = dataclasses.field(default=8, metadata={"help": "Size of a line."})
    >>> @dataclasses.dataclass(frozen=True, kw_only=True)
    ... class LineOverrides(Overrides, of=LineOptions):
    ...     '''One entry of `lines`.'''
    >>> LineOverrides(size=4).over(LineOptions()), LineOverrides().over(LineOptions())
    (LineOptions(size=4), LineOptions(size=8))
    """

    def __init_subclass__(cls, of: type[Fields], prefix: str = "") -> None:
        # The body of the class ends here: what it declares now, the decorator `dataclass` finds as if it stood there.
        own = inspect.get_annotations(cls)
        hints = typing.get_type_hints(of, include_extras=True)
        derived = {}
        for field in dataclasses.fields(of):
            name = field.name.removeprefix(prefix)
            if name not in own:
                derived[name] = hints[field.name] | None
                text = f"{field.metadata['help']} Here null takes the value of the whole stack."
                setattr(cls, name, dataclasses.field(default=None, metadata={**field.metadata, "help": text}))
        cls.__annotations__ = {**derived, **own}

    def over(self, spec: S) -> S:
        """The spec with what this layer has otherwise."""
        given = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return dataclasses.replace(spec, **{name: value for name, value in given.items() if value is not None})


def stack_of(spec: S, layers: Sequence[Overrides] | None, count: int) -> list[S]:
    """A spec for each layer that is listed, else `count` equal ones."""
    return [spec] * count if layers is None else [layer.over(spec) for layer in layers]


def filled(spec: type[S], options: Fields, prefix: str = "") -> S:
    """The spec with the values of the options of the same names; with the prefix `fc_`, `fc_norm` goes before `norm`.

    Fields that no option is named after keep the spec's own defaults.
    """
    values = {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
    values |= {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}
    return spec(**{field.name: values[field.name] for field in dataclasses.fields(spec) if field.name in values})
