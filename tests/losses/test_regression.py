import math

import pytest
import torch
from sklearn import metrics
from torch.nn import functional

from ludwig.losses import LOSSES

HIDDEN = torch.zeros(0)
NAN = math.nan


@pytest.mark.parametrize("shape", [(50,), (50, 4)])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mean_squared_error", functional.mse_loss),
        ("mean_absolute_error", functional.l1_loss),
        ("huber", functional.huber_loss),
    ],
)
def test_equals_pytorch(build, name, expected, shape):
    logits, target = torch.randn(shape), 3 * torch.randn(shape)
    torch.testing.assert_close(build(name, "vector")(logits, target, HIDDEN), expected(logits, target))


def test_huber_is_linear_beyond_delta(build):
    loss = build("huber", "number", delta=2.0)
    # inside: d^2 / 2; beyond: delta * (d - delta / 2)
    torch.testing.assert_close(
        loss.rows(torch.zeros(2), torch.tensor([1.0, -5.0]), HIDDEN), torch.tensor([0.5, 2.0 * 4.0])
    )


def test_root_is_taken_once_over_all_rows(build):
    logits, target = torch.randn(50), torch.randn(50)
    expected = metrics.root_mean_squared_error(target, logits)
    assert build("root_mean_squared_error", "number")(logits, target, HIDDEN).item() == pytest.approx(expected)


def test_percentage_error_equals_sklearn(build):
    logits, target = torch.randn(50), torch.randn(50) + 5
    expected = metrics.mean_absolute_percentage_error(target, logits)
    loss = build("mean_absolute_percentage_error", "number")
    assert loss(logits, target, HIDDEN).item() == pytest.approx(expected, rel=1e-5)


def test_squared_percentage_error_follows_its_formula(build):
    logits, target = torch.randn(50), torch.randn(50) + 5
    expected = (((logits - target) / target) ** 2).mean().sqrt()
    torch.testing.assert_close(build("root_mean_squared_percentage_error", "number")(logits, target, HIDDEN), expected)


def test_relative_losses_need_original_units():
    relative = {name for name, kind in ((n, k) for k, n, _ in LOSSES) if LOSSES.get(name, kind).in_original_units}
    assert relative == {"mean_absolute_percentage_error", "root_mean_squared_percentage_error"}


@pytest.mark.parametrize("name", ["mean_absolute_percentage_error", "root_mean_squared_percentage_error"])
def test_a_target_of_zero_gives_a_finite_relative_loss(build, name):
    logits = torch.tensor([1.0, 2.0], requires_grad=True)
    loss = build(name, "number")(logits, torch.tensor([0.0, 1.0]), HIDDEN)
    loss.backward()
    assert loss.isfinite()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("name", ["root_mean_squared_error", "root_mean_squared_percentage_error"])
def test_a_perfect_fit_gives_zero_and_a_finite_gradient(build, name):
    logits = torch.ones(3, requires_grad=True)
    loss = build(name, "number")(logits, torch.ones(3), HIDDEN)
    loss.backward()
    assert loss.item() == 0
    assert (logits.grad == 0).all()


def test_a_root_of_something_that_is_no_number_stays_so(build):
    assert build("root_mean_squared_error", "number")(torch.tensor([NAN]), torch.ones(1), HIDDEN).isnan()


@pytest.mark.parametrize(
    "name", ["mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error", "huber"]
)
def test_missing_steps_of_a_series_do_not_count(build, name):
    loss = build(name, "timeseries")
    target = torch.tensor([[1.0, NAN, 2.0], [NAN, NAN, NAN], [3.0, 3.0, 4.0]])
    logits = torch.randn(3, 3, requires_grad=True)
    rows = loss.rows(logits, target, HIDDEN)
    torch.testing.assert_close(rows[0], loss.rows(logits[:1, [0, 2]], target[:1, [0, 2]], HIDDEN)[0])
    assert rows[1] == 0
    assert loss.row_weights(target).tolist() == [1, 0, 1]
    loss(logits, target, HIDDEN).backward()
    assert logits.grad.isfinite().all()
    assert (logits.grad[target.isnan()] == 0).all()
