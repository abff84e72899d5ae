"""Pixels of 8 bits as the numbers that a network reads, computed on the device of the batch.

B = images of the batch, C = channels, H, W = height and width in pixels
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

StandardName = Literal["imagenet1k", "inception", "clip"]
Statistics = tuple[tuple[float, ...], tuple[float, ...]]  # mean and standard deviation of the channels
RGB = 3  # channels that the statistics below are of
STATISTICS: dict[str, Statistics] = {
    "imagenet1k": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "inception": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
}


class PixelScale(nn.Module):
    """Bytes as fractions of 255, standardised by the statistics of each channel where these are named or given.

    Source of the statistics: He et al. 2015, arXiv:1512.03385, of the training images of ImageNet-1k; Szegedy et al.
    2015, arXiv:1512.00567, from -1 to 1; Radford et al. 2021, arXiv:2103.00020, of the images that CLIP was trained on.
    """

    def __init__(self, standard: StandardName | Statistics | None) -> None:
        super().__init__()
        self.standard = standard
        if standard is not None:
            statistics = STATISTICS[standard] if isinstance(standard, str) else standard
            mean, deviation = (torch.tensor(values).view(-1, 1, 1) for values in statistics)  # [C, 1, 1]
            self.register_buffer("mean", mean, persistent=False)
            self.register_buffer("deviation", deviation, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        shares = images.to(torch.get_default_dtype()) / 255  # [B, C, H, W]
        if self.standard is None:
            return shares
        mean, deviation = self.get_buffer("mean"), self.get_buffer("deviation")
        return (shares - mean.to(shares.dtype)) / deviation.to(shares.dtype)

    def extra_repr(self) -> str:
        return f"standard={self.standard}"
