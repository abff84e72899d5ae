"""The contract of an augmentation: a batch of images, changed at random.

B = images of the batch, C = channels, H, W = height and width in pixels
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from ludwig.schema import Component, Registry

PROBABILITY = 0.5  # with which an image is flipped or blurred


class Augmentation(Component, ABC):
    """Changes each image of a batch at random, in training only.

    Every draw comes from the generator that it is given, which may live on another device than the images. It is drawn
    for each image apart, and the batch that came in stays as it is.
    """

    masks: ClassVar[Literal["stay", "move", "lose"]] = (
        "stay"  # what masks of the images do: they stay as they are, move
    )
    # as the images do, or lose their meaning

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

    def of_masks(self, masks: Tensor, generator: torch.Generator) -> Tensor:
        """Masks of classes, moved as their images are by the same draws: [B, 1, H, W]. What comes in anew is 0."""
        return self(masks, generator)


@dataclasses.dataclass(frozen=True)
class InTurn:
    """Several augmentations, one after the other."""

    steps: Sequence[Augmentation]

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """The images after all of them: [B, C, H, W]. A batch without images draws nothing."""
        for step in self.steps if len(images) else ():
            images = step(images, generator)
        return images


@dataclasses.dataclass(frozen=True)
class OfMasks:
    """What the same augmentations do with the masks of the images, before they are applied to these.

    The generator is left as it was, so that the images get the same draws.
    """

    steps: Sequence[Augmentation]

    def __call__(self, ids: Tensor, generator: torch.Generator) -> Tensor:
        """Class ids, -1 where a pixel does not count, and now where it came in from outside: [B, H, W]."""
        if len(ids) == 0:
            return ids
        same = torch.Generator(generator.device)
        same.set_state(generator.get_state())
        masks = (ids.to(torch.int16) + 1).to(torch.uint8).unsqueeze(1)  # [B, 1, H, W]
        for step in self.steps:
            moved = step.of_masks(masks, same)  # what leaves masks as they are draws its numbers all the same
            masks = moved if step.masks == "move" else masks
        return (masks.squeeze(1).to(torch.int16) - 1).to(ids.dtype)


def uniform(images: Tensor, generator: torch.Generator, low: float = 0.0, high: float = 1.0) -> Tensor:
    """A number in [low, high) for each image: [B], on the device of the images."""
    draws = torch.rand(len(images), generator=generator, device=generator.device)
    return (low + (high - low) * draws).to(images.device)


def some(changed: Tensor, images: Tensor, generator: torch.Generator) -> Tensor:
    """Each image changed with probability 0.5, else as it was: [B, C, H, W]."""
    return torch.where(uniform(images, generator).view(-1, 1, 1, 1) < PROBABILITY, changed, images)


AUGMENTATIONS: Registry[Augmentation] = Registry("augmentation")
