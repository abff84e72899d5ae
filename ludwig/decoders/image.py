"""From the maps of an image encoder to the logits of each pixel.

B = rows of the batch, C = channels, X, Y = pixels down and across of a map, H = size of a vector, O = classes
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ludwig.decoders.base import DECODERS, Decoder
from ludwig.nn.dropout import Dropout
from ludwig.nn.maps import DoubleConvolution, NormedConvolution, as_scales, resized
from ludwig.nn.norm import ConvolutionNormName
from ludwig.nn.prediction import Prediction
from ludwig.nn.signal import Form, Shape, Signal
from ludwig.schema import param

SEGFORMER_MAPS = 4  # of the hierarchical encoder in the paper


class MapDecoder(Decoder):
    """A decoder that reads the maps of an image encoder, which travel past the combiner.

    The combined vector is added to each pixel of the coarsest map, after fully connected layers and a linear map to its
    channels; so all other inputs have a part in every pixel.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Decoder.Config):
        takes: ClassVar[frozenset[Form]] = frozenset({"vector"})
        needs_skips: ClassVar[bool] = True

    def __init__(self, config: Config, shape: Shape, size: int) -> None:
        super().__init__(config, shape, size)
        self.scales = as_scales(shape.skips)
        self.join = nn.Linear(self.hidden_shape.size, self.scales[-1][0])

    def logits(self, maps: Sequence[Tensor]) -> Tensor:
        """The logits from maps, the finest first: [B, O, X, Y] of whatever size."""
        raise NotImplementedError

    def forward(self, signal: Signal, target: Tensor | None = None) -> Prediction:
        hidden: Tensor = self.fc_stack(signal.values)  # [B, H]
        coarsest = signal.skips[-1] + self.join(hidden)[:, :, None, None]  # [B, C, X, Y]
        return Prediction(self.logits([*signal.skips[:-1], coarsest]), hidden)


