"""One input feature in the config of an encoder-combiner-decoder model."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Annotated, Any, ClassVar, Self

from ludwig.columns.frame import Augment
from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.features.base import Feature
from ludwig.features.section import ColumnOptions
from ludwig.runtime.console import warn
from ludwig.schema import Chosen, Component, Registry, load, param


class Input(Component):
    """One input feature: how its column is read, and how it becomes vectors."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(ColumnOptions, Component.Config):
        """An input of one feature type, which a subclass names: `class Config(Input.Config, of=NumberFeature)`."""

        feature: ClassVar[type[Feature[Any, Any, Any]]]
        tied: str | None = param(
            None,
            help="Weight tying: another input feature of the same type whose encoder this one shares; null for its "
            "own.",
        )
        preprocessing: Any
        encoder: Encoder.Config

        def __init_subclass__(cls, of: type[Feature[Any, Any, Any]]) -> None:
            """Types and defaults of the two sections are those of the feature type.

            The body of the class ends here, so the decorator `dataclass` finds them as if they stood there.
            """
            super().__init_subclass__()
            encoder = Chosen(ENCODERS, of.default_encoder, of.kind)
            sections = {"preprocessing": of.Config, "encoder": Annotated[Encoder.Config, encoder]}
            cls.feature, cls.__annotations__ = of, {**sections, **inspect.get_annotations(cls)}
            cls.preprocessing = param(of.Config, help="Preprocessing of the column.")
            cls.encoder = param(encoder.make, help="Encoder, which turns the column into vectors.")

        def requires(self) -> dict[str, Any]:
            """Options of the preprocessing that the encoder depends on."""
            return dict(self.encoder.requires())

        def spelled_out(self) -> Self:
            """With the long form of what words stand for."""
            return self

        def keeping_steps(self) -> Self:
            """With the encoder that keeps all steps of a sequence, where the type has one."""
            section = self.feature.encoder_of_steps
            if section is None:
                return self
            options = {name: value for name, value in section.items() if name != "type"}
            encoder = ENCODERS.get(section["type"], self.feature.kind)
            return dataclasses.replace(self, encoder=load(encoder.Config, options))

        def cached_where_it_can(self) -> Self:
            """With embeddings that are computed once only where these do not change in training."""
            obstacle = self.encoder.obstacle_to_caching if self.preprocessing.caches_embeddings else None
            if obstacle is None:
                return self
            warn(f"The input '{self.name}': cache_encoder_embeddings has no effect and is left out. {obstacle}")
            return dataclasses.replace(self, preprocessing=self.preprocessing.uncached())

        def augment(self) -> Augment | None:
            """What changes a batch of this input at random, in training only and on the device; None for nothing."""
            return None

        def augment_of_masks(self) -> Augment | None:
            """What moves masks of this input as `augment` moves the input; None for nothing."""
            return None

        def faults_of_masks(self) -> list[tuple[str, str]]:
            """(parameter, message) of options that do not go with an output whose target is a mask of this input."""
            return []

        def suggested_learning_rate(self) -> float:
            """What `learning_rate: auto` takes where this is the only input."""
            return self.encoder.suggested_learning_rate or self.feature.suggested_learning_rate

        def faults(self) -> list[tuple[str, str]]:
            """(parameter, message) of options that do not go together."""
            sections = (("preprocessing", self.preprocessing), ("encoder", self.encoder))
            faults = [(f"{where}.{name}", text) for where, section in sections for name, text in section.faults()]
            if self.encoder.looks_up_words and not self.preprocessing.lists_words:
                text = "Has no effect: a pretrained tokenizer has pieces of words and no vocabulary of its own. Remove "
                faults.append(("encoder.pretrained_embeddings", f"{text}it, or choose another tokenizer."))
            return faults


INPUTS: Registry[Input] = Registry("input feature type")
