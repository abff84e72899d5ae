"""One input feature in the config of an encoder-combiner-decoder model."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.features.base import Feature
from ludwig.schema import Chosen, Component, Registry, param


class Input(Component):
    """One input feature: how its column is read, and how it becomes vectors."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Component.Config):
        feature: ClassVar[type[Feature[Any, Any, Any]]]
        name: str = param(help="Name of the feature, and of its column unless that is given.")
        column: str | None = param(None, help="The column of the data; null for the feature's name.")
        tied: str | None = param(
            None,
            help="Weight tying: another input feature of the same type whose encoder this one shares; null for its "
            "own.",
        )
        preprocessing: Any
        encoder: Encoder.Config

        @property
        def source(self) -> str:
            """The column of the data."""
            return self.column or self.name

        def requires(self) -> dict[str, Any]:
            """Options of the preprocessing that the encoder depends on."""
            return dict(self.encoder.requires())

        def suggested_learning_rate(self) -> float:
            """What `learning_rate: auto` takes where this is the only input."""
            return self.encoder.suggested_learning_rate or self.feature.suggested_learning_rate

        def faults(self) -> list[tuple[str, str]]:
            """(parameter, message) of options that do not go together."""
            sections = (("preprocessing", self.preprocessing), ("encoder", self.encoder))
            return [(f"{where}.{name}", text) for where, section in sections for name, text in section.faults()]


INPUTS: Registry[Input] = Registry("input feature type")


def encoder_of(feature: type[Feature[Any, Any, Any]]) -> Chosen:
    """The choice of encoders for a feature type."""
    return Chosen(ENCODERS, feature.default_encoder, feature.kind)
