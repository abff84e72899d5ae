"""Image files, bytes and arrays as tensors of one shape, decoded when they are needed or read from a cache.

C = channels, H, W = height and width in pixels
"""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from ludwig.columns.files import Decoder
from ludwig.error import InputDataError
from ludwig.features.image_cache import ImageCache
from ludwig.features.invalid import Unreadable, allowed
from ludwig.features.pixels import pixels_of

Resize = Literal["interpolate", "crop_or_pad"]


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
            return self.read(source)
        except InputDataError as error:
            if self.unreadable is None:
                raise
            self.unreadable.add(source, error)
            return self(None)

    def read(self, source: Any) -> Tensor:
        """The image that a source is: [C, H, W].

        Raises:
            InputDataError: It cannot be read.
        """
        pixels = torch.from_numpy(pixels_of(source, self.channels)).permute(2, 0, 1)  # [C, H', W']
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class CachingImageDecoder(ImageDecoder):
    """The same, with a folder of images that are decoded already."""

    folder: Path

    @functools.cached_property
    def cache(self) -> ImageCache:
        return ImageCache(self.folder, (self.channels, self.height, self.width), self.resize_method)

    def read(self, source: Any) -> Tensor:
        place = self.cache.place_of(source) if isinstance(source, str) else None
        kept = None if place is None else self.cache.get(place)
        if kept is not None:
            return kept
        pixels = super().read(source)
        if place is not None:
            self.cache.put(place, pixels)
        return pixels
