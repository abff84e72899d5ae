"""The contracting half of a U-Net.

B = rows of the batch, C = channels, H, W = height and width in pixels
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.features.image import ImageFacts
from ludwig.nn.maps import DoubleConvolution, halved
from ludwig.nn.norm import ConvolutionNormName
from ludwig.nn.signal import Shape, Signal
from ludwig.schema import param

ROWS_AT_ONCE = 32  # whose maps of all stages are in memory together


@ENCODERS.register("unet", kinds=("image",))
class UnetEncoder(Encoder):
    """The contracting half of a U-Net: stages of two convolutions, each at half the resolution of the one before.

    Use it for semantic segmentation, with an image output: its maps of all stages are handed on to the decoder as
    skips. Cost grows with the pixels and with the square of `out_channels`; 64 are 19 million weights, 16 are 1.2
    million, which is enough for small data sets. Images of any size will do.

    Takes images [B, C, H, W] of 8 bits; gives the vector [B, out_channels * 2^num_stages] of the means of the last map,
    and `num_stages + 1` maps, the finest first, whose first has the size of the image.

    Source: Ronneberger, Fischer & Brox 2015, "U-Net: Convolutional Networks for Biomedical Image Segmentation",
    arXiv:1505.04597, figure 1; with padding, so that maps keep their size, and normalisation.

    ```yaml
    name: scan
    type: image
    encoder:
      type: unet
      out_channels: 16
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Encoder.Config):
        conv_norm: ConvolutionNormName | None = param(
            "batch",
            help="Normalisation of convolutions' outputs, which steadies and speeds up training; null for none.",
        )
        out_channels: int = param(
            64,
            min=1,
            help="Number of filters of the first stage; each further stage has twice as many. Lower it for small data "
            "or speed.",
        )
        num_stages: int = param(
            4, min=1, help="Number of stages that halve the resolution. Raise it for larger objects and images."
        )

        @property
        def suggested_learning_rate(self) -> float:
            return 0.001

        @property
        def suggested_batch_size(self) -> int:
            return ROWS_AT_ONCE

        @property
        def most_rows(self) -> int:
            return ROWS_AT_ONCE

        @property
        def num_skips(self) -> int:
            return self.num_stages + 1

    def __init__(self, config: Config, facts: Sequence[ImageFacts]) -> None:
        super().__init__(config, facts)
        channels, height, width = facts[0].channels, facts[0].height, facts[0].width
        self.stages = nn.ModuleList()
        scales = []
        for place in range(config.num_stages + 1):
            wider = config.out_channels * 2**place
            self.stages.append(DoubleConvolution(channels, wider, config.conv_norm))
            channels = wider
            scales.append((channels, height, width))
            height, width = halved(height), halved(width)
        self.shape = Shape("vector", channels, skips=tuple(scales))

    def forward(self, images: Tensor) -> Signal:
        maps = images.to(torch.get_default_dtype()) / 255  # [B, C, H, W]
        skips = []
        for place, stage in enumerate(self.stages):
            maps = stage(maps if place == 0 else max_pool2d(maps, 2, ceil_mode=True))
            skips.append(maps)
        return dataclasses.replace(Signal.vector(maps.mean((2, 3))), skips=tuple(skips))  # [B, channels]
