"""Images: files that are decoded when a batch needs them, or arrays in memory.

N = rows, C = channels, H, W = height and width in pixels
"""

from __future__ import annotations

import dataclasses
import io
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate, pad

from ludwig.columns.files import Decoder, Files
from ludwig.error import InputDataError, MissingExtraError
from ludwig.features.base import FEATURES, Encoded, Facts, Feature, Tally, first_few
from ludwig.features.cells import Objects
from ludwig.features.missing import settled
from ludwig.schema import param

Strategy = Literal["fill_with_const", "bfill", "ffill", "drop_row"]
Resize = Literal["interpolate", "crop_or_pad"]
Shape = tuple[int, int, int]  # height, width, channels
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
DEEP = ("I", "I;16", "I;16L", "I;16B", "I;16N", "F")  # Pillow's names of greys of more than 8 bits
BRIGHTEST = 65535  # of 16 bits
DIGESTED = 1024  # bytes or pixels of an image that its digest reads


@dataclasses.dataclass(frozen=True)
class ImageDecoder(Decoder):
    """Reads one image as bytes of one shape: uint8 [C, H, W]. A missing one is of one grey."""

    channels: int
    height: int
    width: int
    resize_method: Resize
    fill: int = 0
    workers: int = 1

    def __call__(self, source: Any) -> Tensor:
        if source is None:
            return torch.full((self.channels, self.height, self.width), self.fill, dtype=torch.uint8)
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


def pixels_of(source: Any, channels: int | None = None) -> NDArray[np.uint8]:
    """The pixels of a path, of encoded bytes or of an array: [H, W, C].

    Raises:
        InputDataError: It is no image.
    """
    if isinstance(source, np.ndarray):
        return _with_channels(_from_array(source), channels)
    with _opened(source) as image:
        if image.mode in DEEP:
            return _with_channels(_from_array(_deep_pixels(image)), channels)
        pixels = np.array(image.convert(MODES[channels] if channels else _mode(image)))
    return pixels if pixels.ndim == 3 else pixels[:, :, None]


def _deep_pixels(image: Any) -> NDArray[Any]:
    """The greys of an image of more than 8 bits; integers of 32 bits that 16 hold are those of 16: [H, W]."""
    pixels = np.array(image)
    if image.mode == "I" and pixels.min(initial=0) >= 0 and pixels.max(initial=0) <= BRIGHTEST:
        return pixels.astype(np.uint16)  # as Pillow reads some files of 16 bits
    return pixels.astype(np.uint16) if image.mode.startswith("I;16") else pixels


def shape_of(source: Any) -> Shape:
    """Height, width and channels of what `pixels_of` would give; of a file only the header is read.

    Raises:
        InputDataError: It is no image.
    """
    if isinstance(source, np.ndarray):
        height, width, channels = _channels_last(source).shape
        return height, width, channels
    with _opened(source) as image:
        return image.height, image.width, len(_mode(image))


@contextmanager
def _opened(source: Any) -> Iterator[Any]:
    """A file's or its bytes' image, whose pixels are read when they are asked for."""
    try:
        from PIL import Image
    except ImportError:
        raise MissingExtraError("Pillow", "image", "Reading image files") from None
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            yield image
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        what = f"An image of {len(source)} bytes" if isinstance(source, bytes) else f"'{source}'"
        raise InputDataError(f"{what} cannot be read as an image: {error}.") from None


def _mode(image: Any) -> str:
    """Pillow's name of the channels as which an image is read: one letter each."""
    if image.mode in DEEP:
        return "L"
    return image.mode if image.mode in MODES.values() else "RGB"


