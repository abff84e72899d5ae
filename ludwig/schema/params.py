"""How a component declares one option: a typed dataclass field that carries its help and its bounds."""

from __future__ import annotations

import dataclasses
from typing import Any


def param(
    default: Any = dataclasses.MISSING,
    *,
    help: str,
    min: float | None = None,
    max: float | None = None,
    above: float | None = None,
    below: float | None = None,
    length: int | None = None,
    internal: bool = False,
) -> Any:
    """One option of a config.

    Args:
        default: The value when the user sets none; a callable makes a fresh value each time. Without it the option
            is required.
        help: One sentence, shown in the reference pages and in the JSON Schema.
        min, max: Inclusive bounds, for a number or for every number of a list.
        above, below: Exclusive bounds.
        length: How many entries a list must have.
        internal: Set by the library and not by a user: no key of the config, yet part of what a component depends on.
    """
    limits = {"min": min, "max": max, "above": above, "below": below, "length": length}
    metadata: dict[str, Any] = {
        "help": help,
        "bounds": {name: value for name, value in limits.items() if value is not None},
    }
    metadata["internal"] = internal
    if callable(default):
        return dataclasses.field(default_factory=default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def is_internal(field: dataclasses.Field[Any]) -> bool:
    """Whether the option is no key of the config."""
    return bool(field.metadata.get("internal", False))