@DECODERS.register("unet", kinds=("image",))
class UnetDecoder(MapDecoder):
    """The expanding half of a U-Net: each stage doubles the resolution and reads the encoder's map of that size.

    Use it as the default for semantic segmentation: it keeps the finest detail. It costs about what the encoder does.

    Takes a vector [B, H] and maps [B, C, X, Y] of an encoder of at least `num_stages` halvings; gives [B, O, X, Y], as
    large as the image where `num_stages` is that of the encoder.

    Source: Ronneberger, Fischer & Brox 2015, "U-Net: Convolutional Networks for Biomedical Image Segmentation",
    arXiv:1505.04597, figure 1; with padding, so that maps keep their size.

    ```yaml
    name: mask
    type: image
    decoder:
      type: unet
      num_stages: 4
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(MapDecoder.Config):
        conv_norm: ConvolutionNormName | None = param(
            "batch",
            help="Normalisation of convolutions' outputs, which steadies and speeds up training; null for none.",
        )
        num_stages: int = param(
            4, min=1, help="Number of stages that double the resolution, at most as many as the encoder has."
        )

        def faults_of_skips(self, count: int) -> list[tuple[str, str]]:
            if not 0 < count <= self.num_stages:
                return super().faults_of_skips(count)
            text = f"Must be at most {count - 1}, the stages of the encoder. Received: {self.num_stages}."
            return [("num_stages", text)]

    def __init__(self, config: Config, shape: Shape, size: int) -> None:
        super().__init__(config, shape, size)
        channels = [scale[0] for scale in self.scales[::-1]][: config.num_stages + 1]
        self.ups, self.stages = nn.ModuleList(), nn.ModuleList()
        for coarse, fine in zip(channels, channels[1:], strict=False):
            self.ups.append(nn.ConvTranspose2d(coarse, fine, 2, stride=2))
            self.stages.append(DoubleConvolution(2 * fine, fine, config.conv_norm))
        self.classify = nn.Conv2d(channels[-1], size, 1)

    def logits(self, maps: Sequence[Tensor]) -> Tensor:
        values = maps[-1]
        for up, stage, skip in zip(self.ups, self.stages, maps[-2::-1], strict=False):
            doubled = up(values)[:, :, : skip.shape[2], : skip.shape[3]]  # a pixel less where the size is odd
            values = stage(torch.cat([skip, doubled], dim=1))  # [B, C, X, Y]
        logits: Tensor = self.classify(values)
        return logits  # [B, O, X, Y]


@DECODERS.register("fpn", kinds=("image",))
class FpnDecoder(MapDecoder):
    """Feature pyramid network (FPN): coarse maps are added to finer ones, and all sums have a part in the logits.

    Use it for objects of very different sizes, and with backbones whose maps are coarse. It costs
    `9 * num_channels^2 * num_levels` weights.

    Takes a vector [B, H] and maps [B, C, X, Y], of which it reads the coarsest `num_levels`; gives [B, O, X, Y] of the
    finest of these, which the output enlarges to the size of the mask.

    Source: Lin et al. 2017, "Feature Pyramid Networks for Object Detection", arXiv:1612.03144, figure 3; the sum of the
    levels as in Kirillov et al. 2019, "Panoptic Feature Pyramid Networks", arXiv:1901.02446.

    ```yaml
    name: mask
    type: image
    decoder:
      type: fpn
      num_channels: 64
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(MapDecoder.Config):
        num_channels: int = param(256, min=1, help="Number of channels of all levels of the pyramid.")
        num_levels: int = param(
            4, min=1, help="Number of levels of the pyramid: the coarsest maps of the encoder, at most all of them."
        )

        def faults_of_skips(self, count: int) -> list[tuple[str, str]]:
            if not 0 < count < self.num_levels:
                return super().faults_of_skips(count)
            return [("num_levels", f"Must be at most {count}, the maps of the encoder. Received: {self.num_levels}.")]

    def __init__(self, config: Config, shape: Shape, size: int) -> None:
        super().__init__(config, shape, size)
        self.levels = min(config.num_levels, len(self.scales))
        width, read = config.num_channels, self.scales[-self.levels :]
        self.lateral = nn.ModuleList(nn.Conv2d(scale[0], width, 1) for scale in read)
        self.smooth = nn.ModuleList(NormedConvolution(width, width, None) for _ in read)
        self.classify = nn.Conv2d(width, size, 1)

    def logits(self, maps: Sequence[Tensor]) -> Tensor:
        read = maps[-self.levels :]
        size = (read[0].shape[2], read[0].shape[3])
        found: list[Tensor] = []
        above: Tensor | None = None
        for lateral, smooth, level in zip(self.lateral[::-1], self.smooth[::-1], read[::-1], strict=True):
            own = lateral(level)  # [B, C, X, Y]
            above = own if above is None else own + interpolate(above, own.shape[2:], mode="nearest")
            found.append(resized(smooth(above), size))
        logits: Tensor = self.classify(torch.stack(found).sum(0))
        return logits  # [B, O, X, Y]


@DECODERS.register("segformer", kinds=("image",))
class SegformerDecoder(MapDecoder):
    """The all-MLP head of SegFormer: each map goes through a linear layer, is enlarged, and all of them are fused.

    Use it with strong backbones, whose maps hold the context already: it is light and has no convolution beyond single
    pixels. It costs `4 * hidden_size^2` weights, and its maps are as large as the finest one read.

    Takes a vector [B, H] and maps [B, C, X, Y], of which it reads the coarsest four; gives [B, O, X, Y] of the finest
    of these, which the output enlarges to the size of the mask.

    Source: Xie et al. 2021, "SegFormer: Simple and Efficient Design for Semantic Segmentation with Transformers",
    arXiv:2105.15203, section 3.2.

    ```yaml
    name: mask
    type: image
    decoder:
      type: segformer
      hidden_size: 64
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(MapDecoder.Config):
        hidden_size: int = param(256, min=1, help="Hidden size: number of channels that each map is projected to.")
        dropout: float = param(0.1, min=0, max=1, help="Dropout rate before the classification of the pixels.")

    def __init__(self, config: Config, shape: Shape, size: int) -> None:
        super().__init__(config, shape, size)
        width, read = config.hidden_size, self.scales[-SEGFORMER_MAPS:]
        self.project = nn.ModuleList(nn.Conv2d(scale[0], width, 1) for scale in read)
        self.fuse = NormedConvolution(width * len(read), width, "batch", kernel=1)
        self.dropout = Dropout(config.dropout)
        self.classify = nn.Conv2d(width, size, 1)

    def logits(self, maps: Sequence[Tensor]) -> Tensor:
        read = maps[-SEGFORMER_MAPS:]
        size = (read[0].shape[2], read[0].shape[3])
        same = [resized(project(level), size) for project, level in zip(self.project, read, strict=True)]
        logits: Tensor = self.classify(self.dropout(self.fuse(torch.cat(same, dim=1))))
        return logits  # [B, O, X, Y]
