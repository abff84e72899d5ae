"""Where the work runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ludwig.backend.base import BACKENDS, Backend
from ludwig.backend.local import LocalBackend
from ludwig.error import ArgumentError

__all__ = ["BACKENDS", "Backend", "LocalBackend", "initialize_backend"]


def initialize_backend(backend: Backend | Mapping[str, Any] | str | None = None) -> Backend:
    """The backend of that name or section; the local one by default.

    Raises:
        ArgumentError: There is no such backend, or it has no such parameter.
    """
    if isinstance(backend, Backend):
        return backend
    section = {"type": backend} if isinstance(backend, str) else dict(backend or {})
    name = section.pop("type", None) or "local"
    try:
        config: Backend.Config = BACKENDS.get(name).Config(**section)
    except (LookupError, TypeError) as error:
        raise ArgumentError(f"The backend '{name}' cannot be used: {error}") from None
    built: Backend = config.build()
    return built
