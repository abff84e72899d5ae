"""The input of a language model: a text, or a prompt made of a row."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from ludwig.features.base import Feature
from ludwig.features.section import ColumnOptions
from ludwig.features.text import TextFeature
from ludwig.schema import Component, Registry, param


class PromptInput(Component):
    """One input feature of the config."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(ColumnOptions, Component.Config):
        feature: ClassVar[type[Feature[Any, Any, Any]]]
        tied: ClassVar[None] = None  # a language model has one input
        preprocessing: Any

        def requires(self) -> dict[str, Any]:
            """Options of the preprocessing that the input depends on."""
            return {"use": "prompt"}

        def faults(self) -> list[tuple[str, str]]:
            """(parameter, message) of options that do not go together."""
            return [(f"preprocessing.{name}", text) for name, text in self.preprocessing.faults()]


PROMPTS: Registry[PromptInput] = Registry("input feature type")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PromptColumn(TextFeature.Config):
    """A text that is read whole, unless that is bounded; of a longer one the end is kept."""

    max_sequence_length: int | None = param(
        None, min=1, help="Maximum number of tokens of a text; longer ones are truncated. Null for no limit."
    )

    def faults(self) -> list[tuple[str, str]]:
        return [*super().faults(), *self.faults_without_encoder()]


@PROMPTS.register("text")
class TextInput(PromptInput):
    """A text. With the section `prompt` the model is given that instead, filled in with the row."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(PromptInput.Config):
        feature = TextFeature

        preprocessing: PromptColumn = param(PromptColumn, help="Preprocessing of the column.")
