"""The input of a language model: a text, or a prompt made of a row."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from ludwig.features.base import Feature
from ludwig.features.pretrained_text import PromptFeature
from ludwig.schema import Component, Registry, param


class PromptInput(Component):
    """One input feature of the config."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Component.Config):
        feature: ClassVar[type[Feature[Any, Any, Any]]]
        name: str = param(help="Name of the feature, and of its column unless that is given.")
        column: str | None = param(None, help="The column of the data; null for the feature's name.")

        @property
        def source(self) -> str:
            """The column of the data."""
            return self.column or self.name

        @property
        def text_of_missing(self) -> str | None:
            """What a missing cell reads as; None where its row is given up."""
            raise NotImplementedError

        def settled(self, known: Mapping[str, Any]) -> Any:
            """The options of the feature, with what else its tokens depend on."""
            raise NotImplementedError

        def faults(self) -> list[tuple[str, str]]:
            """(parameter, message) of options that do not go together."""
            return []


PROMPTS: Registry[PromptInput] = Registry("input feature type")


@PROMPTS.register("text")
class TextInput(PromptInput):
    """A text. With the section `prompt` the model is given that instead, filled in with the row."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(PromptInput.Config):
        feature = PromptFeature

        preprocessing: PromptFeature.Config = param(PromptFeature.Config, help="How the column is read.")

        @property
        def text_of_missing(self) -> str | None:
            return self.preprocessing.text_of_missing

        def settled(self, known: Mapping[str, Any]) -> Any:
            return PromptFeature.settled(self.preprocessing, known)
