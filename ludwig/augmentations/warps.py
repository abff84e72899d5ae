"""Images that are rotated, moved or slanted; what comes from outside of an image is black, and transparent.

B = images of the batch, C = channels, H, W = height and width in pixels
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from ludwig.augmentations.colors import as_bytes

Mode = Literal["bilinear", "nearest"]


def rotated(images: Tensor, degrees: Tensor, mode: Mode = "bilinear") -> Tensor:
    """Counterclockwise about the middle: [B, C, H, W] by [B]."""
    angles = degrees.deg2rad()
    cos, sin, zero = angles.cos(), angles.sin(), torch.zeros_like(angles)
    return _warped(images, [cos, -sin, zero, sin, cos, zero], mode)


def shifted(images: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """To the right and down by shares of width and height, in whole pixels: [B, C, H, W] by [B] each."""
    height, width = images.shape[2:]
    one, zero = torch.ones_like(across), torch.zeros_like(across)
    sources = [one, zero, -(across * width).round(), zero, one, -(down * height).round()]
    return _warped(images, sources, mode="nearest")


def sheared(images: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """Rows move across by a multiple of their height from the middle, columns down, bilinear: [B, C, H, W] by [B]."""
    one, zero = torch.ones_like(across), torch.zeros_like(across)
    return _warped(images, [one, across, zero, down, one, zero])


def _warped(images: Tensor, sources: list[Tensor], mode: Mode = "bilinear") -> Tensor:
    """Each pixel from its source: `x' = a x + b y + c`, `y' = d x + e y + f` for `sources` a to f, [B] each, where x
    goes to the right and y down, in pixels from the middle: [B, C, H, W].
    """
    height, width = images.shape[2:]
    x = torch.arange(width, device=images.device) + (0.5 - width / 2)  # [W]
    y = (torch.arange(height, device=images.device) + (0.5 - height / 2)).unsqueeze(1)  # [H, 1]
    a, b, c, d, e, f = (each.view(-1, 1, 1) for each in sources)
    halves = [(a * x + b * y + c) * (2 / width), (d * x + e * y + f) * (2 / height)]  # [B, H, W] each
    grid = torch.stack(halves, dim=-1)  # [B, H, W, 2], where -1 and 1 are the edges
    return as_bytes(grid_sample(images.float(), grid, mode, align_corners=False))
