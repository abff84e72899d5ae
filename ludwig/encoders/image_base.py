"""Encoders over networks of other libraries, with pretrained or with initial random weights, and what they share.

B = images of the batch, C = channels, H, W = height and width in pixels, S = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

from ludwig.encoders.base import Encoder
from ludwig.encoders.image_backbones import Backbone, unknown
from ludwig.features.image import ImageFacts
from ludwig.nn.pixel_scale import RGB, PixelScale
from ludwig.nn.signal import Shape, Signal
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
        self.scale = PixelScale(image.standardize_image)
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
    """A vision model of the library transformers."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(PretrainedImageEncoder.Config):
        pretrained_model_name_or_path: str | None = param(
            None,
            help="Pretrained weights: a folder, or an id of the Hugging Face hub, with the architecture that the "
            "encoder has; null for those of the variant.",
        )
        architecture: dict[str, Any] | None = param(
            None,
            help="Architecture: options of the network in the words of transformers, such as hidden_size, that replace "
            "those of the variant, for small networks without pretrained weights.",
        )

        def variant(self) -> Backbone:
            """The network before the two options above."""
            raise NotImplementedError

        def backbone(self) -> Backbone:
            return self.variant().changed(self.pretrained_model_name_or_path, self.architecture or {})


class VariantEncoder(TransformersImageEncoder):
    """One of several sizes of a network of transformers."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(DownloadOptions, TransformersImageEncoder.Config):
        variants: ClassVar[Mapping[str | int, Backbone]]  # by their `model_variant`
        model_variant: str | int

        def variant(self) -> Backbone:
            return self.variants[self.model_variant]
