"""Where the work runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import marshmallow as ma

from ludwig.backend.base import BACKENDS, Backend
from ludwig.backend.local import LocalBackend
from ludwig.error import ArgumentError
from ludwig.schema import load
from ludwig.schema.report import faults_of

__all__ = ["BACKENDS", "LOCAL_BACKEND", "Backend", "LocalBackend", "initialize_backend"]

LOCAL_BACKEND = LocalBackend()


def initialize_backend(backend: Backend | Mapping[str, Any] | str | None = None) -> Backend:
    """The backend of that name or section; the local one by default.

    Raises:
        ArgumentError: There is no such backend, or it has no such parameter.
    """
    if isinstance(backend, Backend):
        return backend
    if not isinstance(backend, str | Mapping | None):
        kinds = "a name, a section with a type, or a backend"
        raise ArgumentError(f"`backend` must be {kinds}. Received: {type(backend).__name__}.")
    given = {"type": backend} if isinstance(backend, str) else backend or {}
    section = {key: str(value) if isinstance(value, Path) else value for key, value in given.items()}
    name = section.pop("type", None) or "local"
    try:
        config: Backend.Config = load(BACKENDS.get(name).Config, section)
    except LookupError as error:
        raise ArgumentError(f"The backend cannot be used: {error}") from None
    except ma.ValidationError as error:
        faults = "; ".join(f"{path}: {text}" for path, text in faults_of(error.messages))
        raise ArgumentError(f"The backend '{name}' cannot be used: {faults}") from None
    built: Backend = config.build()
    return built
