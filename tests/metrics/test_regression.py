import math

import numpy as np
import pytest
import torch
from sklearn import metrics

from ludwig.metrics import METRICS
from ludwig.metrics.base import Setting
from ludwig.nn.prediction import Prediction

NAN = math.nan


def root_mean_squared_percentage_error(target, predicted):
    target, predicted = target.double().numpy(), predicted.double().numpy()
    return np.sqrt(np.mean(((predicted - target) / target) ** 2))


SKLEARN = {
    "mean_squared_error": metrics.mean_squared_error,
    "mean_absolute_error": metrics.mean_absolute_error,
    "mean_absolute_percentage_error": metrics.mean_absolute_percentage_error,
    "root_mean_squared_error": metrics.root_mean_squared_error,
    "root_mean_squared_percentage_error": root_mean_squared_percentage_error,
    "r2": metrics.r2_score,
}


@pytest.fixture
def rows():
    target = 3 * torch.randn(200) + 1
    return target, target + torch.randn(200)


@pytest.mark.parametrize(("name", "expected"), SKLEARN.items())
def test_numbers_are_evaluated_as_by_sklearn(score, rows, name, expected):
    target, predicted = rows
    assert score(name, "number", target, predictions=predicted) == pytest.approx(expected(target, predicted), rel=1e-6)


@pytest.mark.parametrize("name", ["mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error", "r2"])
def test_vectors_are_evaluated_as_by_sklearn(score, name):
    target = torch.randn(150, 4) * torch.tensor([1.0, 10.0, 0.1, 3.0]) + 1
    predicted = target + torch.randn(150, 4)
    expected = SKLEARN[name](target.double(), predicted.double())
    assert score(name, "vector", target, predictions=predicted) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", ["mean_absolute_percentage_error", "root_mean_squared_percentage_error"])
def test_relative_errors_of_a_target_of_zero_are_huge_and_finite(score, name):
    value = score(name, "number", torch.tensor([0.0, 1.0]), predictions=torch.tensor([1e3, 1.0]))
    assert 1e15 < value < math.inf


def test_relative_error_of_zero_is_that_of_sklearn(score):
    target, predicted = torch.tensor([0.0, 2.0]), torch.tensor([1.0, 1.0])
    expected = metrics.mean_absolute_percentage_error(target, predicted)
    value = score("mean_absolute_percentage_error", "number", target, predictions=predicted)
    assert value == pytest.approx(expected)


@pytest.mark.parametrize("name", SKLEARN)
def test_missing_numbers_are_left_out(score, rows, name):
    target, predicted = rows
    there = torch.rand(200) < 0.7
    expected = score(name, "number", target[there], predictions=predicted[there])
    value = score(name, "number", torch.where(there, target, NAN), predictions=predicted)
    assert value == pytest.approx(expected)


@pytest.mark.parametrize("name", SKLEARN)
def test_predictions_that_are_no_numbers_are_not_hidden(score, rows, name):
    target, predicted = rows
    predicted[3] = NAN
    assert math.isnan(score(name, "number", target, predictions=predicted))


@pytest.mark.parametrize("name", [*SKLEARN])
def test_nothing_is_reported_where_all_targets_are_missing(score, name):
    assert score(name, "number", torch.full((4,), NAN), predictions=torch.zeros(4)) is None


def test_r2_survives_a_large_mean(score):
    target = (1e6 + torch.randn(2000, dtype=torch.float64)).float()
    predicted = target + 0.5 * torch.randn(2000)
    expected = metrics.r2_score(target.double(), predicted.double())
    assert score("r2", "number", target, predictions=predicted) == pytest.approx(expected, rel=1e-9)


def test_r2_needs_two_rows(score):
    assert score("r2", "number", torch.ones(1), predictions=torch.ones(1)) is None
    assert score("r2", "number", torch.tensor([1.0, NAN]), predictions=torch.ones(2)) is None


@pytest.mark.parametrize("predicted", [torch.full((5,), 2.0), torch.arange(5.0)])
def test_r2_of_a_constant_is_that_of_sklearn(score, predicted):
    target = torch.full((5,), 2.0)
    assert score("r2", "number", target, predictions=predicted) == metrics.r2_score(target, predicted)


def test_r2_of_a_series_leaves_steps_out_that_are_always_missing(score):
    target = torch.randn(30, 3)
    predicted = target + torch.randn(30, 3)
    target[:, 1] = NAN
    expected = metrics.r2_score(target[:, [0, 2]].double(), predicted[:, [0, 2]].double())
    assert score("r2", "timeseries", target, predictions=predicted) == pytest.approx(expected)


def test_sums_of_a_million_rows_do_not_drift():
    metric = METRICS.get("mean_absolute_error", "number")(Setting())
    target = torch.full((8192,), 0.1)
    for _ in range(122):
        metric.update(Prediction(target, target, torch.zeros(8192)), target)
    assert metric.compute() == pytest.approx(float(np.float32(0.1)), rel=1e-12)


def test_symmetric_percentage_error_follows_its_formula(score):
    target, predicted = torch.randn(40, 3), torch.randn(40, 3)
    expected = (2 * (target - predicted).abs() / (target.abs() + predicted.abs())).double().mean().item()
    value = score("symmetric_mean_absolute_percentage_error", "timeseries", target, predictions=predicted)
    assert value == pytest.approx(expected, rel=1e-6)
    zeros = torch.zeros(2, 3)
    assert score("symmetric_mean_absolute_percentage_error", "timeseries", zeros, predictions=zeros) == 0


SCALED = "mean_absolute_scaled_error"


def test_scaled_error_compares_with_the_step_before(score):
    target = torch.tensor([[1.0, 3.0, 2.0], [5.0, 5.0, 9.0]])  # steps of 2, 1, 0, 4: 7 / 4
    predicted = target + torch.tensor([[1.0, -1.0, 0.0], [2.0, 0.0, 3.0]])  # errors 7 / 6
    assert score(SCALED, "timeseries", target, predictions=predicted) == pytest.approx((7 / 6) / (7 / 4))


def test_scaled_error_leaves_missing_steps_out(score):
    target = torch.tensor([[1.0, NAN, 2.0, 5.0]])  # one step is there: 3
    predicted = torch.tensor([[2.0, 9.0, 2.0, 5.0]])  # errors 1, 0, 0
    assert score(SCALED, "timeseries", target, predictions=predicted) == pytest.approx((1 / 3) / 3)


def test_scaled_error_of_rows_of_one_step_compares_with_the_row_before(score):
    target, predicted = torch.randn(50, 1), torch.randn(50, 1)
    naive = target.diff(dim=0).abs().double().mean()
    expected = (target - predicted).abs().double().mean() / naive
    value = score(SCALED, "timeseries", target, predictions=predicted)
    assert value == pytest.approx(expected.item(), rel=1e-6)


def test_scaled_error_of_a_constant_is_undefined(score):
    assert score(SCALED, "timeseries", torch.ones(3, 4), predictions=torch.zeros(3, 4)) is None
