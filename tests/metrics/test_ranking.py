import math

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, roc_auc_score

from ludwig.metrics import METRICS
from ludwig.metrics.base import Setting
from ludwig.nn.prediction import Prediction


@pytest.mark.parametrize("digits", [1, 2, 8])
def test_binary_area_is_that_of_sklearn_also_with_ties(score, digits):
    target = (torch.rand(500) < 0.3).to(torch.uint8)
    scores = (torch.rand(500) + 0.2 * target).round(decimals=digits)
    value = score("roc_auc", "binary", target, probabilities=scores)
    assert value == pytest.approx(roc_auc_score(target, scores), abs=1e-12)


@pytest.mark.parametrize("digits", [1, 2, 8])
def test_average_precision_is_that_of_sklearn_also_with_ties(score, digits):
    target = (torch.rand(500) < 0.3).to(torch.uint8)
    scores = (torch.rand(500) + 0.2 * target).round(decimals=digits)
    value = score("average_precision", "binary", target, probabilities=scores)
    assert value == pytest.approx(average_precision_score(target, scores), abs=1e-12)


def test_average_precision_needs_a_positive_row(score):
    scores = torch.tensor([0.2, 0.4])
    assert score("average_precision", "binary", torch.zeros(2, dtype=torch.int8), probabilities=scores) is None
    assert score("average_precision", "binary", torch.ones(2, dtype=torch.int8), probabilities=scores) == 1
    odd = torch.tensor([0.2, math.nan])
    assert math.isnan(score("average_precision", "binary", torch.tensor([0, 1]), probabilities=odd))


@pytest.mark.parametrize("digits", [1, 8])
def test_category_area_is_the_macro_one_of_sklearn(score, digits):
    target = torch.randint(0, 4, (400,))
    scores = (torch.rand(400, 4) + torch.eye(4)[target] / 4).round(decimals=digits)
    expected = np.mean([roc_auc_score(target == place, scores[:, place]) for place in range(4)])
    value = score("roc_auc", "category", target.to(torch.int8), Setting(classes=4), probabilities=scores)
    assert value == pytest.approx(expected, abs=1e-12)
    shares = scores.softmax(1).double()
    value = score("roc_auc", "category", target, Setting(classes=4), probabilities=shares)
    assert value == pytest.approx(roc_auc_score(target, shares, multi_class="ovr", average="macro"), abs=1e-12)


def test_classes_that_do_not_occur_are_left_out(score):
    target, scores = torch.randint(1, 3, (100,)), torch.rand(100, 4)
    expected = np.mean([roc_auc_score(target == place, scores[:, place]) for place in (1, 2)])
    assert score("roc_auc", "category", target, Setting(classes=4), probabilities=scores) == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["binary", "category"])
def test_one_class_alone_has_no_area(score, kind):
    scores = torch.rand(5) if kind == "binary" else torch.rand(5, 2)
    assert score("roc_auc", kind, torch.ones(5, dtype=torch.int8), Setting(classes=2), probabilities=scores) is None


def test_a_perfect_order_has_the_whole_area_and_a_reversed_one_none(score):
    target = torch.tensor([0, 0, 1, 1], dtype=torch.uint8)
    assert score("roc_auc", "binary", target, probabilities=torch.arange(4.0)) == 1
    assert score("roc_auc", "binary", target, probabilities=-torch.arange(4.0)) == 0
    assert score("roc_auc", "binary", target, probabilities=torch.ones(4)) == 0.5


def test_rows_without_a_target_are_left_out(score):
    target, scores = torch.tensor([0.0, 1.0, math.nan, 1.0]), torch.tensor([0.5, 0.4, 0.1, 0.6])
    assert score("roc_auc", "binary", target, probabilities=scores) == 0.5


def test_scores_that_are_no_numbers_are_not_hidden(score):
    target, scores = torch.tensor([0, 1, 1]), torch.tensor([0.5, math.nan, 0.6])
    assert math.isnan(score("roc_auc", "binary", target, probabilities=scores))


def test_half_precision_is_ranked(score):
    target, scores = torch.tensor([0, 1, 1]), torch.tensor([0.5, 0.25, 0.75])
    assert score("roc_auc", "binary", target, probabilities=scores.bfloat16()) == 0.5


def test_targets_are_copied_so_that_batches_can_be_freed():
    metric = METRICS.get("roc_auc", "binary")(Setting())
    block = torch.zeros(3, 100, dtype=torch.uint8)
    metric.update(Prediction(torch.zeros(3), torch.zeros(3), probabilities=torch.rand(3)), block[:, 0])
    assert metric.targets[0].untyped_storage().nbytes() == 3
