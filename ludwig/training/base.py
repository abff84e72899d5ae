"""The contract of a trainer, and the registry of trainers."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from ludwig.schema import Component, Registry
from ludwig.training.options import Fault


class TrainerBase(Component):
    """Whatever turns data into a trained model."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Component.Config):
        learns: ClassVar[bool] = True  # False where the model stays as it is

        def faults(self) -> list[Fault]:
            """(parameter, message) of options that do not go together."""
            return []


TRAINERS: Registry[Any] = Registry("trainer")
