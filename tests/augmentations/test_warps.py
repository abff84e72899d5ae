"""Rotations, shifts and shears beside scipy's, Pillow's and numpy's."""

import numpy as np
import pytest
import torch
from scipy.ndimage import affine_transform

from ludwig.augmentations.warps import rotated, sheared, shifted

Image = pytest.importorskip("PIL.Image")

DOWN, ACROSS = np.mgrid[0:24, 0:33]
SMOOTH = 127 + 60 * np.sin(ACROSS / 6) + 60 * np.cos(DOWN / 5 + ACROSS / 11)
IMAGES = torch.from_numpy(np.stack([SMOOTH, 255 - SMOOTH, SMOOTH[::-1]]).round().astype(np.uint8))[:, None]
ANGLES = (0.0, 17.0, -40.0)
INNER = (slice(9, 15), slice(10, 23))  # which no angle turns out of the image


def by_scipy(matrices: list) -> np.ndarray:
    """Pixels from their sources, as (down, across) from the middle."""
    middle = (np.array(SMOOTH.shape) - 1) / 2
    return np.stack(
        [
            affine_transform(image[0].astype(float), matrix, middle - matrix @ middle, order=1, mode="grid-constant")
            for image, matrix in zip(IMAGES.numpy(), map(np.array, matrices), strict=True)
        ]
    )


def test_rotations_are_scipys_edges_included():
    turns = []
    for angle in np.deg2rad(ANGLES):
        cos, sin = np.cos(angle), np.sin(angle)
        turns.append([[cos, sin], [-sin, cos]])
    ours = rotated(IMAGES, torch.tensor(ANGLES))[:, 0].numpy()
    assert np.abs(ours - by_scipy(turns)).max() < 1
    assert np.array_equal(ours[0], IMAGES[0, 0].numpy())


def test_rotations_are_pillows_inside():
    ours = rotated(IMAGES, torch.tensor(ANGLES))[:, 0].numpy().astype(int)
    for place, angle in enumerate(ANGLES):
        theirs = Image.fromarray(IMAGES[place, 0].numpy()).rotate(angle, Image.Resampling.BILINEAR)
        assert np.abs(ours[place] - np.asarray(theirs).astype(int))[INNER].max() <= 2


def test_a_quarter_turn_of_a_square_is_numpys():
    square = IMAGES[:, :, :, :24]
    ours = rotated(square, torch.full((3,), 90.0))
    np.testing.assert_array_equal(ours.numpy(), np.rot90(square.numpy(), axes=(2, 3)))


def test_what_is_outside_is_black():
    white = torch.full((1, 3, 21, 21), 255, dtype=torch.uint8)
    turned = rotated(white, torch.tensor([45.0]))
    assert turned[0, :, 0, 0].tolist() == [0, 0, 0]
    assert turned[0, :, 10, 10].tolist() == [255, 255, 255]


def test_shears_are_scipys():
    across, down = (0.0, 0.4, -0.9), (0.0, 0.0, 0.3)
    shears = [[[1, d], [a, 1]] for a, d in zip(across, down, strict=True)]
    ours = sheared(IMAGES, torch.tensor(across), torch.tensor(down))[:, 0].numpy()
    assert np.abs(ours - by_scipy(shears)).max() < 1


def test_shifts_are_whole_pixels_and_gaps_are_black():
    across, down = torch.tensor([3 / 33, -2.3 / 33, 0.0]), torch.tensor([0.0, 5 / 24, -0.4 / 24])
    ours = shifted(IMAGES, across, down).numpy()
    expected = np.zeros_like(IMAGES.numpy())
    expected[0, :, :, 3:] = IMAGES.numpy()[0, :, :, :-3]
    expected[1, :, 5:, :-2] = IMAGES.numpy()[1, :, :-5, 2:]
    expected[2] = IMAGES.numpy()[2]
    np.testing.assert_array_equal(ours, expected)
