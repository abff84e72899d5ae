"""Convolutions over images.

B = rows of the batch, C = channels, H, W = height and width in pixels
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.features.image import ImageFacts
from ludwig.nn.activation import ActivationName
from ludwig.nn.convolution import Conv2dLayer, ImageConvolutionSpec
from ludwig.nn.mlp import FullyConnectedStack
from ludwig.nn.signal import Shape, Signal
from ludwig.schema import param
from ludwig.schema.layers import FcOptions

Pair = tuple[int, int]  # down, across
DEFAULT_LAYERS = 2  # convolutions where their number is not said


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageConvolutionOptions:
    """One entry of `conv_layers`: what differs from the other convolutions."""

    out_channels: int | None = param(None, min=1, help="How many filters it has.")
    kernel_size: int | Pair | None = param(None, min=1, help="Over how many pixels it reaches.")
    stride: int | Pair | None = param(None, min=1, help="How far it steps.")
    padding: int | Pair | Literal["valid", "same"] | None = param(None, min=0, help="Pixels around the image.")
    dilation: int | Pair | None = param(None, min=1, help="Distance between the pixels that it reads.")
    groups: int | None = param(None, min=1, help="Into how many groups channels are parted.")
    norm: Literal["batch", "layer"] | None = param(None, help="Normalisation after it.")
    activation: ActivationName | None = param(None, help="Nonlinearity after it.")
    dropout: float | None = param(None, min=0, max=1, help="Share of the numbers that is dropped in training.")
    pool_function: Literal["max", "average", "avg", "mean"] | None = param(None, help="How pixels are pooled.")
    pool_kernel_size: int | Pair | None = param(None, min=1, help="How many pixels are pooled.")
    pool_stride: int | Pair | None = param(None, min=1, help="How far the pool steps.")

    def over(self, like: ImageConvolutionSpec) -> ImageConvolutionSpec:
        """The convolution with these differences."""
        said: dict[str, Any] = {
            field.name: value for field in dataclasses.fields(self) if (value := getattr(self, field.name)) is not None
        }
        return dataclasses.replace(like, **said)


@ENCODERS.register("stacked_cnn", kinds=("image",))
class StackedCnn(Encoder):
    """Convolutions one after the other, each with its pool, then fully connected layers."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(FcOptions, Encoder.Config):
        conv_layers: list[ImageConvolutionOptions] | None = param(None, help="The convolutions one by one.")
        num_conv_layers: int | None = param(None, min=1, help="How many equal convolutions; null for two.")
        out_channels: int = param(32, min=1, help="How many filters a convolution has.")
        kernel_size: int | Pair = param(3, min=1, help="Over how many pixels a convolution reaches.")
        stride: int | Pair = param(1, min=1, help="How far a convolution steps.")
        padding: int | Pair | Literal["valid", "same"] = param("valid", min=0, help="Pixels around the image.")
        padding_mode: Literal["zeros", "reflect", "replicate", "circular"] = param("zeros", help="What these are.")
        dilation: int | Pair = param(1, min=1, help="Distance between the pixels that a convolution reads.")
        groups: int = param(1, min=1, help="Into how many groups channels are parted.")
        conv_use_bias: bool = param(True, help="Whether convolutions have a bias.")
        conv_norm: Literal["batch", "layer"] | None = param(None, help="Normalisation after a convolution.")
        conv_norm_params: dict[str, float] | None = param(None, help="Arguments of that normalisation.")
        conv_activation: ActivationName | None = param("relu", help="Nonlinearity after a convolution.")
        conv_dropout: float = param(0.0, min=0, max=1, help="Share of the numbers that is dropped in training.")
        pool_function: Literal["max", "average", "avg", "mean"] = param("max", help="How pixels are pooled.")
        pool_kernel_size: int | Pair = param(2, min=1, help="How many pixels are pooled.")
        pool_stride: int | Pair | None = param(None, min=1, help="How far the pool steps; null for its own size.")
        pool_padding: int | Pair = param(0, min=0, help="Pixels around the image for the pool.")
        pool_dilation: int | Pair = param(1, min=1, help="Distance between the pixels that a max pool reads.")
        num_fc_layers: int = param(1, min=1, help="How many fully connected layers there are.")
        output_size: int = param(128, min=1, help="Size of these layers.")

        def convolutions(self) -> list[ImageConvolutionSpec]:
            """The convolutions, each with all its options."""
            like = ImageConvolutionSpec(
                out_channels=self.out_channels,
                kernel_size=self.kernel_size,
                stride=self.stride,
                padding=self.padding,
                padding_mode=self.padding_mode,
                dilation=self.dilation,
                groups=self.groups,
                use_bias=self.conv_use_bias,
                norm=self.conv_norm,
                norm_params=self.conv_norm_params,
                activation=self.conv_activation,
                dropout=self.conv_dropout,
                pool_function=self.pool_function,
                pool_kernel_size=self.pool_kernel_size,
                pool_stride=self.pool_stride,
                pool_padding=self.pool_padding,
                pool_dilation=self.pool_dilation,
            )
            if self.conv_layers is not None:
                return [layer.over(like) for layer in self.conv_layers]
            return [like] * (self.num_conv_layers or DEFAULT_LAYERS)

    def __init__(self, config: Config, facts: Sequence[ImageFacts]) -> None:
        super().__init__(config, facts)
        channels, height, width = facts[0].channels, facts[0].height, facts[0].width
        self.convolutions = nn.Sequential()
        for spec in config.convolutions():
            layer = Conv2dLayer(channels, spec)
            height, width = layer.output_shape(height, width)
            channels = layer.out_channels
            self.convolutions.append(layer)
        self.stack = FullyConnectedStack(
            channels * height * width, config.fc_stack(config.output_size, config.num_fc_layers)
        )
        self.shape = Shape("vector", self.stack.output_size)

    def forward(self, images: Tensor) -> Signal:
        shares = images.to(torch.get_default_dtype()) / 255  # [B, C, H, W]
        return Signal.vector(self.stack(self.convolutions(shares).flatten(1)))  # [B, H]
