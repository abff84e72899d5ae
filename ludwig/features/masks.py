"""Masks: images whose pixels are classes, each of which is a grey value or a colour.

N = rows, C = channels, H, W = height and width in pixels
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate, pad

from ludwig.columns.files import Decoder, decoding_pool
from ludwig.error import InputDataError
from ludwig.features.base import Tally
from ludwig.features.invalid import Unreadable, allowed
from ludwig.features.pixels import shape_of, values_of, with_channels

Color = tuple[int, ...]  # one number of a grey value
Palette = tuple[Color, ...]  # the colour of each class, in the order of their ids

IGNORED = -1  # the id of a pixel that does not count
MOST_CLASSES = 254  # so that ids and the ignored one are bytes
COMPARED = 100  # pairs of images and masks whose sizes are compared
TOLERANCE = 0.1  # relative, of height / width


def codes_of(values: NDArray[np.int32]) -> NDArray[np.int64]:
    """One number for each colour, in the order of the colours: [..., C] -> [...]."""
    codes = values[..., 0].astype(np.int64)
    for channel in range(1, values.shape[-1]):
        codes = codes * 256 + values[..., channel]
    return codes


def colors_of(codes: Iterable[int], channels: int) -> NDArray[np.int32]:
    """The colours of such numbers: [number of codes, C]."""
    own = np.array(sorted(codes), np.int64)
    if channels == 1:
        return own[:, None].astype(np.int32)
    return np.stack([(own >> (8 * place)) & 255 for place in reversed(range(channels))], axis=-1).astype(np.int32)


def labels_of(palette: Palette) -> tuple[str, ...]:
    """What options of losses and statistics call the classes by: the numbers of a colour, with spaces between them."""
    return tuple(" ".join(map(str, color)) for color in palette)


def painted(ids: NDArray[Any], palette: Palette) -> NDArray[Any]:
    """Ids as the values of their classes: [N, H, W] -> [N, H, W], of colours [N, H, W, C]."""
    colors = np.array(palette)
    colors = colors.astype(np.uint8 if colors.max(initial=0) < 256 else np.uint16)
    found: NDArray[Any] = (colors[:, 0] if colors.shape[1] == 1 else colors)[ids.astype(np.int64)]
    return found


class ValueTally(Tally):
    """The distinct values of the pixels of masks, by their number of channels; of very many only the smallest ones."""

    def __init__(self, codes: dict[int, frozenset[int]]) -> None:
        self.codes = codes

    @classmethod
    def of(cls, sources: Sequence[Any], workers: int) -> Self:
        """Reads all masks; those that cannot be read are left out."""
        with decoding_pool(workers) as pool:
            read = map(_distinct, sources) if pool is None else pool.map(_distinct, sources)
            return functools.reduce(cls.merge, map(cls, read), cls({}))

    def merge(self, other: Self) -> Self:
        both = {
            c: self.codes.get(c, frozenset()) | other.codes.get(c, frozenset()) for c in {*self.codes, *other.codes}
        }
        return type(self)({c: frozenset(sorted(codes)[: MOST_CLASSES + 1]) for c, codes in both.items()})

    def palette(self, channels: int, where: str, most: int | None) -> Palette:
        """The classes: each distinct colour is one.

        Raises:
            InputDataError: There are too few or too many.
        """
        parts = [with_channels(colors_of(codes, c)[None], channels)[0] for c, codes in self.codes.items()]
        found = sorted({tuple(color) for part in parts for color in part.tolist()})
        if len(found) < 2:
            raise InputDataError(
                f"The {where} has masks of one value only, {', '.join(map(str, found)) or 'none'}, so there is nothing "
                "to predict. Check that the column names masks, or set preprocessing.num_classes and "
                "infer_image_num_classes: false where values are class ids."
            )
        if len(found) > (most or MOST_CLASSES):
            bound = f"num_classes is {most}" if most else f"at most {MOST_CLASSES} classes are possible"
            shown = f"more than {MOST_CLASSES}" if len(found) > MOST_CLASSES else str(len(found))
            raise InputDataError(
                f"The {where} has masks of {shown} distinct values, and {bound}. Values between those of the classes "
                "come from JPEG files or from smooth resizing: save masks as PNG, without antialiasing."
            )
        return tuple(found)


def _distinct(source: Any) -> dict[int, frozenset[int]]:
    try:
        values = values_of(source)
    except InputDataError:
        return {}
    codes = np.unique(codes_of(values))
    return {values.shape[2]: frozenset(codes[codes >= 0].tolist()[: MOST_CLASSES + 1])}


@dataclasses.dataclass(frozen=True)
class MaskDecoder(Decoder):
    """Reads one mask as class ids of one shape: [H, W]. A pixel of an unknown value is ignored, and so are those of a
    mask that cannot be read, as long as there are few."""

    channels: int
    height: int
    width: int
    palette: Palette
    resize_method: Literal["interpolate", "crop_or_pad"]
    fill: float | None = None  # the value of masks that are missing; None ignores them
    workers: int = 1
    max_invalid_share: float = 0.0
    where: str = "mask column"
    unreadable: Unreadable | None = dataclasses.field(default=None, compare=False)  # None allows none

    def of_rows(self, count: int) -> MaskDecoder:
        most = allowed(self.max_invalid_share, count)
        return dataclasses.replace(self, unreadable=Unreadable(self.where, "masks", most))

    @functools.cached_property
    def codes(self) -> NDArray[np.int64]:
        return codes_of(np.array(self.palette, np.int32))

    def __call__(self, source: Any) -> Tensor:
        if source is None:
            return self._missing()
        try:
            ids = self.ids(values_of(source, self.channels))
        except InputDataError as error:
            if self.unreadable is None:
                raise
            self.unreadable.add(source, error)
            return self._missing()
        if ids.shape == (self.height, self.width):
            return ids
        return self._nearest(ids) if self.resize_method == "interpolate" else self._cut(ids)

    def ids(self, values: NDArray[np.int32]) -> Tensor:
        """[H, W, C] -> [H, W]"""
        codes = codes_of(values)
        places = np.searchsorted(self.codes, codes).clip(max=len(self.codes) - 1)
        ids = np.where(self.codes[places] == codes, places, IGNORED)
        return torch.from_numpy(ids).to(self.dtype)

    @property
    def dtype(self) -> torch.dtype:
        return torch.int8 if len(self.palette) <= 127 else torch.int16

    def _missing(self) -> Tensor:
        fill = IGNORED
        if self.fill is not None:
            fill = int(self.ids(np.full((1, 1, self.channels), self.fill, np.int32)))
        return torch.full((self.height, self.width), fill, dtype=self.dtype)

    def _nearest(self, ids: Tensor) -> Tensor:
        resized = interpolate(ids[None, None].float(), (self.height, self.width), mode="nearest-exact")
        return resized[0, 0].to(self.dtype)  # [H, W]

    def _cut(self, ids: Tensor) -> Tensor:
        """The middle of a larger mask; a smaller one in the middle of ignored pixels."""
        down, across = self.height - ids.shape[0], self.width - ids.shape[1]
        around = (across // 2, across - across // 2, down // 2, down - down // 2)
        return pad(ids, around, value=IGNORED)  # [H, W]


def refuse_misfits(masks: Iterable[Any], images: Iterable[Any], where: str, *, exact: bool) -> None:
    """Compares the first masks with the images of their rows, of which only headers are read.

    Args:
        exact: Whether sizes must be equal, as where they are cropped; else the ratio of height and width.

    Raises:
        InputDataError: A mask does not fit its image.
    """
    compared = 0
    for row, (mask, image) in enumerate(zip(masks, images, strict=True)):
        if mask is None or image is None:
            continue
        compared += 1
        if compared > COMPARED:
            return
        try:
            (height, width, _), (down, across, _) = shape_of(mask), shape_of(image)
        except InputDataError:
            continue  # those that cannot be read are counted where they are decoded
        fits = (height, width) == (down, across) if exact else abs(math.log(height * across / width / down)) < TOLERANCE
        if not fits:
            wanted = "the size" if exact else "the ratio of height to width"
            raise InputDataError(
                f"The {where} has a mask of {height} x {width} pixels in row {row}, whose image has {down} x {across}. "
                f"A mask must have {wanted} of its image. Check that both columns belong together."
            )