def _digest(source: Any, folder: Path | None) -> bytes:
    """What draws the sample: of a path as the table has it, of bytes, or of pixels across an array."""
    if isinstance(source, np.ndarray):
        source = repr(source.shape).encode() + source.reshape(-1)[:: source.size // DIGESTED + 1].tobytes()
    elif not isinstance(source, bytes):
        source = os.path.relpath(source, folder)
    raw = source if isinstance(source, bytes) else source.encode(errors="surrogatepass")
    return blake2b(raw[:DIGESTED] + raw[-DIGESTED:] + len(raw).to_bytes(8), digest_size=8).digest()


def _from_array(array: NDArray[Any]) -> NDArray[np.uint8]:
    """[H, W] or [H, W, C], as bytes, as 16 bits or as shares of one. Channels may come first where they are few.

    The dtype alone says that numbers are of 16 bits, so that dark images stay dark.
    """
    array = _channels_last(array)
    if array.dtype == np.uint16:
        return np.ascontiguousarray((array.astype(np.float32) * (255 / BRIGHTEST)).round().astype(np.uint8))
    low, high = array.min(initial=0), array.max(initial=0)
    if array.dtype.kind == "b" or (array.dtype.kind == "f" and high <= 1):
        array = array * 255
    elif not (low >= 0 and high <= 255):  # NaN is neither
        raise InputDataError(
            f"An image must have numbers from 0 to 255, or from 0 to 1, or be of uint16. It has {low} to {high}."
        )
    return np.ascontiguousarray(array).astype(np.uint8)


def _channels_last(array: NDArray[Any]) -> NDArray[Any]:
    if array.ndim == 2:
        return array[:, :, None]  # [H, W, 1]
    if array.ndim != 3:
        shape = list(array.shape)
        raise InputDataError(f"An image array must be [height, width] or [height, width, channels]. It is {shape}.")
    if array.shape[0] in MODES and array.shape[2] not in MODES:
        return array.transpose(1, 2, 0)  # [H, W, C]
    return array


def _with_channels(pixels: NDArray[np.uint8], channels: int | None) -> NDArray[np.uint8]:
    has = pixels.shape[2]
    if channels in (None, has):
        return pixels
    if has == 1:
        return np.repeat(pixels, channels, axis=2)
    if channels == 1:
        return np.ascontiguousarray(pixels[:, :, :3].mean(axis=2, keepdims=True).round().astype(np.uint8))
    if has > channels:
        return np.ascontiguousarray(pixels[:, :, :channels])
    opaque = np.full((*pixels.shape[:2], channels - has), 255, np.uint8)
    return np.concatenate([pixels, opaque], axis=2)


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

    Which images are sampled follows from the images, not from their order, as in the bottom-k sketch of Cohen & Kaplan
    2007 ("Summarizing data using bottom-k sketches"); and only headers of the sample are read.
    """

    def __init__(self, sample: list[tuple[bytes, Shape]], seen: int, most: int) -> None:
        self.sample, self.seen, self.most = sample, seen, most

    def merge(self, other: Self) -> Self:
        return type(self)(sorted([*self.sample, *other.sample])[: self.most], self.seen + other.seen, self.most)


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
    class Config(Feature.Config):
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
        values = column.to_numpy(dtype=object)
        places = self._places({str(value): None for value in values if isinstance(value, str | Path)})
        sources = np.empty(len(values), dtype=object)
        for row, value in enumerate(values):
            if isinstance(value, str | Path):
                sources[row] = places[str(value)]
            elif isinstance(value, bytes | np.ndarray):
                sources[row] = value
            elif not _is_missing(value):
                raise InputDataError(
                    f"The {self.where} has a {type(value).__name__} in row {row}. A cell must be a path, the bytes of "
                    "an image file, or an array of pixels."
                )
        return Objects(sources)

    def _places(self, paths: Iterable[str]) -> dict[str, str]:
        """Paths from the folder of the data file; each distinct path is looked for once."""
        full = {path: str((self.folder or Path()) / path) for path in paths}
        absent = [path for path in full.values() if not _is_file(path)]
        if absent:
            raise InputDataError(
                f"The {self.where} names {len(absent)} image files that are not there: {first_few(absent)}. Relative "
                "paths begin at the folder of the data file, or at the working folder for data in memory."
            )
        return full

    def tally(self, cells: Objects) -> ShapeTally:
        there = [source for source in cells.values if source is not None]
        most = self.config.infer_image_sample_size
        digests = [_digest(source, self.folder) for source in there]
        last = sorted(digests)[:most][-1:]
        drawn = [place for place, digest in enumerate(digests) if [digest] <= last]  # all that tie with the last
        try:
            shapes = sorted((digests[place], shape_of(there[place])) for place in drawn)
        except InputDataError as error:
            raise InputDataError(f"The {self.where}: {error}") from error
        return ShapeTally(shapes[:most], len(there), most)

    def finish(self, tally: ShapeTally) -> ImageFacts:
        self.refuse_all_missing(tally.seen)
        options = self.config
        heights, widths, channels = zip(*(shape for _, shape in tally.sample or [(b"", (1, 1, 3))]), strict=True)
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
        return ImageDecoder(*size, options.resize_method, fill, options.num_processes)

    def encode(self, cells: Objects, facts: ImageFacts) -> Encoded:
        cells, _, dropped = settled(cells, self.config.missing_value_strategy)
        files = Files(cells.values, self.decoder(facts))
        there = [source for source in cells.values if source is not None]
        on_disk = bool(there) and all(isinstance(source, str) for source in there)
        if on_disk and self.config.mode == "lazy":
            return Encoded(files, dropped)
        try:
            return Encoded(files.decoded(), dropped)
        except InputDataError as error:
            raise InputDataError(f"The {self.where}: {error}") from error


def _is_file(path: str) -> bool:
    try:
        return Path(path).is_file()
    except OSError:  # a name that is too long
        return False


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value))
