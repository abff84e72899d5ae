"""Images whose light or focus changes at random.

B = images of the batch, C = channels, H, W = height and width in pixels
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from ludwig.augmentations.base import AUGMENTATIONS, Augmentation, some, uniform
from ludwig.augmentations.colors import blurred, brightened, contrasted
from ludwig.schema import param


@AUGMENTATIONS.register("random_blur")
class RandomBlur(Augmentation):
    """Blurs an image with a Gaussian kernel, with probability 0.5.

    Use it where some images are out of focus. The standard deviation is 0.15 times the kernel size, plus 0.35, in
    pixels; the pixels of an edge go on beyond it.

    Takes and gives images [B, C, H, W].

    ```yaml
    name: photo
    type: image
    augmentation:
      - type: random_blur
        kernel_size: 5
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Augmentation.Config):
        kernel_size: int = param(
            3, min=1, help="Kernel size in pixels of the Gaussian blur, an odd number. Raise it for a stronger blur."
        )

        def faults(self) -> list[tuple[str, str]]:
            if self.kernel_size % 2:
                return []
            text = f"Must be odd, so that the kernel has a middle. Received: {self.kernel_size}."
            return [("kernel_size", f"{text} Take {self.kernel_size - 1} or {self.kernel_size + 1}.")]

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        return some(blurred(images, self.config.kernel_size), images, generator)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FactorOptions:
    """Between which factors a change is drawn."""

    min: float = param(0.5, min=0, help="Smallest factor that is drawn, where 1 changes nothing and less weakens.")
    max: float = param(2.0, min=0, help="Largest factor that is drawn, where 1 changes nothing and more strengthens.")

    def faults(self) -> list[tuple[str, str]]:
        """(parameter, message) of options that do not go together."""
        if self.min <= self.max:
            return []
        return [("min", f"Must be at most max, which is {self.max:g}. Received: {self.min:g}. Lower it, or raise max.")]


@AUGMENTATIONS.register("random_brightness")
class RandomBrightness(Augmentation):
    """Multiplies the colours of an image by a factor that is uniform in [min, max]; what is beyond white is white.

    Use it where the light varies. Opacity (a second or fourth channel) stays.

    Takes and gives images [B, C, H, W].

    ```yaml
    name: photo
    type: image
    augmentation:
      - type: random_brightness
        min: 0.7
        max: 1.5
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(FactorOptions, Augmentation.Config):
        """Its options are those of a factor."""

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        return brightened(images, uniform(images, generator, self.config.min, self.config.max))


@AUGMENTATIONS.register("random_contrast")
class RandomContrast(Augmentation):
    """Multiplies the distance of each colour from the mean grey of the image by a factor that is uniform in [min, max].

    Use it where light and cameras vary. Opacity (a second or fourth channel) stays.

    Takes and gives images [B, C, H, W].

    ```yaml
    name: photo
    type: image
    augmentation:
      - type: random_contrast
        min: 0.7
        max: 1.5
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(FactorOptions, Augmentation.Config):
        """Its options are those of a factor."""

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        return contrasted(images, uniform(images, generator, self.config.min, self.config.max))
