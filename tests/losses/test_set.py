import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

HIDDEN = torch.zeros(0)
LABELS = ("a", "b", "c")


@pytest.fixture
def rows():
    return torch.randn(20, 3), (torch.rand(20, 3) < 0.4).to(torch.uint8)


def test_without_weights_it_is_the_mean_over_all_classes(build, rows):
    logits, target = rows
    expected = binary_cross_entropy_with_logits(logits, target.float())
    torch.testing.assert_close(build("sigmoid_cross_entropy", "set", LABELS)(logits, target, HIDDEN), expected)


def test_class_weights_make_a_weighted_mean(build, rows):
    logits, target = rows
    each = binary_cross_entropy_with_logits(logits, target.float(), reduction="none").mean(0)
    loss = build("sigmoid_cross_entropy", "set", LABELS, class_weights={"a": 2.0, "c": 0.0})
    torch.testing.assert_close(loss(logits, target, HIDDEN), (2 * each[0] + each[1]) / 3)
