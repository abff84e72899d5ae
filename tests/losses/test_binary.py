import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

HIDDEN = torch.zeros(0)
NAME = "binary_weighted_cross_entropy"


@pytest.fixture
def rows():
    return torch.randn(40), (torch.rand(40) < 0.3)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.bool])
def test_without_options_it_is_cross_entropy(build, rows, dtype):
    logits, target = rows
    expected = binary_cross_entropy_with_logits(logits, target.float())
    torch.testing.assert_close(build(NAME, "binary")(logits, target.to(dtype), HIDDEN), expected)


@pytest.mark.parametrize("weight", [0.0, 1.0, 3.5])
def test_true_rows_weigh_more(build, rows, weight):
    logits, target = rows
    expected = binary_cross_entropy_with_logits(logits, target.float(), pos_weight=torch.tensor(weight))
    torch.testing.assert_close(build(NAME, "binary", positive_class_weight=weight)(logits, target, HIDDEN), expected)


def test_robust_lambda_mixes_in_a_constant(build, rows):
    logits, target = rows
    plain = binary_cross_entropy_with_logits(logits, target.float())
    torch.testing.assert_close(build(NAME, "binary", robust_lambda=0.2)(logits, target, HIDDEN), 0.8 * plain + 0.2 / 2)


def test_a_smoothed_target_is_nearer_to_one_half(build, rows):
    logits, target = rows
    true, false = -logits.sigmoid().log(), -(-logits).sigmoid().log()
    expected = torch.where(target, 0.9 * true + 0.1 * false, 0.1 * true + 0.9 * false).mean()
    torch.testing.assert_close(build(NAME, "binary", label_smoothing=0.2)(logits, target, HIDDEN), expected)


def test_confidence_costs_what_entropy_is_missing(build, rows):
    logits, target = rows
    entropy = torch.distributions.Bernoulli(logits=logits).entropy()
    expected = binary_cross_entropy_with_logits(logits, target.float()) + 0.5 * (math.log(2) - entropy).mean()
    torch.testing.assert_close(build(NAME, "binary", confidence_penalty=0.5)(logits, target, HIDDEN), expected)


def test_huge_logits_stay_finite(build):
    logits = torch.tensor([1e4, -1e4], requires_grad=True)
    loss = build(NAME, "binary", confidence_penalty=0.5)(logits, torch.tensor([1, 0], dtype=torch.uint8), HIDDEN)
    loss.backward()
    assert loss.item() == pytest.approx(0.5 * math.log(2))
    assert logits.grad.isfinite().all()


def test_the_weight_moves_with_the_loss_and_is_not_saved(build):
    loss = build(NAME, "binary", positive_class_weight=2.0)
    assert loss.to(torch.float64).weight_of_true.dtype == torch.float64
    assert loss.state_dict() == {}
