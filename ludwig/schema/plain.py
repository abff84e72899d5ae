"""What a user passes as a config or a section, in plain Python values.

Scalars of numpy, which pandas hands out too, count as the Python values that they stand for; arrays and tuples count as
lists. Everything is copied on the way, so that nobody's dict is ever changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ludwig.schema.report import raise_all

DEEPEST = 100  # sections within sections; a deeper config is a mistake, or refers to itself
LARGEST = 5_000_000  # values; a few lines of YAML with aliases can stand for any number

Fault = tuple[str, str]


def plain_section(section: Mapping[Any, Any]) -> dict[str, Any]:
    """A copy of the section in plain values.

    Raises:
        ConfigValidationError: A key is neither text nor a number, is given twice, or the section is too deep or large.
    """
    copy = _Copy()
    plain = copy.mapping(section, "", 0)
    raise_all(copy.faults)
    return plain


def plain_value(value: Any) -> Any:
    """A scalar of numpy, or an array of a single value and no dimension, as Python's own; any other value as it is."""
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        return value.item()
    if type(value) in (str, int, float, bool):
        return value
    if isinstance(value, str):  # a member of an Enum
        return str.__str__(value)
    return int(value) if isinstance(value, int) else float(value) if isinstance(value, float) else value


class _Copy:
    """One copy, with the faults that are met on the way."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.count = 0

    def mapping(self, section: Mapping[Any, Any], path: str, depth: int) -> dict[str, Any]:
        copied: dict[str, Any] = {}
        for original, value in section.items():
            key = plain_value(original)
            if not isinstance(key, str | int | float):
                self.faults.append((path, f"Keys must be text. Received: {original!r:.80}."))
            elif str(key) in copied:
                self.faults.append((path, f"The key '{key}' is given twice, as text and as a number."))
            else:
                copied[self._text(str(key), path)] = self._value(
                    value, f"{path}.{key}" if path else str(key), depth + 1
                )
        return copied

    def _value(self, value: Any, path: str, depth: int) -> Any:
        self.count += 1
        if depth > DEEPEST or self.count > LARGEST:
            which = (
                f"{DEEPEST} sections stand within each other" if depth > DEEPEST else f"{LARGEST:,} values are given"
            )
            raise_all([(path[:80], f"More than {which}. Does a section contain itself?")])
        if isinstance(value, Mapping):
            return self.mapping(value, path, depth)
        if isinstance(value, np.ndarray) and value.ndim:
            value = value.tolist()
        if isinstance(value, list | tuple):
            return [self._value(entry, f"{path}[{place}]", depth + 1) for place, entry in enumerate(value)]
        plain = plain_value(value)
        return self._text(plain, path) if isinstance(plain, str) else plain

    def _text(self, text: str, path: str) -> str:
        """The text, which must be one that a file can hold."""
        try:
            text.encode()
        except UnicodeEncodeError:
            self.faults.append((ascii(path)[1:-1], f"Is not valid text: {text!a:.80} has half of a character."))
        return text
