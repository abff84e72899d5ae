"""The input feature types of an encoder-combiner-decoder model: a section each."""

from __future__ import annotations

import dataclasses
from typing import Annotated

from ludwig.encoders import Encoder
from ludwig.features.binary import BinaryFeature
from ludwig.features.category import CategoryFeature
from ludwig.features.image import ImageFeature
from ludwig.features.number import NumberFeature
from ludwig.features.text import TextFeature
from ludwig.features.timeseries import TimeseriesFeature
from ludwig.features.vector import VectorFeature
from ludwig.models.ecd.input_base import INPUTS, Input, encoder_of
from ludwig.schema import param

READ, ENCODED = "Preprocessing of the column.", "Encoder, which turns the column into vectors."

NUMBER = encoder_of(NumberFeature)


@INPUTS.register("number")
class NumberInput(Input):
    """A number column; see `NumberFeature` for how it is read."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Input.Config):
        feature = NumberFeature

        preprocessing: NumberFeature.Config = param(NumberFeature.Config, help=READ)
        encoder: Annotated[Encoder.Config, NUMBER] = param(NUMBER.make, help=ENCODED)


BINARY = encoder_of(BinaryFeature)


@INPUTS.register("binary")
class BinaryInput(Input):
    """A binary column; see `BinaryFeature` for how it is read."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Input.Config):
        feature = BinaryFeature

        preprocessing: BinaryFeature.Config = param(BinaryFeature.Config, help=READ)
        encoder: Annotated[Encoder.Config, BINARY] = param(BINARY.make, help=ENCODED)


CATEGORY = encoder_of(CategoryFeature)


@INPUTS.register("category")
class CategoryInput(Input):
    """A category column; see `CategoryFeature` for how it is read."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Input.Config):
        feature = CategoryFeature

        preprocessing: CategoryFeature.Config = param(CategoryFeature.Config, help=READ)
        encoder: Annotated[Encoder.Config, CATEGORY] = param(CATEGORY.make, help=ENCODED)


VECTOR = encoder_of(VectorFeature)


@INPUTS.register("vector")
class VectorInput(Input):
    """A vector column; see `VectorFeature` for how it is read."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Input.Config):
        feature = VectorFeature

        preprocessing: VectorFeature.Config = param(VectorFeature.Config, help=READ)
        encoder: Annotated[Encoder.Config, VECTOR] = param(VECTOR.make, help=ENCODED)


TEXT = encoder_of(TextFeature)


@INPUTS.register("text")
class TextInput(Input):
    """A text column; see `TextFeature` for how it is read."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Input.Config):
        feature = TextFeature

        preprocessing: TextFeature.Config = param(TextFeature.Config, help=READ)
        encoder: Annotated[Encoder.Config, TEXT] = param(TEXT.make, help=ENCODED)


TIMESERIES = encoder_of(TimeseriesFeature)


@INPUTS.register("timeseries")
class TimeseriesInput(Input):
    """A timeseries column; see `TimeseriesFeature` for how it is read."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Input.Config):
        feature = TimeseriesFeature

        preprocessing: TimeseriesFeature.Config = param(TimeseriesFeature.Config, help=READ)
        encoder: Annotated[Encoder.Config, TIMESERIES] = param(TIMESERIES.make, help=ENCODED)


IMAGE = encoder_of(ImageFeature)


@INPUTS.register("image")
class ImageInput(Input):
    """A image column; see `ImageFeature` for how it is read."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Input.Config):
        feature = ImageFeature

        preprocessing: ImageFeature.Config = param(ImageFeature.Config, help=READ)
        encoder: Annotated[Encoder.Config, IMAGE] = param(IMAGE.make, help=ENCODED)
