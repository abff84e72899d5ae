"""Convolutions over images.

B = rows of the batch, C = channels, H, W = height and width in pixels
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from torch import Tensor, nn

from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.encoders.image_channels import ChannelOptions
from ludwig.features.image import ImageFacts
from ludwig.nn.activation import ActivationName
from ludwig.nn.convolution import (
    Conv2dLayer,
    ImageConvolutionSpec,
    ImagePoolName,
    PaddingModeName,
    PaddingName,
    Pair,
)
from ludwig.nn.mlp import FullyConnectedStack
from ludwig.nn.norm import ConvolutionNormName
from ludwig.nn.pixel_scale import PixelScale
from ludwig.nn.signal import Shape, Signal
from ludwig.schema import param
from ludwig.schema.groups import Overrides, filled, stack_of
from ludwig.schema.layers import FcOptions

DEFAULT_LAYERS = 2  # convolutions where their number is not set


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageConvolutionOptions:
    """A convolution over images. A pair of sizes is that of height and that of width."""

    out_channels: int = param(32, min=1, help="Number of filters, which are the output channels of a convolution.")
    kernel_size: int | Pair = param(3, min=1, help="Kernel size in pixels. Raise it for larger patterns.")
    stride: int | Pair = param(
        1, min=1, help="Stride: how many pixels a kernel moves at a time. Above 1, the image shrinks and costs less."
    )
    padding: int | Pair | PaddingName = param(
        "same", min=0, help="Padding: pixels around the image; valid for none, same for an output of the same size."
    )
    dilation: int | Pair = param(
        1, min=1, help="Dilation: distance between the pixels of a kernel. Raise it to span more at the same cost."
    )
    groups: int = param(1, min=1, help="Groups of channels that are convolved apart, which saves weights.")
    conv_norm: ConvolutionNormName | None = param(
        "batch",
        help="Normalisation of a convolution's outputs, which steadies and often speeds up training; null for none.",
    )
    conv_activation: ActivationName | None = param("relu", help="Activation function of a convolution; null for none.")
    conv_dropout: float = param(
        0.0, min=0, max=1, help="Dropout rate of a convolution's outputs. Raise it against overfitting."
    )
    pool_function: ImagePoolName = param("max", help="Pooling function.")
    pool_kernel_size: int | Pair = param(2, min=1, help="Pooling kernel size in pixels.")
    pool_stride: int | Pair | None = param(None, min=1, help="Stride of the pooling; null for pool_kernel_size.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageConvolutionOverrides(Overrides, of=ImageConvolutionOptions, prefix="conv_"):
    """One entry of `conv_layers`: what this convolution has otherwise than the others."""


@ENCODERS.register("stacked_cnn", kinds=("image",))
class StackedCnn(Encoder):
    """Stacked convolutions, each with normalisation, activation, dropout and pooling, then fully connected layers.

    Use it for small images, or where no pretrained model fits. Cost grows with the pixels, and the first fully
    connected layer has `channels * height * width * output_size` weights: pool or stride more for large images.

    Takes images [B, C, H, W] of 8 bits; gives a vector [B, output_size].

    Source: LeCun et al. 1998, "Gradient-Based Learning Applied to Document Recognition".

    ```yaml
    name: photo
    type: image
    encoder:
      type: stacked_cnn
      conv_layers:
        - out_channels: 16
        - out_channels: 32
          stride: 2
      conv_norm: batch
      output_size: 64
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(ChannelOptions, ImageConvolutionOptions, FcOptions, Encoder.Config):
        conv_layers: list[ImageConvolutionOverrides] | None = param(
            None, help="Convolutions one by one, each with the options that it overrides; null for equal ones."
        )
        num_conv_layers: int | None = param(None, min=1, help="Number of equal convolutions; null for two.")
        padding_mode: PaddingModeName = param("zeros", help="What the pixels of the padding hold.")
        conv_use_bias: bool = param(True, help="Whether convolutions add a bias.")
        conv_norm_params: dict[str, float] | None = param(
            None, help="Parameters of the normalisation of convolutions, such as eps."
        )
        pool_padding: int | Pair = param(0, min=0, help="Padding of the pooling: pixels around the image.")
        pool_dilation: int | Pair = param(1, min=1, help="Dilation of max pooling: distance between its pixels.")
        num_fc_layers: int = param(1, min=1, help="Number of fully connected layers, unless fc_layers lists them.")
        output_size: int = param(128, min=1, help="Output size of a fully connected layer.")

        @property
        def suggested_learning_rate(self) -> float:
            return 0.001

        def convolutions(self) -> list[ImageConvolutionSpec]:
            """The convolutions, each with all its options."""
            like = filled(ImageConvolutionSpec, self, "conv_")
            return stack_of(like, self.conv_layers, self.num_conv_layers or DEFAULT_LAYERS)

    def __init__(self, config: Config, facts: Sequence[ImageFacts]) -> None:
        super().__init__(config, facts)
        channels, height, width = facts[0].channels, facts[0].height, facts[0].width
        self.scale = PixelScale(facts[0].standardize_image)
        self.convolutions = nn.Sequential()
        for spec in config.convolutions():
            layer = Conv2dLayer(channels, spec)
            height, width = layer.output_shape(height, width)
            channels = layer.out_channels
            self.convolutions.append(layer)
        self.stack = FullyConnectedStack(channels * height * width, config.stack_of(config.num_fc_layers))
        self.shape = Shape("vector", self.stack.output_size)

    def forward(self, images: Tensor) -> Signal:
        return Signal.vector(self.stack(self.convolutions(self.scale(images)).flatten(1)))  # [B, H]
