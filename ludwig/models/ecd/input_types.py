"""The input feature types of an encoder-combiner-decoder model: a section each."""

from __future__ import annotations

import dataclasses

from ludwig.features.binary import BinaryFeature
from ludwig.features.category import CategoryFeature
from ludwig.features.image import ImageFeature
from ludwig.features.number import NumberFeature
from ludwig.features.text import TextFeature
from ludwig.features.timeseries import TimeseriesFeature
from ludwig.features.vector import VectorFeature
from ludwig.models.ecd.input_base import INPUTS, Input


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


@INPUTS.register("timeseries")
class TimeseriesInput(Input):
    """A timeseries column; see `TimeseriesFeature` for how it is read."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Input.Config, of=TimeseriesFeature):
        pass


@INPUTS.register("image")
class ImageInput(Input):
    """An image column; see `ImageFeature` for how it is read."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Input.Config, of=ImageFeature):
        pass
