import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from ludwig.error import ConfigValidationError

LABELS = ("a", "b", "unknown")


@pytest.fixture
def rows():
    return torch.randn(40, 3), torch.randint(0, 3, (40,)), 5 * torch.randn(40, 6)


def test_without_a_background_it_is_cross_entropy(build, rows):
    logits, target, hidden = rows
    loss = build("entropic_open_set", "category", LABELS)
    torch.testing.assert_close(loss(logits, target, hidden), cross_entropy(logits, target))


def test_background_rows_should_make_all_classes_equally_probable(build, rows):
    logits, target, hidden = rows
    loss = build("entropic_open_set", "category", LABELS, background_class=2)
    background = target == 2
    values = loss.rows(logits, target, hidden)
    torch.testing.assert_close(values[background], -logits[background].log_softmax(-1).mean(-1))
    torch.testing.assert_close(
        values[~background], cross_entropy(logits[~background], target[~background], reduction="none")
    )
    least = loss.rows(torch.zeros(1, 3), torch.tensor([2]), hidden[:1])
    torch.testing.assert_close(least, torch.tensor([math.log(3)]))


def test_objectosphere_adds_what_the_length_of_hidden_vectors_costs(build, rows):
    logits, target, hidden = rows
    options = {"background_class": 2, "xi": 8.0, "zeta": 0.3}
    entropic = build("entropic_open_set", "category", LABELS, background_class=2).rows(logits, target, hidden)
    length = hidden.norm(dim=-1)
    cost = torch.where(target == 2, length**2, (8.0 - length).clamp_min(0) ** 2)
    values = build("objectosphere", "category", LABELS, **options).rows(logits, target, hidden)
    torch.testing.assert_close(values, entropic + 0.3 * cost)


def test_a_hidden_vector_of_zeros_has_a_finite_gradient(build):
    hidden = torch.zeros(2, 4, requires_grad=True)
    loss = build("objectosphere", "category", background_class=1)
    loss(torch.zeros(2, 2), torch.tensor([0, 1]), hidden).backward()
    assert hidden.grad.isfinite().all()


def test_binary_logits_stand_for_two_classes(build):
    logits, target = torch.randn(30), (torch.rand(30) < 0.5).to(torch.uint8)
    values = build("entropic_open_set", "binary").rows(logits, target, torch.zeros(30, 1))
    expected = binary_cross_entropy_with_logits(logits, target.float(), reduction="none")
    torch.testing.assert_close(values, expected)


def test_a_background_that_is_no_class_is_refused(build):
    with pytest.raises(ConfigValidationError, match=r"background_class is 3, and the classes have ids 0 to 2: a, b"):
        build("objectosphere", "category", LABELS, background_class=3)
