"""Images: files that are decoded when a batch needs them, or arrays in memory.

N = rows, C = channels, H, W = height and width in pixels
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from ludwig.columns.files import Decoder, Files
from ludwig.error import InputDataError
from ludwig.features.base import FEATURES, Encoded, Facts, Feature, Tally
from ludwig.features.cells import Objects
from ludwig.features.invalid import InvalidOptions, Unreadable, allowed
from ludwig.features.media import digest_of, drawn, media_of
from ludwig.features.missing import settled
from ludwig.features.pixels import Shape, pixels_of, shape_of
from ludwig.schema import param

Strategy = Literal["fill_with_const", "bfill", "ffill", "drop_row"]
Resize = Literal["interpolate", "crop_or_pad"]
UNREADABLE: Shape = (0, 0, 0)  # of an image whose header cannot be read


@dataclasses.dataclass(frozen=True)
class ImageDecoder(Decoder):
    """Reads one image as bytes of one shape: uint8 [C, H, W]. A missing one is of one grey, and so is one that cannot
    be read, as long as there are few."""

    channels: int
    height: int
    width: int
    resize_method: Resize
    fill: int = 0
    workers: int = 1
    max_invalid_share: float = 0.0
    where: str = "image column"
    unreadable: Unreadable | None = dataclasses.field(default=None, compare=False)  # None allows none

    def of_rows(self, count: int) -> ImageDecoder:
        most = allowed(self.max_invalid_share, count)
        return dataclasses.replace(self, unreadable=Unreadable(self.where, "images", most))

    def __call__(self, source: Any) -> Tensor:
        if source is None:
            return torch.full((self.channels, self.height, self.width), self.fill, dtype=torch.uint8)
        try:
            pixels = torch.from_numpy(pixels_of(source, self.channels)).permute(2, 0, 1)  # [C, H', W']
        except InputDataError as error:
            if self.unreadable is None:
                raise
            self.unreadable.add(source, error)
            return self(None)
        if pixels.shape[1:] == (self.height, self.width):
            return pixels.contiguous()
        return self._interpolated(pixels) if self.resize_method == "interpolate" else self._cut(pixels)

    def _interpolated(self, pixels: Tensor) -> Tensor:
        size = (self.height, self.width)
        resized = interpolate(pixels.unsqueeze(0).float(), size, mode="bilinear", antialias=True)
        return resized.squeeze(0).round().clamp(0, 255).to(torch.uint8)  # [C, H, W]

    def _cut(self, pixels: Tensor) -> Tensor:
        """The middle of a larger image; a smaller one in the middle of black."""
        down, across = self.height - pixels.shape[1], self.width - pixels.shape[2]
        return pad(pixels, (across // 2, across - across // 2, down // 2, down - down // 2))  # [C, H, W]


@dataclasses.dataclass(frozen=True)
class ImageFacts(Facts):
    """Fitted preprocessing state of an image column."""

    channels: int
    height: int
    width: int

    def to_json(self) -> dict[str, Any]:
        return {"num_channels": self.channels, "height": self.height, "width": self.width}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        return cls(raw["num_channels"], raw["height"], raw["width"])


class ShapeTally(Tally):
    """How many images there are, and the shapes of a sample of them: those whose digests are the least.

    Which images are sampled follows from the images, not from their order; and only headers of the sample are read.
    """

    def __init__(self, sample: list[tuple[bytes, Shape]], seen: int, most: int, fault: str = "") -> None:
        """`fault`: why an image of the sample cannot be read, whose shape is then `UNREADABLE`."""
        self.sample, self.seen, self.most, self.fault = sample, seen, most, fault

    def merge(self, other: Self) -> Self:
        sample = sorted([*self.sample, *other.sample])[: self.most]
        return type(self)(sample, self.seen + other.seen, self.most, self.fault or other.fault)


@FEATURES.register("image")
class ImageFeature(Feature[Objects, ShapeTally, ImageFacts]):
    """Image feature: a column of images, as paths, bytes of files, or arrays.

    Use it for pictures. Files are decoded batch by batch by `num_processes` workers, ahead of the training step; `mode:
    eager` decodes them once, into memory. A batch is [B, channels, height, width].

    ```yaml
    name: photo
    type: image
    preprocessing:
      height: 128
      width: 128
      num_processes: 4
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(InvalidOptions, Feature.Config):
        missing_value_strategy: Strategy = param(
            "fill_with_const",
            help="Strategy for missing values (imputation), such as fill_with_const, bfill or drop_row.",
        )
        fill_value: float | None = param(
            None, min=0, max=255, help="Fill value: grey level of images that are missing; null for black."
        )
        height: int | None = param(
            None, min=1, help="Height in pixels that images are resized to; null infers it from the training split."
        )
        width: int | None = param(
            None, min=1, help="Width in pixels that images are resized to; null infers it from the training split."
        )
        num_channels: int | None = param(
            None,
            min=1,
            max=4,
            help="Number of channels: 1 is greyscale, 3 RGB; null infers it from the training split.",
        )
        resize_method: Resize = param(
            "interpolate", help="Resize method for images of another size, such as interpolation or crop and pad."
        )
        infer_image_num_channels: bool = param(
            True, help="Whether the number of channels is inferred from the data; else 3."
        )
        infer_image_dimensions: bool = param(True, help="Whether height and width are inferred from the data.")
        infer_image_max_height: int = param(
            256, min=1, help="Maximum height that is inferred. Raise it for fine detail, at a higher cost."
        )
        infer_image_max_width: int = param(
            256, min=1, help="Maximum width that is inferred. Raise it for fine detail, at a higher cost."
        )
        infer_image_sample_size: int = param(
            100, min=1, help="Number of sampled images from which height, width and channels are inferred."
        )
        num_processes: int = param(
            1,
            min=1,
            help="Number of workers (threads) that decode images ahead of their use. Raise it where decoding is "
            "slower than training; results do not depend on it.",
        )
        mode: Literal["lazy", "eager"] = param(
            "lazy", help="Lazy loading decodes images batch by batch; eager decodes all of them once, into memory."
        )

        def faults(self) -> list[tuple[str, str]]:
            if (self.height is None) != (self.width is None):
                return [("height", "Give height and width, or neither.")]
            if self.height is None and not self.infer_image_dimensions:
                return [("height", "Give height and width, or set infer_image_dimensions to true.")]
            return []

    TargetConfig = Config  # images are inputs only

    kind = "image"
    facts_type = ImageFacts
    suggested_learning_rate = 0.0001
    default_encoder = "stacked_cnn"

    def parse(self, column: pd.Series) -> Objects:
        share = self.config.max_invalid_share
        words = {"file": "image file", "besides": "array of pixels"}
        return media_of(column, self.folder, share, self.where, in_memory=_pixel_array, **words)

    def tally(self, cells: Objects) -> ShapeTally:
        there = [source for source in cells.values if source is not None]
        most = self.config.infer_image_sample_size
        digests = [digest_of(source, self.folder) for source in there]
        shapes, fault = [], ""
        for place in drawn(digests, most):
            try:
                shape = shape_of(there[place])
            except InputDataError as error:
                shape, fault = UNREADABLE, str(error)
            shapes.append((digests[place], shape))
        return ShapeTally(sorted(shapes)[:most], len(there), most, fault)

    def finish(self, tally: ShapeTally) -> ImageFacts:
        self.refuse_all_missing(tally.seen)
        options = self.config
        shapes = [shape for _, shape in tally.sample if shape != UNREADABLE]
        if tally.sample and not shapes:
            raise InputDataError(f"The {self.where} has no image that can be read. {tally.fault}")
        heights, widths, channels = zip(*(shapes or [(1, 1, 3)]), strict=True)
        height = options.height or min(round(sum(heights) / len(heights)), options.infer_image_max_height)
        width = options.width or min(round(sum(widths) / len(widths)), options.infer_image_max_width)
        usual = int(np.bincount(channels).argmax()) if options.infer_image_num_channels else 3
        return ImageFacts(options.num_channels or usual, height, width)

    @property
    def copies_files(self) -> bool:
        return bool(self.config.mode == "eager")

    def facts_of_config(self) -> ImageFacts:
        options = self.config
        if None in (options.height, options.width, options.num_channels):
            return super().facts_of_config()
        return ImageFacts(options.num_channels, options.height, options.width)

    def decoder(self, facts: ImageFacts) -> Decoder:
        fill = int(self.config.fill_value or 0)
        options = self.config
        size = (facts.channels, facts.height, facts.width)
        workers, share = options.num_processes, options.max_invalid_share
        return ImageDecoder(*size, options.resize_method, fill, workers, share, self.where)

    def encode(self, cells: Objects, facts: ImageFacts) -> Encoded:
        cells, _, dropped = settled(cells, self.config.missing_value_strategy)
        files = Files.of(cells.values, self.decoder(facts))
        there = [source for source in cells.values if source is not None]
        on_disk = bool(there) and all(isinstance(source, str) for source in there)
        if on_disk and self.config.mode == "lazy":
            return Encoded(files, dropped)
        return Encoded(files.decoded(), dropped)


def _pixel_array(value: Any) -> Any:
    return value if isinstance(value, np.ndarray) else None
