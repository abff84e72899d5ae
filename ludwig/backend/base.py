"""Where the work runs."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch

from ludwig.schema import Component, Registry, param

R = TypeVar("R")


class Backend(Component, ABC):
    """Runs preprocessing, training and prediction."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Component.Config):
        cache_dir: str | None = param(
            None, help="Where preprocessed data is kept; null keeps that of files beside them and no other."
        )

    def __init__(self, config: Config) -> None:
        self.config = config

    @property
    def cache_dir(self) -> Path | None:
        """Where preprocessed data is kept, if a folder is given."""
        return None if self.config.cache_dir is None else Path(self.config.cache_dir)

    @abstractmethod
    def run(self, job: Callable[[torch.device], R], device: torch.device) -> R:
        """Runs training or prediction on the device and gives its result."""


BACKENDS: Registry[Backend] = Registry("backend")
