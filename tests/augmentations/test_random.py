"""Which images are changed, and how far."""

import numpy as np
import pytest
import torch

from ludwig.augmentations import AUGMENTATIONS, automatic, colors, warps

COUNT = 400


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images_of(channels: int = 3, size: int = 6, count: int = COUNT) -> torch.Tensor:
    return torch.randint(0, 256, (count, channels, size, size), dtype=torch.uint8, generator=draw(9))


def augmented(name: str, images: torch.Tensor, **options: object) -> torch.Tensor:
    return AUGMENTATIONS.get(name).Config(**options).build()(images, draw())


@pytest.mark.parametrize(("name", "axis"), [("random_horizontal_flip", 3), ("random_vertical_flip", 2)])
def test_half_of_the_images_are_numpys_flips_and_the_others_stay(name, axis):
    images = images_of()
    changed, flipped = augmented(name, images).numpy(), np.flip(images.numpy(), axis)
    is_flipped = (changed == flipped).all((1, 2, 3))
    assert ((changed == images.numpy()).all((1, 2, 3)) == ~is_flipped).all()
    assert 0.4 < is_flipped.mean() < 0.6


def test_half_of_the_images_are_blurred():
    images = images_of()
    changed, blurred = augmented("random_blur", images, kernel_size=5), colors.blurred(images, 5)
    is_blurred = (changed == blurred).flatten(1).all(1)
    assert torch.equal(changed[~is_blurred], images[~is_blurred])
    assert 0.4 < is_blurred.float().mean() < 0.6


@pytest.mark.parametrize(
    ("name", "options", "change", "least", "most"),
    [
        ("random_rotate", {"degree": 40}, "rotated", -40, 40),
        ("random_rotate", {}, "rotated", -15, 15),
        ("random_brightness", {}, "brightened", 0.5, 2),
        ("random_brightness", {"min": 0.9, "max": 1.2}, "brightened", 0.9, 1.2),
        ("random_contrast", {"min": 0, "max": 0.5}, "contrasted", 0, 0.5),
        ("random_shift", {"share": 0.2}, "shifted", -0.2, 0.2),
    ],
)
def test_each_image_has_a_number_of_its_own_uniform_in_its_range(name, options, change, least, most, monkeypatch):
    room = AUGMENTATIONS.get(name).__module__
    seen: list[torch.Tensor] = []
    original = getattr(colors, change, None) or getattr(warps, change)

    def watched(images, *numbers):
        seen.extend(numbers)
        return original(images, *numbers)

    monkeypatch.setattr(f"{room}.{change}", watched)
    augmented(name, images_of(), **options)
    assert len(seen) == (2 if name == "random_shift" else 1)
    for numbers in seen:
        assert numbers.shape == (COUNT,)
        assert least <= numbers.min() <= numbers.max() <= most
        quantiles = np.quantile(numbers.numpy(), [0.0, 0.25, 0.5, 0.75, 1.0])
        assert quantiles == pytest.approx(np.linspace(least, most, 5), abs=0.1 * (most - least))


def test_options_that_change_nothing_change_nothing():
    images = images_of()
    for name, options in [
        ("random_rotate", {"degree": 0}),
        ("random_shift", {"share": 0.0}),
        ("random_blur", {"kernel_size": 1}),
        ("random_brightness", {"min": 1.0, "max": 1.0}),
        ("random_contrast", {"min": 1.0, "max": 1.0}),
    ]:
        assert torch.equal(augmented(name, images, **options), images), name


class TestTrivialAugment:
    @pytest.mark.parametrize(("channels", "count"), [(1, 15), (2, 15), (3, 16), (4, 16)])
    def test_each_image_is_changed_by_one_operation_of_the_pool(self, channels, count, monkeypatch):
        """Operations that write their number show which one each image got."""
        marks = [lambda images, strength, mark=mark: torch.full_like(images, mark) for mark in range(16)]
        monkeypatch.setattr(automatic, "POOL", tuple(marks[:15]))
        monkeypatch.setattr(automatic, "OF_COLORS", (marks[15],))
        changed = automatic.trivial_augment(images_of(channels, count=1600), draw())
        drawn = changed[:, 0, 0, 0].long()
        assert torch.equal(changed, drawn.view(-1, 1, 1, 1).to(torch.uint8).expand_as(changed))
        counts = drawn.bincount(minlength=16)
        assert (counts[:count] > 0.6 * 1600 / count).all()
        assert (counts[:count] < 1.4 * 1600 / count).all()
        assert counts[count:].sum() == 0

    def test_images_keep_their_places_and_strengths_are_uniform(self, monkeypatch):
        seen = []

        def watched(images, strength):
            seen.append(strength)
            return images

        monkeypatch.setattr(automatic, "POOL", (watched,) * 5)
        monkeypatch.setattr(automatic, "OF_COLORS", ())
        images = images_of()
        assert torch.equal(automatic.trivial_augment(images, draw()), images)
        strengths = torch.cat(seen).numpy()
        quantiles = np.quantile(strengths, [0.0, 0.25, 0.5, 0.75, 1.0])
        assert quantiles == pytest.approx([-1, -0.5, 0, 0.5, 1], abs=0.15)

    @pytest.mark.parametrize("place", range(16))
    def test_every_operation_of_the_pool_gives_bytes_at_any_strength(self, place):
        change = (*automatic.POOL, *automatic.OF_COLORS)[place]
        for size in (1, 2, 9):
            images = images_of(3, size, 5)
            before = images.clone()
            changed = change(images, torch.tensor([-1.0, -0.4, 0.0, 0.4, 1.0]))
            assert (changed.shape, changed.dtype) == (images.shape, torch.uint8)
            assert torch.equal(images, before)

    def test_at_no_strength_most_operations_change_nothing(self):
        images = images_of(3, 20, 5)
        still = [torch.equal(change(images, torch.zeros(5)), images) for change in automatic.POOL + automatic.OF_COLORS]
        assert sum(still) == 16 - 4  # both flips, autocontrast and equalize have no strength
