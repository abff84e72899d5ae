"""Images with other colours and tones. They change as Pillow changes them, image by image, and opacity stays.

B = images of the batch, C = channels (grey, grey and opacity, RGB, RGB and opacity), H, W = height and width in pixels
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

LUMA = (0.299, 0.587, 0.114)  # of red, green and blue in grey (ITU-R BT.601)
LEVELS = 256  # of a byte


def as_bytes(values: Tensor) -> Tensor:
    """Numbers rounded to bytes; any shape."""
    return values.round().clamp(0, LEVELS - 1).to(torch.uint8)


def brightened(images: Tensor, factors: Tensor) -> Tensor:
    """Colours times a factor: [B, C, H, W] by [B]."""
    colors = _colors(images)
    return _with_colors(images, as_bytes(colors * _each(factors)))


def contrasted(images: Tensor, factors: Tensor) -> Tensor:
    """Colours at a multiple of their distance from the mean grey of the image: [B, C, H, W] by [B]."""
    colors = _colors(images).float()
    return _with_colors(images, _blended(_grey(colors).mean(dim=(1, 2, 3), keepdim=True), colors, factors))


def saturated(images: Tensor, factors: Tensor) -> Tensor:
    """Colours at a multiple of their distance from the grey of the pixel: [B, C, H, W] by [B]."""
    colors = _colors(images).float()
    return _with_colors(images, _blended(_grey(colors), colors, factors))


def sharpened(images: Tensor, factors: Tensor) -> Tensor:
    """Colours at a multiple of their distance from a smooth image, the outermost pixels aside: [B, C, H, W] by [B]."""
    if min(images.shape[2:]) < 3:
        return images
    colors = _colors(images).float()
    kernel = torch.ones(3, 3, device=images.device)
    kernel[1, 1] = 5
    inside = colors[:, :, 1:-1, 1:-1]
    changed = as_bytes(colors)
    changed[:, :, 1:-1, 1:-1] = _blended(as_bytes(_convolved(colors, kernel / kernel.sum())), inside, factors)
    return _with_colors(images, changed)


def posterized(images: Tensor, bits: Tensor) -> Tensor:
    """Colours of so many leading bits: [B, C, H, W] by integers [B]."""
    mask = (LEVELS - (1 << (8 - bits))).to(torch.uint8)
    return _with_colors(images, _colors(images) & _each(mask))


def solarized(images: Tensor, thresholds: Tensor) -> Tensor:
    """Colours from a threshold on inverted: [B, C, H, W] by [B]."""
    colors = _colors(images)
    return _with_colors(images, torch.where(colors >= _each(thresholds), LEVELS - 1 - colors, colors))


def autocontrasted(images: Tensor) -> Tensor:
    """Each colour stretched so that its least is 0 and its greatest 255: [B, C, H, W]. A single tone stays."""
    colors = _colors(images).float()
    low, high = colors.amin((2, 3), keepdim=True), colors.amax((2, 3), keepdim=True)
    stretched = (colors - low) * (LEVELS - 1) / (high - low).clamp_min(1)
    return _with_colors(images, as_bytes(torch.where(high > low, stretched, colors)))


def equalized(images: Tensor) -> Tensor:
    """Each colour with a flat histogram, as far as its tones allow: [B, C, H, W]. A single tone stays."""
    colors = _colors(images)
    tones = colors.flatten(2).long()  # [B, C, H * W]
    counts = torch.zeros(*tones.shape[:2], LEVELS, dtype=torch.long, device=images.device)
    counts.scatter_add_(2, tones, torch.ones_like(tones))  # [B, C, 256]
    ends = counts.cumsum(2)
    step = (ends[..., -1:] - counts.gather(2, tones.amax(2, keepdim=True))) // (LEVELS - 1)  # pixels a new tone
    table = ((ends - counts + step // 2) // step.clamp_min(1)).clamp_max(LEVELS - 1)
    flat = torch.where(step > 0, table.gather(2, tones), tones)  # [B, C, H * W]
    return _with_colors(images, flat.view_as(colors).to(torch.uint8))


def blurred(images: Tensor, kernel_size: int) -> Tensor:
    """All channels through a Gaussian of that many pixels; beyond an edge its pixels go on: [B, C, H, W].

    Its standard deviation is that which OpenCV takes for the size: 0.15 times the size, plus 0.35.
    """
    middle = (kernel_size - 1) // 2
    places = torch.arange(-middle, middle + 1, device=images.device)
    weights = (-0.5 * (places / (0.15 * kernel_size + 0.35)).square()).exp()
    line = weights / weights.sum()
    wider = pad(images.float(), (middle, middle, middle, middle), mode="replicate")
    return as_bytes(_convolved(_convolved(wider, line.unsqueeze(0)), line.unsqueeze(1)))


def _convolved(images: Tensor, kernel: Tensor) -> Tensor:
    """Each channel by itself, where the kernel fits inside: [B, C, H, W] by [h, w]."""
    flat = images.flatten(0, 1).unsqueeze(1)  # [B * C, 1, H, W]
    found = conv2d(flat, kernel.view(1, 1, *kernel.shape))  # [B * C, 1, H - h + 1, W - w + 1]
    return found.view(*images.shape[:2], *found.shape[2:])  # [B, C, H - h + 1, W - w + 1]


def _colors(images: Tensor) -> Tensor:
    """The channels of colours, without that of opacity: [B, 1 or 3, H, W]."""
    return images[:, : 1 if images.shape[1] < len(LUMA) else len(LUMA)]


def _with_colors(images: Tensor, colors: Tensor) -> Tensor:
    """The images with these colours and their own opacity: [B, C, H, W]."""
    return torch.cat([colors, images[:, colors.shape[1] :]], dim=1)


def _each(numbers: Tensor) -> Tensor:
    """One number an image, before its pixels: [B] to [B, 1, 1, 1]."""
    return numbers.view(-1, 1, 1, 1)


def _grey(colors: Tensor) -> Tensor:
    """[B, 1 or 3, H, W] to [B, 1, H, W]."""
    if colors.shape[1] == 1:
        return colors
    red, green, blue = colors.unbind(1)
    return (LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue).unsqueeze(1)


def _blended(other: Tensor, colors: Tensor, factors: Tensor) -> Tensor:
    """From `other` at a factor of 0 to `colors` at 1 and beyond."""
    return as_bytes(other + _each(factors) * (colors - other))
