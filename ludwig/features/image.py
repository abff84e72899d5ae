"""Images: files that are decoded when a batch needs them, or arrays in memory.

N = rows, C = channels, H, W = height and width in pixels
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from pathlib import Path
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
from ludwig.features.image_cache import ImageCache, usual_folder
from ludwig.features.invalid import InvalidOptions, Unreadable, allowed, refuse_many
from ludwig.features.missing import settled
from ludwig.features.pixels import Shape, local_path, pixels_of, shape_of
from ludwig.nn.pixel_scale import RGB, STATISTICS, StandardName
from ludwig.schema import param

Strategy = Literal["fill_with_const", "bfill", "ffill", "drop_row"]
Resize = Literal["interpolate", "crop_or_pad"]
UNREADABLE: Shape = (0, 0, 0)  # of an image whose header cannot be read
FOLDERS = "relative paths begin at the folder of the data file, or at the working folder for data in memory"
DIGESTED = 1024  # bytes or pixels of an image that its digest reads


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


def _digest(source: Any, folder: Path | None) -> bytes:
    """What draws the sample: of a path as the table has it, of bytes, or of pixels across an array."""
    if isinstance(source, np.ndarray):
        source = repr(source.shape).encode() + source.reshape(-1)[:: source.size // DIGESTED + 1].tobytes()
    elif not isinstance(source, bytes):
        source = os.path.relpath(source, folder)
    raw = source if isinstance(source, bytes) else source.encode(errors="surrogatepass")
    return blake2b(raw[:DIGESTED] + raw[-DIGESTED:] + len(raw).to_bytes(8), digest_size=8).digest()


@dataclasses.dataclass(frozen=True)
class ImageFacts(Facts):
    """Fitted preprocessing state of an image column."""

    channels: int
    height: int
    width: int
    standardize_image: StandardName | None = None  # by which statistics encoders standardise pixels

    def to_json(self) -> dict[str, Any]:
        size = {"num_channels": self.channels, "height": self.height, "width": self.width}
        return {**size, "standardize_image": self.standardize_image}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        standard = raw.get("standardize_image")  # models that were saved before this was an option have none
        if standard is not None and standard not in STATISTICS:
            raise ValueError(f"no standardize_image is called {standard!r:.80}")
        return cls(raw["num_channels"], raw["height"], raw["width"], standardize_image=standard)


class ShapeTally(Tally):
    """How many images there are, and the shapes of a sample of them: those whose digests are the least.

    Which images are sampled follows from the images, not from their order, as in the bottom-k sketch of Cohen & Kaplan
    2007 ("Summarizing data using bottom-k sketches"); and only headers of the sample are read.
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

    Use it for pictures. Files are decoded batch by batch by `num_processes` workers, ahead of the training step;
    `mode: eager` decodes them once, into memory, and `mode: lazy_cached` once, into a folder of bytes that later runs
    read too: for files that cost more to decode than the training step takes. A batch is [B, channels, height,
    width].

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
        standardize_image: StandardName | None = param(
            None,
            help="Standardisation of the pixels by the mean and standard deviation of ImageNet (imagenet1k), by 0.5 "
            "(inception) or by those of CLIP; null for plain fractions of 255.",
        )
        num_processes: int = param(
            1,
            min=1,
            help="Number of workers (threads) that decode images ahead of their use. Raise it where decoding is "
            "slower than training; results do not depend on it.",
        )
        mode: Literal["lazy", "lazy_cached", "eager"] = param(
            "lazy",
            help="Lazy loading decodes images batch by batch; lazy_cached keeps what is decoded in lazy_cache_dir; "
            "eager decodes all of them once, into memory.",
        )
        lazy_cache_dir: str | None = param(
            None,
            help="Cache folder of mode lazy_cached, with a file of channels * height * width bytes for each image; "
            "null for ludwig/images in the user's cache folder.",
        )

        def faults(self) -> list[tuple[str, str]]:
            if (self.height is None) != (self.width is None):
                return [("height", "Give height and width, or neither.")]
            if self.height is None and not self.infer_image_dimensions:
                return [("height", "Give height and width, or set infer_image_dimensions to true.")]
            if self.lazy_cache_dir is not None and self.mode != "lazy_cached":
                return [("lazy_cache_dir", "Has no effect without mode: lazy_cached. Set that, or remove it.")]
            if self.standardize_image is not None and self.num_channels not in (None, RGB):
                return [("num_channels", "Must be 3, or null, with standardize_image, whose statistics are of RGB.")]
            return []

    TargetConfig = Config  # images are inputs only

    kind = "image"
    facts_type = ImageFacts
    suggested_learning_rate = 0.0001
    default_encoder = "stacked_cnn"

    def parse(self, column: pd.Series) -> Objects:
        values, share = column.to_numpy(dtype=object), self.config.max_invalid_share
        places = self._places({str(value): None for value in values if isinstance(value, str | Path)})
        sources = np.empty(len(values), dtype=object)
        is_odd, is_absent = np.zeros(len(values), bool), np.zeros(len(values), bool)
        for row, value in enumerate(values):
            if isinstance(value, str | Path):
                sources[row] = places[str(value)]
                is_absent[row] = sources[row] is None
            elif isinstance(value, bytes | np.ndarray):
                sources[row] = value
            else:
                is_odd[row] = not _is_missing(value)
        odd = "that are no path, no bytes of an image file and no array of pixels"
        refuse_many(column, is_odd, share, self.where, odd, "")
        refuse_many(column, is_absent, share, self.where, f"that name no image file ({FOLDERS})", "")
        return Objects(sources)

    def _places(self, paths: Iterable[str]) -> dict[str, str | None]:
        """Paths from the folder of the data file, each distinct one looked for once; None where there is no file."""
        full = {path: str((self.folder or Path()) / local_path(path)) for path in paths}
        return {path: place if _is_file(place) else None for path, place in full.items()}

    def tally(self, cells: Objects) -> ShapeTally:
        there = [source for source in cells.values if source is not None]
        most = self.config.infer_image_sample_size
        digests = [_digest(source, self.folder) for source in there]
        last = sorted(digests)[:most][-1:]
        drawn = [place for place, digest in enumerate(digests) if [digest] <= last]  # all that tie with the last
        shapes, fault = [], ""
        for place in drawn:
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
        infers = options.infer_image_num_channels and options.standardize_image is None
        usual = int(np.bincount(channels).argmax()) if infers else RGB
        return ImageFacts(options.num_channels or usual, height, width, standardize_image=options.standardize_image)

    @property
    def copies_files(self) -> bool:
        return bool(self.config.mode == "eager")

    def facts_of_config(self) -> ImageFacts:
        options = self.config
        if None in (options.height, options.width, options.num_channels):
            return super().facts_of_config()
        size = (options.num_channels, options.height, options.width)
        return ImageFacts(*size, standardize_image=options.standardize_image)

    def decoder(self, facts: ImageFacts) -> Decoder:
        fill = int(self.config.fill_value or 0)
        options = self.config
        size = (facts.channels, facts.height, facts.width)
        workers, share = options.num_processes, options.max_invalid_share
        how = (*size, options.resize_method, fill, workers, share, self.where)
        if options.mode != "lazy_cached":
            return ImageDecoder(*how)
        folder = usual_folder() if options.lazy_cache_dir is None else Path(options.lazy_cache_dir).expanduser()
        return CachingImageDecoder(*how, folder=folder)

    def encode(self, cells: Objects, facts: ImageFacts) -> Encoded:
        cells, _, dropped = settled(cells, self.config.missing_value_strategy)
        files = Files.of(cells.values, self.decoder(facts))
        there = [source for source in cells.values if source is not None]
        on_disk = bool(there) and all(isinstance(source, str) for source in there)
        if on_disk and self.config.mode != "eager":
            return Encoded(files, dropped)
        return Encoded(files.decoded(), dropped)


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except OSError:  # a name that is too long
        return False


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value))
