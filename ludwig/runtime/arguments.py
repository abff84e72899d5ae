"""Arguments of calls, checked before anything is done with them. Scalars of numpy and pandas count as Python's own."""

from __future__ import annotations

import inspect
import logging
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ludwig.error import ArgumentError, nearest

LARGEST_SEED = 2**32 - 1  # what numpy takes


def whole_number(name: str, value: object, least: int, most: int | None = None) -> int:
    """The argument as an integer within bounds.

    Raises:
        ArgumentError: It is none, or out of bounds.
    """
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    bounds = f"at least {least}" if most is None else f"between {least} and {most}"
    wrong = not isinstance(value, int | np.integer) or isinstance(value, bool)
    if wrong or value < least or (most is not None and value > most):  # type: ignore[operator]
        raise ArgumentError(f"{name} must be an integer, {bounds}. Received: {value!r:.100}.")
    return int(value)  # type: ignore[call-overload, no-any-return]


def seed_of(value: object) -> int:
    """A random seed, as all generators take it."""
    return whole_number("random_seed", value, 0, LARGEST_SEED)


def path_of(name: str, value: object) -> Path:
    """The argument as a path.

    Raises:
        ArgumentError: It is none, or one that no system takes.
    """
    if not isinstance(value, str | os.PathLike) or not str(value) or "\0" in str(value):
        raise ArgumentError(f"{name} must be a path, as text or a Path. Received: {value!r:.100}.")
    return Path(value)


def name_of(name: str, value: object) -> str:
    """The argument as a name, of which a folder may be made.

    Raises:
        ArgumentError: It is no text, or one that no system takes.
    """
    if not isinstance(value, str) or "\0" in value:
        raise ArgumentError(f"{name} must be text. Received: {value!r:.100}.")
    return value


def logging_level_of(value: object) -> int:
    """A level of the module `logging`, by number or by name.

    Raises:
        ArgumentError: There is no such level.
    """
    names = logging.getLevelNamesMapping()
    if isinstance(value, str) and value.upper() in names:
        return names[value.upper()]
    try:
        return whole_number("logging_level", value, 0)
    except ArgumentError:
        known = ", ".join(name for name in names if name != "NOTSET")
        raise ArgumentError(f"logging_level must be an integer, or one of {known}. Received: {value!r:.100}.") from None


def refuse_unknown(cls: type, method: str | Callable[..., Any], keywords: dict[str, Any]) -> None:
    """A keyword of another method of the class has no effect and gives a warning; any other is an error.

    Args:
        method: One of the class, by its name, or a function that stands beside it.

    Raises:
        ArgumentError: No method has such a parameter.
    """
    if not keywords:
        return
    methods = [value for name, value in vars(cls).items() if callable(value) and not name.startswith("_")]
    elsewhere = {name for each in [*methods, cls] for name in _parameters(each)} - {"self"}
    function = getattr(cls, method) if isinstance(method, str) else method
    own, name = _parameters(function), function.__name__
    for keyword in keywords:
        if keyword not in elsewhere:
            raise ArgumentError(f"`{name}` has no parameter '{keyword}'.{nearest(keyword, own)}")
        warnings.warn(f"`{name}` does not use '{keyword}', so it has no effect here.", UserWarning, stacklevel=3)


def _parameters(method: Callable[..., Any]) -> list[str]:
    return [name for name, p in inspect.signature(method).parameters.items() if p.kind is not p.VAR_KEYWORD]
