"""The contract of an augmentation: a batch of images, changed at random.

B = images of the batch, C = channels, H, W = height and width in pixels
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ludwig.schema import Component, Registry

PROBABILITY = 0.5  # with which an image is flipped or blurred


class Augmentation(Component, ABC):
    """Changes each image of a batch at random, in training only.

    Every draw comes from the generator that it is given, which may live on another device than the images. It is drawn
    for each image apart, and the batch that came in stays as it is.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Component.Config):
        def faults(self) -> list[tuple[str, str]]:
            """(parameter, message) of options that do not go together."""
            return []

    def __init__(self, config: Any) -> None:
        self.config = config

    @abstractmethod
    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Bytes to bytes of the same shape: [B, C, H, W], with at least one image."""


@dataclasses.dataclass(frozen=True)
class InTurn:
    """Several augmentations, one after the other."""

    steps: Sequence[Augmentation]

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """The images after all of them: [B, C, H, W]. A batch without images draws nothing."""
        for step in self.steps if len(images) else ():
            images = step(images, generator)
        return images


def uniform(images: Tensor, generator: torch.Generator, low: float = 0.0, high: float = 1.0) -> Tensor:
    """A number in [low, high) for each image: [B], on the device of the images."""
    draws = torch.rand(len(images), generator=generator, device=generator.device)
    return (low + (high - low) * draws).to(images.device)


def some(changed: Tensor, images: Tensor, generator: torch.Generator) -> Tensor:
    """Each image changed with probability 0.5, else as it was: [B, C, H, W]."""
    return torch.where(uniform(images, generator).view(-1, 1, 1, 1) < PROBABILITY, changed, images)


AUGMENTATIONS: Registry[Augmentation] = Registry("augmentation")
