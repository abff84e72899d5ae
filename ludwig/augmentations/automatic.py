"""Augmentation policies that need no tuning.

B = images of the batch, C = channels, H, W = height and width in pixels, R = images that drew one operation
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from ludwig.augmentations import colors, warps
from ludwig.augmentations.base import AUGMENTATIONS, Augmentation, uniform
from ludwig.schema import param

Operation = Callable[[Tensor, Tensor], Tensor]
"""Changes images by a strength each: [R, C, H, W] and [R], uniform in [-1, 1), where 0 is weakest."""

DEGREES, SLANT, FACTOR, BITS = 135.0, 0.99, 0.99, 6.0  # at full strength, as in the wide space of the paper
SHARE = 0.3  # of height and width; the paper's are pixels, whatever the size

POOL: tuple[Operation, ...] = (
    lambda images, strength: images,
    lambda images, strength: images.flip(3),
    lambda images, strength: images.flip(2),
    lambda images, strength: warps.rotated(images, DEGREES * strength),
    lambda images, strength: warps.shifted(images, SHARE * strength, 0 * strength),
    lambda images, strength: warps.shifted(images, 0 * strength, SHARE * strength),
    lambda images, strength: warps.sheared(images, SLANT * strength, 0 * strength),
    lambda images, strength: warps.sheared(images, 0 * strength, SLANT * strength),
    lambda images, strength: colors.brightened(images, 1 + FACTOR * strength),
    lambda images, strength: colors.contrasted(images, 1 + FACTOR * strength),
    lambda images, strength: colors.sharpened(images, 1 + FACTOR * strength),
    lambda images, strength: colors.posterized(images, 8 - (BITS * strength.abs()).round().long()),
    lambda images, strength: colors.solarized(images, colors.LEVELS * (1 - strength.abs())),
    lambda images, strength: colors.autocontrasted(images),
    lambda images, strength: colors.equalized(images),
)
OF_COLORS: tuple[Operation, ...] = (lambda images, strength: colors.saturated(images, 1 + FACTOR * strength),)


def trivial_augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Each image by one operation of the pool and by a strength, both drawn uniformly: [B, C, H, W]."""
    pool = POOL + OF_COLORS if images.shape[1] >= len(colors.LUMA) else POOL
    drawn = torch.randint(len(pool), (len(images),), generator=generator, device=generator.device).cpu()
    strength = uniform(images, generator, -1.0, 1.0)
    order = drawn.argsort(stable=True)
    counts = drawn.bincount(minlength=len(pool)).tolist()
    there, back = order.to(images.device), order.argsort().to(images.device)
    parts = torch.split(images[there], counts)  # [R, C, H, W] each
    strengths = torch.split(strength[there], counts)  # [R] each
    changed = [do(part, each) for do, part, each in zip(pool, parts, strengths, strict=True) if len(part)]
    return torch.cat(changed)[back]


POLICIES: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {"trivial_augment": trivial_augment}


@AUGMENTATIONS.register("auto_augmentation")
class AutoAugmentation(Augmentation):
    """TrivialAugment: each image is changed by one operation, drawn uniformly, with a strength that is drawn uniformly.

    Use it as a strong augmentation without anything to tune, for photos and long training. Some operations are strong
    (rotations by up to 135 degrees, both flips): for writing, `random_rotate` and `random_shift` are safer.

    The operations are identity, both flips, rotation, shift and shear in both directions, brightness, contrast,
    sharpness, posterize, solarize, autocontrast and equalize, and saturation for images of colours. Ranges are those of
    the wide space of the paper, but a shift is by up to 0.3 of the size, and flips are added.

    Takes and gives images [B, C, H, W].

    Source: Mueller & Hutter 2021, "TrivialAugment: Tuning-free Yet State-of-the-Art Data Augmentation",
    arXiv:2103.10158.

    ```yaml
    name: photo
    type: image
    augmentation:
      - type: auto_augmentation
        method: trivial_augment
    ```
    """

    masks = "lose"  # it changes pixels and colours by one draw

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Augmentation.Config):
        method: Literal["trivial_augment"] = param(
            "trivial_augment", help="Augmentation policy; trivial_augment changes each image by one random operation."
        )

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        return POLICIES[self.config.method](images, generator)
