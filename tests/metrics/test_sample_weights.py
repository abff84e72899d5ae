"""Metrics of weighted rows are those that scikit-learn gives with `sample_weight`."""

import numpy as np
import pytest
import torch
from sklearn import metrics

from ludwig.metrics import METRICS
from ludwig.metrics.base import Setting
from ludwig.nn.prediction import Prediction

NUMBERS = {
    "mean_squared_error": metrics.mean_squared_error,
    "root_mean_squared_error": metrics.root_mean_squared_error,
    "mean_absolute_error": metrics.mean_absolute_error,
    "mean_absolute_percentage_error": metrics.mean_absolute_percentage_error,
    "r2": metrics.r2_score,
}
YES_OR_NO = {
    "accuracy": metrics.accuracy_score,
    "precision": metrics.precision_score,
    "recall": metrics.recall_score,
}
RANKS = {"roc_auc": metrics.roc_auc_score, "average_precision": metrics.average_precision_score}
CLASSES = {"accuracy": metrics.accuracy_score, "balanced_accuracy": metrics.balanced_accuracy_score}
ROWS = 200


@pytest.fixture
def weights():
    torch.manual_seed(0)
    return torch.rand(ROWS) * (torch.rand(ROWS) > 0.2) * 3  # a fifth has none


def weighed(name, kind, target, weights, setting=Setting(), **values):  # noqa: B008
    """The metric, counted in batches and merged."""
    parts = [METRICS.get(name, kind)(setting) for _ in range(2)]
    for rows in torch.arange(ROWS).split(23):
        part = Prediction(**{"logits": None, "hidden": torch.zeros(0), **{k: v[rows] for k, v in values.items()}})
        parts[int(rows[0]) % 2].update(part, target[rows], weights[rows])
    parts[0].merge(parts[1])
    return parts[0].compute()


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers(weights, name):
    target = torch.randn(ROWS) * 2 + 5
    predicted = target + torch.randn(ROWS)
    expected = NUMBERS[name](target.double(), predicted.double(), sample_weight=weights.double())
    assert weighed(name, "number", target, weights, predictions=predicted) == pytest.approx(expected, rel=1e-6)


def test_vectors(weights):
    target = torch.randn(ROWS, 3)
    predicted = target + torch.randn(ROWS, 3)
    expected = metrics.r2_score(target.double(), predicted.double(), sample_weight=weights.double())
    assert weighed("r2", "vector", target, weights, predictions=predicted) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("level", [0.1, 0.5, 0.9])
def test_quantiles(weights, level):
    target, predicted = torch.randn(ROWS), torch.randn(ROWS, 1)
    expected = metrics.mean_pinball_loss(target, predicted[:, 0], sample_weight=weights, alpha=level)
    found = weighed("mean_pinball_loss", "number", target, weights, Setting(levels=(level,)), quantiles=predicted)
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", YES_OR_NO)
def test_yes_or_no(weights, name):
    target, predicted = (torch.rand(ROWS) < 0.4).float(), torch.rand(ROWS) < 0.5
    expected = YES_OR_NO[name](target > 0, predicted, sample_weight=weights)
    assert weighed(name, "binary", target, weights, predictions=predicted) == pytest.approx(expected)


@pytest.mark.parametrize("name", RANKS)
def test_ranks(weights, name):
    target = (torch.rand(ROWS) < 0.4).float()
    scores = ((target + torch.randn(ROWS)) * 8).round() / 80 + 0.5  # some are equal
    expected = RANKS[name](target > 0, scores, sample_weight=weights)
    assert weighed(name, "binary", target, weights, probabilities=scores) == pytest.approx(expected)


@pytest.mark.parametrize("name", CLASSES)
def test_classes(weights, name):
    target, predicted = torch.randint(0, 4, (ROWS,)), torch.randint(0, 4, (ROWS,))
    expected = CLASSES[name](target, predicted, sample_weight=weights)
    found = weighed(name, "category", target, weights, Setting(classes=4), predictions=predicted)
    assert found == pytest.approx(expected)


def test_the_roc_auc_of_several_classes(weights):
    target, shares = torch.randint(0, 4, (ROWS,)), torch.rand(ROWS, 4).softmax(-1)
    expected = np.mean([metrics.roc_auc_score(target == i, shares[:, i], sample_weight=weights) for i in range(4)])
    found = weighed("roc_auc", "category", target, weights, Setting(classes=4), probabilities=shares)
    assert found == pytest.approx(expected)


def test_nothing_is_reported_where_no_row_counts():
    target, none = torch.rand(ROWS).round(), torch.zeros(ROWS)
    values = {"predictions": target.bool(), "probabilities": torch.rand(ROWS)}
    assert [weighed(name, "binary", target, none, **values) for name in ("accuracy", *RANKS)] == [None] * 3
    assert [weighed(name, "number", target, none, predictions=target) for name in NUMBERS] == [None] * len(NUMBERS)
