"""The input feature types of an encoder-combiner-decoder model: a section each."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Self

from ludwig.augmentations import AUGMENTATIONS, Augmentation, InTurn, OfMasks
from ludwig.columns.frame import Augment
from ludwig.features.audio import AudioFeature
from ludwig.features.bag import BagFeature
from ludwig.features.binary import BinaryFeature
from ludwig.features.category import CategoryFeature
from ludwig.features.date import DateFeature
from ludwig.features.h3 import H3Feature
from ludwig.features.image import ImageFeature
from ludwig.features.number import NumberFeature
from ludwig.features.sequence import SequenceFeature
from ludwig.features.set import SetFeature
from ludwig.features.text import TextFeature
from ludwig.features.timeseries import TimeseriesFeature
from ludwig.features.vector import VectorFeature
from ludwig.models.ecd.input_base import INPUTS, Input
from ludwig.schema import Chosen, param

AUGMENTED_BY_DEFAULT = ("random_shift",)  # which leaves the meaning of nearly all images as it is
AUGMENTED_WHERE_TRUE = ("random_horizontal_flip", "random_rotate")  # what `augmentation: true` stands for


@INPUTS.register("number")
class NumberInput(Input):
    """A number column; see `NumberFeature` for how it is read."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Input.Config, of=NumberFeature):
        pass


@INPUTS.register("binary")
class BinaryInput(Input):
    """A binary column; see `BinaryFeature` for how it is read."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Input.Config, of=BinaryFeature):
        pass


@INPUTS.register("category")
class CategoryInput(Input):
    """A category column; see `CategoryFeature` for how it is read."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Input.Config, of=CategoryFeature):
        pass


@INPUTS.register("h3")
class H3Input(Input):
    """A column of cells of the H3 grid; see `H3Feature` for how it is read."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Input.Config, of=H3Feature):
        pass


@INPUTS.register("set")
class SetInput(Input):
    """A set column; see `SetFeature` for how it is read."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Input.Config, of=SetFeature):
        pass


@INPUTS.register("bag")
class BagInput(Input):
    """A bag column; see `BagFeature` for how it is read."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Input.Config, of=BagFeature):
        pass


@INPUTS.register("date")
class DateInput(Input):
    """A date column; see `DateFeature` for how it is read."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Input.Config, of=DateFeature):
        pass


@INPUTS.register("vector")
class VectorInput(Input):
    """A vector column; see `VectorFeature` for how it is read."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Input.Config, of=VectorFeature):
        pass


@INPUTS.register("text")
class TextInput(Input):
    """A text column; see `TextFeature` for how it is read."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Input.Config, of=TextFeature):
        pass


@INPUTS.register("sequence")
class SequenceInput(Input):
    """A sequence column; see `SequenceFeature` for how it is read."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Input.Config, of=SequenceFeature):
        pass


@INPUTS.register("timeseries")
class TimeseriesInput(Input):
    """A timeseries column; see `TimeseriesFeature` for how it is read."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Input.Config, of=TimeseriesFeature):
        pass


@INPUTS.register("audio")
class AudioInput(Input):
    """An audio column; see `AudioFeature` for how it is read."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Input.Config, of=AudioFeature):
        pass


@INPUTS.register("image")
class ImageInput(Input):
    """An image column; see `ImageFeature` for how it is read."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Input.Config, of=ImageFeature):
        augmentation: list[Annotated[Augmentation.Config, Chosen(AUGMENTATIONS)]] | bool | None = param(
            lambda: [AUGMENTATIONS.get(name).Config() for name in AUGMENTED_BY_DEFAULT],
            help="Augmentation: random changes of images, in training only and in this order; true for "
            "random_horizontal_flip and random_rotate, false, null or an empty list for none.",
        )

        @property
        def augmentations(self) -> list[Augmentation.Config]:
            """The section as a list, in whatever form it is given."""
            if isinstance(self.augmentation, list):
                return self.augmentation
            return [AUGMENTATIONS.get(name).Config() for name in AUGMENTED_WHERE_TRUE] if self.augmentation else []

        def spelled_out(self) -> Self:
            return dataclasses.replace(self, augmentation=self.augmentations)

        def augment(self) -> Augment | None:
            return InTurn([section.build() for section in self.augmentations]) if self.augmentations else None

        def augment_of_masks(self) -> Augment | None:
            return OfMasks([section.build() for section in self.augmentations]) if self.augmentations else None

        def faults_of_masks(self) -> list[tuple[str, str]]:
            return [
                (
                    f"augmentation[{place}]",
                    f"Masks cannot follow '{section.type}'. Use random flips, rotation and shift.",
                )
                for place, section in enumerate(self.augmentations)
                if AUGMENTATIONS.get(section.type).masks == "lose"
            ]

        def faults(self) -> list[tuple[str, str]]:
            sections = enumerate(self.augmentations)
            own = [(f"augmentation[{at}].{name}", text) for at, section in sections for name, text in section.faults()]
            return [*super().faults(), *own]
