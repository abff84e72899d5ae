"""Blocks of networks that keep the pixels of an image apart: maps of features at several scales.

B = rows of the batch, C = channels, X = pixels down, Y = pixels across
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from ludwig.nn.norm import ConvolutionNormName, image_norm

Scale = tuple[int, int, int]  # C, X, Y of a map


class NormedConvolution(nn.Sequential):
    """A convolution that keeps the size, then normalisation and ReLU: [B, C, X, Y] -> [B, channels_out, X, Y]."""

    def __init__(self, channels: int, channels_out: int, norm: ConvolutionNormName | None, kernel: int = 3) -> None:
        convolution = nn.Conv2d(channels, channels_out, kernel, padding=kernel // 2, bias=norm is None)
        start_before_relu(convolution)
        super().__init__(convolution, image_norm(norm, channels_out), nn.ReLU())


class DoubleConvolution(nn.Sequential):
    """Two convolutions of 3 x 3, as at each stage of a U-Net: [B, C, X, Y] -> [B, channels_out, X, Y]."""

    def __init__(self, channels: int, channels_out: int, norm: ConvolutionNormName | None) -> None:
        super().__init__(
            NormedConvolution(channels, channels_out, norm), NormedConvolution(channels_out, channels_out, norm)
        )


def start_before_relu(layer: nn.Conv2d | nn.ConvTranspose2d) -> None:
    """Initial weights that keep the variance through a ReLU (He et al. 2015, arXiv:1502.01852); biases of zero."""
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def resized(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear, as it is where it has the size: [B, C, X, Y] -> [B, C, *size]."""
    if maps.shape[2:] == torch.Size(size):
        return maps
    return interpolate(maps, size, mode="bilinear", align_corners=False)


def halved(size: int) -> int:
    """Pixels that pooling in twos gives; an odd one at the end is pooled alone."""
    return -(-size // 2)


def as_scales(skips: tuple[tuple[int, ...], ...]) -> list[Scale]:
    """The shapes of skip tensors that are maps, the finest first."""
    return [cast(Scale, tuple(skip)) for skip in skips]
