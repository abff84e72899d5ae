"""Encoders over networks of other libraries, with pretrained or with initial random weights, and what they share.

B = images of the batch, C = channels, H, W = height and width in pixels, S = size of a vector
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from ludwig.encoders.base import Encoder, Find
from ludwig.encoders.image_backbones import Backbone, unknown
from ludwig.features.image import ImageFacts
from ludwig.nn.pixel_scale import RGB, PixelScale, StandardName, Statistics
from ludwig.nn.signal import Shape, Signal
from ludwig.pretrained.loading import (
    Description,
    read_description,
    read_image_preparation,
    write_description,
    write_preparation,
)
from ludwig.pretrained.names import asset_name
from ludwig.schema import param


class PretrainedImageEncoder(Encoder):
    """A network of another library: images in, one vector each out."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Encoder.Config):
        use_pretrained: bool = param(
            True,
            help="Pretrained weights as the start of training; else initial random ones, which want many images. They "
            "are downloaded once.",
        )
        trainable: bool = param(
            True,
            help="Fine-tuning of the network's weights; else they are frozen, which is faster and steadier with few "
            "images.",
        )
        image_size: int | None = param(
            None,
            min=1,
            help="Image size: height and width in pixels that images are resized to; null for that of the pretrained "
            "weights. Lower it for speed.",
        )

        @property
        def suggested_learning_rate(self) -> float | None:
            return None if self.use_pretrained and self.trainable else 0.001

        @property
        def draws_globally(self) -> bool:
            return True  # its dropout and its stochastic depth

        @property
        def download_folder(self) -> str | None:
            """Where downloads are kept; None for the library's own place."""
            return None

        def backbone(self) -> Backbone:
            """The network."""
            raise NotImplementedError

        def standard(self, image: ImageFacts) -> StandardName | Statistics | None:
            """By which statistics the network's pixels are standardised."""
            return image.standardize_image

        def requires(self) -> Mapping[str, Any]:
            backbone = self.backbone()
            side = self.image_size or (backbone.side if self.use_pretrained or backbone.needs_size else None)
            size = {} if side is None else {"height": side, "width": side}
            if self.use_pretrained:
                return {**size, "num_channels": RGB, "standardize_image": backbone.standard}
            return {**size, **({"num_channels": RGB} if backbone.needs_size else {})}

        def faults_of_origins(self) -> list[tuple[str, str]]:
            backbone = self.backbone()
            faults = [("type", backbone.missing())]
            if self.use_pretrained:
                faults.append(("pretrained_model_name_or_path", backbone.missing_weights()))
            return [(name, text) for name, text in faults if text]

    def __init__(self, config: Config, facts: Sequence[ImageFacts]) -> None:
        super().__init__(config, facts)
        self.is_frozen, self.is_pretrained = not config.trainable, config.use_pretrained
        self.download_folder = config.download_folder
        image, self.backbone = facts[0], config.backbone()
        size = (image.channels, image.height, image.width)
        self.scale = PixelScale(config.standard(image))
        self.network = self.backbone.build(*size, pretrained=config.use_pretrained)
        self.network.requires_grad_(config.trainable)
        self.train()
        self.shape = Shape("vector", self._size_of_vectors(size))

    def _size_of_vectors(self, size: tuple[int, int, int]) -> int:
        """The network is asked, with one black image: its classes do not agree on where they say it."""
        was_training = self.training
        self.eval()
        try:
            with torch.no_grad():
                return self.backbone.features(self.network, torch.zeros(1, *size)).shape[1]
        except (RuntimeError, ValueError) as error:
            what = f"cannot read images of {size[1]} x {size[2]} pixels (encoder.image_size sets their size)"
            raise unknown(self.backbone.name, error, what) from None
        finally:
            self.train(was_training)

    def train(self, mode: bool = True) -> Self:
        """A frozen network stays as it is for predictions: no dropout, and no new statistics of a batch."""
        super().train(mode)
        if self.is_frozen:
            self.network.eval()
        return self

    def start(self, facts: Sequence[Any]) -> None:
        if self.is_pretrained:
            self.backbone.load(self.network, self.download_folder)

    def forward(self, images: Tensor) -> Signal:
        return Signal.vector(self.backbone.features(self.network, self.scale(images)))  # [B, S]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DownloadOptions:
    """Where weights are downloaded to."""

    model_cache_dir: str | None = param(
        None, help="Folder in which downloaded weights are kept; null for the usual one of the library they come from."
    )

    @property
    def download_folder(self) -> str | None:
        return self.model_cache_dir


class TransformersImageEncoder(PretrainedImageEncoder):
    """A vision model of the library transformers.

    Weights that are named have the architecture of their own config.json, whatever the variant, and the pixel
    statistics of their preprocessor_config.json; `image_size` is to be that of their training where the variant's is
    not. A saved model holds both files.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(PretrainedImageEncoder.Config):
        pretrained_model_name_or_path: str | None = param(
            None,
            help="Pretrained weights: a folder, or an id of the Hugging Face hub, of a network of the encoder's "
            "family; null for those of the variant.",
        )
        architecture: dict[str, Any] | None = param(
            None,
            help="Architecture: options of the network in the words of transformers, such as hidden_size, that replace "
            "those of the variant, for small networks without pretrained weights.",
        )

        description: Description | None = param(
            None, internal=True, help="The architecture, as the config.json of the pretrained model has it."
        )
        preparation: Description | None = param(
            None, internal=True, help="How images are prepared, as preprocessor_config.json has it."
        )

        def variant(self) -> Backbone:
            """The network before the two options above."""
            raise NotImplementedError

        def origin(self) -> str | None:
            """The folder or the hub's id of weights whose architecture is not known here."""
            return self.pretrained_model_name_or_path

        @property
        def source(self) -> str | None:
            """Where the architecture is read; None where it is known, or the options describe it."""
            return self.origin() if self.use_pretrained and self.architecture is None else None

        def described(self, find: Find) -> Self:
            if self.source is None:
                return self
            place = find(asset_name("image", self.source), self.source)
            cache = {} if self.download_folder is None else {"cache_dir": self.download_folder}
            description, preparation = read_description(place, cache), read_image_preparation(place, cache)
            return dataclasses.replace(self, description=description, preparation=preparation)

        def assets(self) -> Mapping[str, Callable[[Path], None]]:
            if self.source is None or self.description is None:
                return {}
            return {asset_name("image", self.source): functools.partial(_write, self.description, self.preparation)}

        def backbone(self) -> Backbone:
            backbone = self.variant().changed(self.pretrained_model_name_or_path, self.architecture or {})
            return backbone if self.description is None else backbone.described_by(self.description)

        def standard(self, image: ImageFacts) -> StandardName | Statistics | None:
            known = self.preparation or {}
            if not known.get("do_normalize", True):
                return None
            if "image_mean" not in known:
                return image.standardize_image
            return tuple(known["image_mean"]), tuple(known["image_std"])


def _write(description: Description, preparation: Description | None, folder: Path) -> None:
    write_description(description, folder)
    write_preparation(preparation or {}, folder)


class VariantEncoder(TransformersImageEncoder):
    """One of several sizes of a network of transformers."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(DownloadOptions, TransformersImageEncoder.Config):
        variants: ClassVar[Mapping[str | int, Backbone]]  # by their `model_variant`
        model_variant: str | int

        def variant(self) -> Backbone:
            return self.variants[self.model_variant]
