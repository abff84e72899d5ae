"""The work runs in this process."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TypeVar

import torch

from ludwig.backend.base import BACKENDS, Backend

R = TypeVar("R")


@BACKENDS.register("local")
class LocalBackend(Backend):
    """Directly, in this process."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Backend.Config):
        pass

    def run(self, job: Callable[[torch.device], R], device: torch.device) -> R:
        return job(device)
