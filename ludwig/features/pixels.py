"""Pixels of an image file, of a file of numpy, of the bytes of one, or of an array.

C = channels, H, W = height and width in pixels
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ludwig.error import InputDataError, MissingExtraError

Pixel = TypeVar("Pixel", np.uint8, np.int32)
Shape = tuple[int, int, int]  # height, width, channels
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
DEEP = ("I", "I;16", "I;16L", "I;16B", "I;16N", "F")  # Pillow's names of greys of more than 8 bits
BRIGHTEST = 65535  # of 16 bits
NPY = b"\x93NUMPY"  # what a file of numpy begins with


def pixels_of(source: Any, channels: int | None = None) -> NDArray[np.uint8]:
    """The pixels of a path, of encoded bytes or of an array: [H, W, C].

    Raises:
        InputDataError: It is no image.
    """
    source = unpacked(source)
    if isinstance(source, np.ndarray):
        return with_channels(_from_array(source), channels)
    with _opened(source) as image:
        if image.mode in DEEP:
            return with_channels(_from_array(_deep_pixels(image)), channels)
        pixels = np.array(image.convert(MODES[channels] if channels else _mode(image)))
    return pixels if pixels.ndim == 3 else pixels[:, :, None]


def values_of(source: Any, channels: int | None = None) -> NDArray[np.int32]:
    """The values of a mask's pixels as they are, none of them scaled: [H, W, C]. Of an array, NaN and what is below
    zero are -1.

    Raises:
        InputDataError: It is no image, or has values that are not whole numbers.
    """
    if isinstance(source, np.ndarray):
        return with_channels(_whole(_channels_last(source)), channels)
    with _opened(source) as image:
        deep = image.mode in DEEP
        values = _deep_pixels(image) if deep else np.array(image.convert(_mode(image)))
    return with_channels(_whole(values if values.ndim == 3 else values[:, :, None]), channels)


def _whole(values: NDArray[Any]) -> NDArray[np.int32]:
    most = BRIGHTEST if values.shape[2] == 1 else 255
    exact = np.nan_to_num(values, nan=-1.0) if values.dtype.kind == "f" else values
    if values.dtype.kind not in "biuf" or exact.max(initial=0) > most or (exact != np.trunc(exact)).any():
        raise InputDataError(
            f"The pixels of a mask must be whole numbers up to {most}. This one is of {values.dtype}, from "
            f"{exact.min(initial=0)} to {exact.max(initial=0)}."
        )
    return exact.astype(np.int32).clip(-1)


def array_of(cell: Any) -> NDArray[Any] | None:
    """The pixels of a cell that holds an image in memory: an array, a tensor or an image of Pillow; None of another."""
    if isinstance(cell, np.ndarray):
        return cell
    if hasattr(cell, "convert") and hasattr(cell, "getbands"):  # an image of Pillow, which is not imported here
        return _deep_pixels(cell) if cell.mode in DEEP else np.asarray(cell.convert(_mode(cell)))
    return np.asarray(cell) if hasattr(cell, "__array__") else None


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
    source = unpacked(source)
    if isinstance(source, np.ndarray):
        height, width, channels = _channels_last(source).shape
        return height, width, channels
    with _opened(source) as image:
        return image.height, image.width, len(_mode(image))


def unpacked(source: Any) -> Any:
    """The array in a file of numpy or in its bytes; of a file, pixels are read when they are asked for.

    Any other source as it is.

    Raises:
        InputDataError: The file is damaged, or holds Python objects.
    """
    is_bytes = isinstance(source, bytes)
    named = isinstance(source, str | Path) and str(source).lower().endswith(".npy")
    if not named and not (is_bytes and source.startswith(NPY)):
        return source
    try:
        if is_bytes:
            return np.load(io.BytesIO(source), allow_pickle=False)
        return np.load(source, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        what = f"An array of {len(source)} bytes" if is_bytes else f"'{source}'"
        raise InputDataError(f"{what} cannot be read as an array of numpy: {str(error).rstrip('.')}.") from None


@contextmanager
def _opened(source: Any) -> Iterator[Any]:
    """A file's or its bytes' image, whose pixels are read when they are asked for."""
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise MissingExtraError("Pillow", "image", "Reading image files") from None
    try:
        with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
            yield image
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        what = f"An image of {len(source)} bytes" if isinstance(source, bytes) else f"'{source}'"
        why = "its format is unknown" if isinstance(error, UnidentifiedImageError) else str(error).rstrip(".")
        raise InputDataError(f"{what} cannot be read as an image: {why}.") from None


def _mode(image: Any) -> str:
    """Pillow's name of the channels as which an image is read: one letter each."""
    if image.mode in DEEP or image.mode == "1":
        return "L"
    return image.mode if image.mode in MODES.values() else "RGB"


def _from_array(array: NDArray[Any]) -> NDArray[np.uint8]:
    """[H, W] or [H, W, C], as bytes, as 16 bits or as shares of one. Channels may come first where they are few.

    The dtype alone says that numbers are of 16 bits, so that dark images stay dark.
    """
    array = _channels_last(array)
    if array.dtype == np.uint16:
        return np.ascontiguousarray((array.astype(np.float32) * (255 / BRIGHTEST)).round().astype(np.uint8))
    low, high = array.min(initial=0), array.max(initial=0)
    if array.dtype.kind == "b" or (array.dtype.kind == "f" and low >= 0 and high <= 1):
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


def with_channels(pixels: NDArray[Pixel], channels: int | None) -> NDArray[Pixel]:
    """The same pixels with so many channels, as a file's would be converted; None keeps them: [H, W, C]."""
    has = pixels.shape[2]
    if channels in (None, has):
        return pixels
    if has == 1:
        return np.repeat(pixels, channels, axis=2)
    if channels == 1:
        return np.ascontiguousarray(pixels[:, :, :3].mean(axis=2, keepdims=True).round().astype(pixels.dtype))
    if has > channels:
        return np.ascontiguousarray(pixels[:, :, :channels])
    opaque = np.full((*pixels.shape[:2], channels - has), 255, pixels.dtype)
    return np.concatenate([pixels, opaque], axis=2)
