"""Images: files that are decoded when a batch needs them, or arrays in memory. As targets: masks of classes.

N = rows, C = channels, H, W = height and width in pixels
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ludwig.columns.files import Decoder, Files
from ludwig.error import InputDataError
from ludwig.features.base import FEATURES, Encoded, Facts, Feature, Tally
from ludwig.features.cells import Flags, Objects
from ludwig.features.image_cache import usual_folder
from ludwig.features.image_decoding import CachingImageDecoder, ImageDecoder, Resize
from ludwig.features.invalid import InvalidOptions
from ludwig.features.masks import MOST_CLASSES, MaskDecoder, Palette, ValueTally, painted, refuse_misfits
from ludwig.features.media import digest_of, drawn, media_of
from ludwig.features.missing import settled
from ludwig.features.pixels import Shape, array_of, shape_of
from ludwig.nn.pixel_scale import RGB, STATISTICS, StandardName
from ludwig.schema import param

Strategy = Literal["fill_with_const", "bfill", "ffill", "drop_row"]
UNREADABLE: Shape = (0, 0, 0)  # of an image whose header cannot be read


@dataclasses.dataclass(frozen=True)
class ImageFacts(Facts):
    """Fitted preprocessing state of an image column."""

    channels: int
    height: int
    width: int
    palette: Palette = ()  # of a target: the value of each class
    standardize_image: StandardName | None = None  # by which statistics encoders standardise pixels

    def to_json(self) -> dict[str, Any]:
        size = {"num_channels": self.channels, "height": self.height, "width": self.width}
        classes = {"palette": [list(color) for color in self.palette]} if self.palette else {}
        return {**size, **classes, "standardize_image": self.standardize_image}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        palette = tuple(tuple(color) for color in raw.get("palette", ()))
        standard = raw.get("standardize_image")  # models that were saved before this was an option have none
        if standard is not None and standard not in STATISTICS:
            raise ValueError(f"no standardize_image is called {standard!r:.80}")
        return cls(raw["num_channels"], raw["height"], raw["width"], palette, standard)


NO_VALUES = ValueTally({})


class ShapeTally(Tally):
    """How many images there are, and the shapes of a sample of them: those whose digests are the least.

    Which images are sampled follows from the images, not from their order; and only headers of the sample are read.
    """

    def __init__(
        self, sample: list[tuple[bytes, Shape]], seen: int, most: int, fault: str = "", values: ValueTally = NO_VALUES
    ) -> None:
        """`fault`: why an image of the sample cannot be read, whose shape is then `UNREADABLE`; `values`: of masks."""
        self.sample, self.seen, self.most, self.fault, self.values = sample, seen, most, fault, values

    def merge(self, other: Self) -> Self:
        sample, values = sorted([*self.sample, *other.sample])[: self.most], self.values.merge(other.values)
        return type(self)(sample, self.seen + other.seen, self.most, self.fault or other.fault, values)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageOptions(InvalidOptions, Feature.Config):
    """How a column of images is read, as an input and as a target."""

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

    def faults(self) -> list[tuple[str, str]]:
        if (self.height is None) != (self.width is None):
            return [("height", "Give height and width, or neither.")]
        if self.height is None and not self.infer_image_dimensions:
            return [("height", "Give height and width, or set infer_image_dimensions to true.")]
        return []


@FEATURES.register("image")
class ImageFeature(Feature[Objects, ShapeTally, ImageFacts]):
    """Image feature: a column of images, as paths, bytes of files, or arrays.

    Use it for pictures. Files are decoded batch by batch by `num_processes` workers, ahead of the training step;
    `mode: eager` decodes them once, into memory, and `mode: lazy_cached` once, into a folder of bytes that later runs
    read too: for files that cost more to decode than the training step takes. A batch is [B, channels, height,
    width].

    As a target the images are masks for semantic segmentation, whose pixels are classes: grey values or colours, as
    they are found in the training split. They are resized by nearest neighbour, to the size of the input image unless
    height and width are given, and kept in memory as class ids [B, height, width]; -1 does not count.

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
    class Config(ImageOptions):
        missing_value_strategy: Strategy = param(
            "fill_with_const",
            help="Strategy for missing values (imputation), such as fill_with_const, bfill or drop_row.",
        )
        fill_value: float | None = param(
            None, min=0, max=255, help="Fill value: grey level of images that are missing; null for black."
        )
        standardize_image: StandardName | None = param(
            None,
            help="Standardisation of the pixels by the mean and standard deviation of ImageNet (imagenet1k), by 0.5 "
            "(inception) or by those of CLIP; null for plain fractions of 255.",
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
            faults = super().faults()
            if self.lazy_cache_dir is not None and self.mode != "lazy_cached":
                text = "Has no effect without mode: lazy_cached. Set that, or remove it."
                faults.append(("lazy_cache_dir", text))
            if self.standardize_image is not None and self.num_channels not in (None, RGB):
                text = "Must be 3, or null, with standardize_image, whose statistics are of RGB."
                faults.append(("num_channels", text))
            return faults

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class TargetConfig(ImageOptions):
        missing_value_strategy: Strategy = param(
            "drop_row", help="Strategy for missing targets; drop_row leaves such rows out of training and evaluation."
        )
        fill_value: float | None = param(
            None, min=0, help="Fill value: pixel value of masks that are missing; null: their pixels do not count."
        )
        num_classes: int | None = param(
            None,
            min=1,
            max=MOST_CLASSES,
            help="Number of classes, at most, where they are inferred; else the pixel values 0 to num_classes - 1.",
        )
        infer_image_num_classes: bool = param(
            True,
            help="Whether classes are inferred: each distinct pixel value or colour of the training masks is one; "
            "else pixel values are class ids.",
        )

        def faults(self) -> list[tuple[str, str]]:
            if self.num_classes is None and not self.infer_image_num_classes:
                return [("num_classes", "Give the number of classes, or set infer_image_num_classes to true.")]
            return super().faults()

    kind = "image"
    facts_type = ImageFacts
    suggested_learning_rate = 0.0001
    default_encoder = "stacked_cnn"

    def parse(self, column: pd.Series) -> Objects:
        share = self.config.max_invalid_share
        words = {"file": "image file", "besides": "array of pixels"}
        return media_of(column, self.folder, share, self.where, in_memory=array_of, **words)

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
        values = ValueTally.of(there, self.config.num_processes) if self._finds_classes else NO_VALUES
        return ShapeTally(sorted(shapes)[:most], len(there), most, fault, values)

    @property
    def _finds_classes(self) -> bool:
        return bool(self.target and self.config.infer_image_num_classes)

    def finish(self, tally: ShapeTally) -> ImageFacts:
        self.refuse_all_missing(tally.seen)
        options = self.config
        shapes = [shape for _, shape in tally.sample if shape != UNREADABLE]
        if tally.sample and not shapes:
            raise InputDataError(f"The {self.where} has no image that can be read. {tally.fault}")
        heights, widths, channels = zip(*(shapes or [(1, 1, 3)]), strict=True)
        height = options.height or min(round(sum(heights) / len(heights)), options.infer_image_max_height)
        width = options.width or min(round(sum(widths) / len(widths)), options.infer_image_max_width)
        standard = None if self.target else options.standardize_image
        infers = options.infer_image_num_channels and standard is None
        usual = int(np.bincount(channels).argmax()) if infers else RGB
        facts = ImageFacts(options.num_channels or usual, height, width, standardize_image=standard)
        if not self.target:
            return facts
        if not self._finds_classes:
            return dataclasses.replace(facts, channels=1, palette=self._ids_as_palette())
        palette = tally.values.palette(facts.channels, self.where, options.num_classes)
        return dataclasses.replace(facts, palette=palette)

    def _ids_as_palette(self) -> Palette:
        return tuple((value,) for value in range(self.config.num_classes))

    def following(
        self, facts: ImageFacts, cells: Objects, of_leader: ImageFacts, cells_of_leader: Objects
    ) -> ImageFacts:
        options, is_cut = self.config, self.config.resize_method == "crop_or_pad"
        refuse_misfits(cells.values, cells_of_leader.values, self.where, exact=is_cut)
        height, width = options.height or of_leader.height, options.width or of_leader.width
        if is_cut and (height, width) != (of_leader.height, of_leader.width):
            raise InputDataError(
                f"The {self.where} is cropped to {height} x {width} pixels, and its image to {of_leader.height} x "
                f"{of_leader.width}. Remove preprocessing.height and width of the output."
            )
        return dataclasses.replace(facts, height=height, width=width)

    @property
    def copies_files(self) -> bool:
        return self.target or bool(self.config.mode == "eager")

    def facts_of_config(self) -> ImageFacts:
        options = self.config
        if self._finds_classes or None in (options.height, options.width, options.num_channels):
            return super().facts_of_config()
        if self.target:
            return ImageFacts(1, options.height, options.width, self._ids_as_palette())
        size = (options.num_channels, options.height, options.width)
        return ImageFacts(*size, standardize_image=options.standardize_image)

    def decoder(self, facts: ImageFacts) -> Decoder:
        options = self.config
        size = (facts.channels, facts.height, facts.width)
        rest = (options.num_processes, options.max_invalid_share, self.where)
        if self.target:
            return MaskDecoder(*size, facts.palette, options.resize_method, options.fill_value, *rest)
        how = (*size, options.resize_method, int(options.fill_value or 0), *rest)
        if options.mode != "lazy_cached":
            return ImageDecoder(*how)
        folder = usual_folder() if options.lazy_cache_dir is None else Path(options.lazy_cache_dir).expanduser()
        return CachingImageDecoder(*how, folder=folder)

    def decode(self, predicted: Mapping[str, NDArray[Any]], facts: ImageFacts) -> dict[str, Any]:
        return {**predicted, "predictions": painted(predicted["predictions"], facts.palette)}

    def encode(self, cells: Objects, facts: ImageFacts) -> Encoded:
        cells, _, dropped = settled(cells, self.config.missing_value_strategy)
        if self.target:
            return self._encoded_masks(Files.of(cells.values, self.decoder(facts)), dropped)
        files = Files.of(cells.values, self.decoder(facts))
        there = [source for source in cells.values if source is not None]
        on_disk = bool(there) and all(isinstance(source, str) for source in there)
        if on_disk and self.config.mode != "eager":
            return Encoded(files, dropped)
        return Encoded(files.decoded(), dropped)

    def _encoded_masks(self, files: Files, dropped: Flags | None) -> Encoded:
        """In memory, where statistics read them whole; one without a known pixel is of no use as a target."""
        masks = files.decoded()
        if self.config.missing_value_strategy == "drop_row":
            empty = ~(masks.values >= 0).flatten(1).any(1).numpy()
            dropped = empty if dropped is None else empty | dropped
            dropped = dropped if dropped.any() else None
        return Encoded(masks, dropped)
