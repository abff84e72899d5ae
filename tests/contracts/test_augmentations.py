"""What holds for every augmentation: bytes in, bytes of the same shape out, drawn from the given generator alone."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

from ludwig.augmentations import AUGMENTATIONS, Augmentation, InTurn
from ludwig.models.ecd.input_base import INPUTS
from ludwig.schema import load
from tests.contracts.test_docstring_examples import example

CONTRACTS = (AUGMENTATIONS,)

SHAPES = [(5, 3, 8, 6), (4, 1, 7, 7), (3, 4, 5, 9), (2, 2, 6, 6), (3, 3, 1, 1), (3, 1, 1, 5), (1, 4, 2, 2)]


@pytest.fixture(params=AUGMENTATIONS.names())
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def augmentation(name: str) -> Augmentation:
    return AUGMENTATIONS.get(name).Config().build()


def draw(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images_of(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=draw(0))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shape_and_dtype_stay_and_the_batch_is_not_changed(augmentation, shape):
    images = images_of(*shape)
    before = images.clone()
    for seed in range(10):
        changed = augmentation(images, draw(seed))
        assert (changed.shape, changed.dtype) == (images.shape, torch.uint8)
        assert torch.equal(images, before)


def test_one_seed_is_one_result_and_seeds_differ(augmentation):
    images = images_of(16, 3, 12, 10)
    results = [augmentation(images, draw(seed)) for seed in (1, 1, 2)]
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])
    assert not torch.equal(results[0], images)


def test_the_global_generator_is_left_alone(augmentation):
    before = torch.get_rng_state()
    augmentation(images_of(4, 3, 8, 8), draw(3))
    assert torch.equal(torch.get_rng_state(), before)


def test_each_image_has_a_draw_of_its_own(augmentation):
    one = images_of(1, 3, 12, 10).expand(32, -1, -1, -1)
    changed = augmentation(one, draw(0))
    assert len(changed.flatten(1).unique(dim=0)) > 1


def test_a_batch_without_images_draws_nothing(augmentation):
    generator = draw(5)
    before = generator.get_state()
    assert InTurn([augmentation])(images_of(0, 3, 4, 4), generator).shape == (0, 3, 4, 4)
    assert torch.equal(generator.get_state(), before)


def test_pickled_and_copied_it_is_the_same(augmentation):
    images = images_of(6, 3, 8, 8)
    for again in (pickle.loads(pickle.dumps(augmentation)), copy.deepcopy(augmentation)):
        assert torch.equal(again(images, draw(1)), augmentation(images, draw(1)))


def test_the_example_is_an_input_feature_that_loads(name):
    raw = example(AUGMENTATIONS.get(name))
    config = load(INPUTS.get(raw.pop("type")).Config, raw)
    assert [section.type for section in config.augmentation] == [name]
    assert not config.faults()
