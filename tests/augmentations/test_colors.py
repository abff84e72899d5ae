"""Colours and tones beside Pillow's, scipy's and numpy's."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from ludwig.augmentations import colors

Image = pytest.importorskip("PIL.Image")
ImageEnhance = pytest.importorskip("PIL.ImageEnhance")
ImageOps = pytest.importorskip("PIL.ImageOps")

MODES = {1: "L", 3: "RGB"}
FACTORS = (0.0, 0.3, 1.0, 1.7)


def images_of(channels: int, count: int = 4) -> torch.Tensor:
    """Images of narrow and of wide ranges, and one of a single tone."""
    draw = np.random.default_rng(channels)
    wide = draw.integers(0, 256, (count - 1, channels, 9, 11))
    wide[0] = 90 + wide[0] // 5
    return torch.from_numpy(np.concatenate([wide, np.full((1, channels, 9, 11), 77)]).astype(np.uint8))


def by_pillow(images: torch.Tensor, change) -> np.ndarray:
    """Each image through Pillow; `change` gets it and its place."""
    changed = []
    for place, image in enumerate(images.permute(0, 2, 3, 1).numpy()):
        opened = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image, MODES[image.shape[2]])
        result = np.asarray(change(opened, place))
        changed.append(result.reshape(image.shape).transpose(2, 0, 1))
    return np.stack(changed)


def assert_close(ours: torch.Tensor, theirs: np.ndarray, most: int) -> None:
    assert np.abs(ours.numpy().astype(int) - theirs.astype(int)).max() <= most


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("ours", "theirs", "most"),
    [
        (colors.brightened, "Brightness", 1),  # Pillow cuts fractions off
        (colors.contrasted, "Contrast", 2),  # and rounds the mean
        (colors.saturated, "Color", 2),
        (colors.sharpened, "Sharpness", 2),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_factors_are_pillows(channels, ours, theirs, most):
    images = images_of(channels)
    enhance = getattr(ImageEnhance, theirs)
    expected = by_pillow(images, lambda image, place: enhance(image).enhance(FACTORS[place]))
    assert_close(ours(images, torch.tensor(FACTORS)), expected, most)


def test_brightness_and_contrast_follow_their_formulas():
    images, factors = images_of(3), np.array(FACTORS).reshape(-1, 1, 1, 1)
    pixels = images.numpy().astype(float)
    assert_close(colors.brightened(images, torch.tensor(FACTORS)), np.clip(np.rint(pixels * factors), 0, 255), 1)
    grey = np.tensordot([0.299, 0.587, 0.114], pixels, axes=(0, 1)).mean((1, 2)).reshape(-1, 1, 1, 1)
    expected = np.clip(np.rint(grey + factors * (pixels - grey)), 0, 255)
    assert_close(colors.contrasted(images, torch.tensor(FACTORS)), expected, 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_tones_are_pillows(channels):
    images = images_of(channels)
    bits, thresholds = torch.tensor([8, 4, 2, 1]), torch.tensor([256.0, 100.0, 0.0, 78.0])
    posterized = by_pillow(images, lambda image, place: ImageOps.posterize(image, int(bits[place])))
    assert_close(colors.posterized(images, bits), posterized, 0)
    solarized = by_pillow(images, lambda image, place: ImageOps.solarize(image, int(thresholds[place])))
    assert_close(colors.solarized(images, thresholds), solarized, 0)
    assert_close(colors.autocontrasted(images), by_pillow(images, lambda image, _: ImageOps.autocontrast(image)), 1)


@pytest.mark.parametrize("channels", [1, 3])
def test_equalised_images_are_pillows(channels):
    draw = np.random.default_rng(1)
    pixels = np.concatenate([draw.normal(120, 20, (2, channels, 40, 50)), np.full((1, channels, 40, 50), 9)])
    images = torch.from_numpy(pixels.clip(0, 255).astype(np.uint8))
    assert_close(colors.equalized(images), by_pillow(images, lambda image, _: ImageOps.equalize(image)), 0)
    few = images_of(channels)  # too few pixels for a step of one
    assert_close(colors.equalized(few), by_pillow(few, lambda image, _: ImageOps.equalize(image)), 0)


@pytest.mark.parametrize("size", [1, 3, 7])
def test_a_blur_is_scipys(size):
    images = images_of(3)
    sigma = 0.15 * size + 0.35
    sigmas, radii = (0, 0, sigma, sigma), (0, 0, size // 2, size // 2)
    expected = gaussian_filter(images.numpy().astype(float), sigmas, mode="nearest", radius=radii)
    assert_close(colors.blurred(images, size), np.rint(expected), 1)


@pytest.mark.parametrize("channels", [2, 4])
def test_opacity_stays(channels):
    images, each = images_of(channels).repeat(1, 1, 3, 3), torch.tensor(FACTORS)
    changed = [
        *(change(images, each) for change in (colors.brightened, colors.contrasted, colors.sharpened)),
        *(change(images) for change in (colors.autocontrasted, colors.equalized)),
        colors.posterized(images, torch.tensor([2, 2, 2, 2])),
        colors.solarized(images, torch.zeros(4)),
    ]
    for result in changed:
        assert torch.equal(result[:, -1], images[:, -1])
        assert not torch.equal(result[:, :-1], images[:, :-1])
