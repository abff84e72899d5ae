"""Masks move as their images do."""

import pytest
import torch

from ludwig.augmentations import AUGMENTATIONS, InTurn, OfMasks

STAY = [name for name in AUGMENTATIONS.names() if AUGMENTATIONS.get(name).masks == "stay"]
EXACT = ["random_horizontal_flip", "random_vertical_flip", "random_shift"]  # those that blend no pixels


def images_and_masks() -> tuple[torch.Tensor, torch.Tensor]:
    """Images whose grey is 50 times the class of the pixel, plus one."""
    ids = torch.randint(0, 3, (16, 12, 10), generator=torch.Generator().manual_seed(0))
    return ((ids + 1) * 50).to(torch.uint8).unsqueeze(1), ids.to(torch.int8)


def draw() -> torch.Generator:
    return torch.Generator().manual_seed(3)


@pytest.mark.parametrize("steps", [*([name] for name in EXACT), ["random_blur", *EXACT[::-1]]], ids=str)
def test_masks_are_moved_by_the_draws_of_their_images(steps):
    images, ids = images_and_masks()
    parts = [AUGMENTATIONS.get(name).Config().build() for name in steps]
    generator = draw()
    moved = OfMasks(parts)(ids, generator)
    assert moved.dtype == ids.dtype
    assert torch.equal(generator.get_state(), draw().get_state())
    for part in parts:  # blurring is drawn, and not applied, so that pixels can be compared
        changed = part(images, generator)
        images = images if part.masks == "stay" else changed
    assert torch.equal(images.squeeze(1).long() // 50 - 1, moved.long())
    assert not torch.equal(moved, ids)


def test_a_rotated_mask_has_no_classes_in_between_and_ignores_the_outside():
    ids = torch.full((16, 12, 10), 2, dtype=torch.int8)
    ids[:, :6] = 0
    part = AUGMENTATIONS.get("random_rotate").Config(degree=40).build()
    moved = OfMasks([part])(ids, draw())
    assert set(moved.unique().tolist()) == {-1, 0, 2}
    turned = part(((ids + 1).to(torch.uint8) * 50).unsqueeze(1), draw()).squeeze(1)
    agree = ((turned / 50).round() - 1 == moved).float().mean()
    assert agree > 0.85  # all but the edges, where images are blended


@pytest.mark.parametrize("name", STAY)
def test_changes_of_light_leave_masks_and_draw_by_the_number_of_images_alone(name):
    images, ids = images_and_masks()
    part = AUGMENTATIONS.get(name).Config().build()
    assert torch.equal(OfMasks([part])(ids, draw()), ids)
    states = []
    for batch in (images, images.repeat(1, 3, 2, 1)):
        generator = draw()
        InTurn([part])(batch, generator)
        states.append(generator.get_state())
    assert torch.equal(*states)
