"""Fitted preprocessing state read back from JSON, which somebody may have edited or damaged."""

from __future__ import annotations

import dataclasses
import functools
import math
import types
import typing
from collections.abc import Hashable, Mapping
from typing import Any, TypeVar

from ludwig.features.base import Facts

F = TypeVar("F", bound=Facts)


def read_facts(kind: type[F], raw: object) -> F:
    """The fitted state of one column.

    Raises:
        ValueError: It is of another kind of column, or damaged.
    """
    if not isinstance(raw, Mapping):
        raise ValueError(f"it must be a section of keys and values, and is {raw!r:.80}")
    try:
        facts = kind.from_json(raw)
    except KeyError as error:
        raise ValueError(f"it has no {error}") from None
    except (TypeError, ValueError, AttributeError, IndexError) as error:
        raise ValueError(f"it has values of a wrong kind ({error})") from None
    _refuse_wrong(facts)
    return facts


def _refuse_wrong(section: Any) -> None:
    """Raises where a field holds something else than its type says."""
    hints = _hints(typing.cast(Hashable, type(section)))
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        if not _fits(value, hints[field.name]):
            raise ValueError(f"its {field.name} is of a wrong kind: {value!r:.80}")
        if dataclasses.is_dataclass(value):
            _refuse_wrong(value)


@functools.cache
def _hints(kind: Hashable) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _fits(value: Any, hint: Any) -> bool:
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, part) for part in parts)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint == tuple[float, ...] and isinstance(value, tuple) and {*map(type, value)} <= {float}:
        return all(map(math.isfinite, value))  # as below, and fast: grids are long
    if origin is tuple and isinstance(value, tuple):
        entries = parts[:1] * len(value) if parts[-1] is Ellipsis else parts
        return len(entries) == len(value) and all(map(_fits, value, entries))
    kind = origin or hint
    return not isinstance(kind, type) or isinstance(value, kind)
