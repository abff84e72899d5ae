"""Arguments of calls, checked before anything is done with them. Scalars of numpy and pandas count as Python's own."""

from __future__ import annotations

import numpy as np

from ludwig.error import ArgumentError

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
