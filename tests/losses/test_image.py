import numpy as np
import pytest
import torch

HIDDEN = torch.zeros(0)


def jaccard_index_loss(missed: set[int], truth: set[int]) -> float:
    """The set function that Lovász-softmax extends: one minus intersection over union when `missed` is mispredicted."""
    right = truth - missed
    return 1 - len(right) / len(truth | missed)


def lovasz_by_definition(shares: np.ndarray, truth: np.ndarray) -> float:
    """The Lovász extension, summed greedily: shares [C, P], truth [P]."""
    losses = []
    for place, of_class in enumerate(shares):
        members = set(np.flatnonzero(truth == place))
        if not members:
            continue
        errors = np.where(truth == place, 1 - of_class, of_class)
        total, missed = 0.0, set()
        for pixel in np.argsort(-errors):
            before = jaccard_index_loss(missed, members)
            missed = missed | {pixel}
            total += errors[pixel] * (jaccard_index_loss(missed, members) - before)
        losses.append(total)
    return float(np.mean(losses))


@pytest.fixture
def images():
    return torch.randn(4, 3, 2, 5), torch.randint(0, 3, (4, 2, 5))


def test_lovasz_softmax_is_the_lovasz_extension(build, images):
    logits, target = images
    target[0] = 1  # an image of one class
    rows = build("lovasz_softmax", "image").rows(logits, target, HIDDEN)
    shares = logits.softmax(1).flatten(2).double().numpy()
    expected = [lovasz_by_definition(s, t) for s, t in zip(shares, target.flatten(1).numpy(), strict=True)]
    np.testing.assert_allclose(rows.numpy(), expected, rtol=1e-5)


def test_dice_follows_its_formula(build, images):
    logits, target = images
    shares = logits.softmax(1)
    expected = torch.zeros(4)
    for place in range(3):
        truth = (target == place).float()
        overlap = (shares[:, place] * truth).sum((1, 2))
        whole = shares[:, place].sum((1, 2)) + truth.sum((1, 2))
        expected += (1 - (2 * overlap + 0.5) / (whole + 0.5)) / 3
    torch.testing.assert_close(build("dice", "image", smooth=0.5).rows(logits, target, HIDDEN), expected)


@pytest.mark.parametrize("name", ["dice", "lovasz_softmax"])
def test_a_perfect_answer_costs_nothing(build, images, name):
    _, target = images
    logits = 100 * torch.nn.functional.one_hot(target, 3).movedim(-1, 1).float()
    torch.testing.assert_close(build(name, "image")(logits, target, HIDDEN), torch.tensor(0.0))


@pytest.mark.parametrize("name", ["dice", "lovasz_softmax"])
def test_unknown_pixels_do_not_count(build, images, name):
    logits, target = images
    cut = target.clone()
    cut[:, :, 3:] = -1
    loss = build(name, "image")
    torch.testing.assert_close(loss.rows(logits, cut, HIDDEN), loss.rows(logits[..., :3], target[..., :3], HIDDEN))


def test_dice_without_smoothing_is_finite_for_absent_classes(build):
    logits = torch.full((1, 2, 1, 1), -200.0, requires_grad=True)
    loss = build("dice", "image", smooth=0.0)
    loss(logits, torch.zeros(1, 1, 1, dtype=torch.long), HIDDEN).backward()
    assert logits.grad.isfinite().all()
