"""Images that are flipped, rotated or moved at random.

B = images of the batch, C = channels, H, W = height and width in pixels
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from ludwig.augmentations.base import AUGMENTATIONS, Augmentation, some, uniform
from ludwig.augmentations.warps import rotated, shifted
from ludwig.schema import param


@AUGMENTATIONS.register("random_horizontal_flip")
class RandomHorizontalFlip(Augmentation):
    """Mirrors an image, left for right, with probability 0.5.

    Use it where a mirrored image means the same: photos of objects, not writing.

    Takes and gives images [B, C, H, W].

    ```yaml
    name: photo
    type: image
    augmentation:
      - type: random_horizontal_flip
    ```
    """

    masks = "move"

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Augmentation.Config):
        """It has no options."""

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        return some(images.flip(3), images, generator)


@AUGMENTATIONS.register("random_vertical_flip")
class RandomVerticalFlip(Augmentation):
    """Mirrors an image, top for bottom, with probability 0.5.

    Use it where images have no up and down: seen from above, or through a microscope.

    Takes and gives images [B, C, H, W].

    ```yaml
    name: tile
    type: image
    augmentation:
      - type: random_vertical_flip
    ```
    """

    masks = "move"

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Augmentation.Config):
        """It has no options."""

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        return some(images.flip(2), images, generator)


@AUGMENTATIONS.register("random_rotate")
class RandomRotate(Augmentation):
    """Rotates an image about its middle by an angle that is uniform in [-degree, degree]; bilinear, black outside.

    Use it where things are never quite level, such as photos and writing.

    Takes and gives images [B, C, H, W].

    ```yaml
    name: photo
    type: image
    augmentation:
      - type: random_rotate
        degree: 10
    ```
    """

    masks = "move"

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Augmentation.Config):
        degree: int = param(15, min=0, help="Largest angle in degrees of a random rotation, to either side.")

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        return rotated(images, self._degrees(images, generator))

    def of_masks(self, masks: Tensor, generator: torch.Generator) -> Tensor:
        return rotated(masks, self._degrees(masks, generator), mode="nearest")

    def _degrees(self, images: Tensor, generator: torch.Generator) -> Tensor:
        return uniform(images, generator, -self.config.degree, self.config.degree)  # [B]


@AUGMENTATIONS.register("random_shift")
class RandomShift(Augmentation):
    """Moves an image across and down by shares of its width and height that are uniform in [-share, share], in whole
    pixels; gaps are black.

    Use it where things are not always in the middle: a safe choice for digits, signs and most photos.

    Takes and gives images [B, C, H, W].

    ```yaml
    name: digit
    type: image
    augmentation:
      - type: random_shift
        share: 0.15
    ```
    """

    masks = "move"

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Augmentation.Config):
        share: float = param(
            0.1, min=0, max=1, help="Largest random shift (translation), as a share of the height and of the width."
        )

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        share = self.config.share
        across, down = (uniform(images, generator, -share, share) for _ in range(2))
        return shifted(images, across, down)
