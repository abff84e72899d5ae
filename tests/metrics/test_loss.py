import math

import pytest
import torch
from sklearn.metrics import root_mean_squared_error
from torch.nn.functional import cross_entropy

from ludwig.losses import LOSSES
from ludwig.metrics.loss import LossMetric
from ludwig.nn.members import rows_of
from ludwig.nn.prediction import Prediction

LABELS = ("a", "b", "c")


def counted(loss, prediction, target, size):
    metric = LossMetric(loss)
    for start in range(0, len(target), size):
        rows = slice(start, start + size)
        part = Prediction(prediction.logits[rows], prediction.hidden[rows])
        metric.update(rows_of(loss, part, target[rows], members=False), loss.row_weights(target[rows]))
    return metric


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_root_is_taken_once_over_the_split(size):
    loss = LOSSES.get("root_mean_squared_error", "number").Config().build()
    logits, target = torch.randn(100), torch.randn(100)
    value = counted(loss, Prediction(logits, logits), target, size).compute()
    assert value == pytest.approx(root_mean_squared_error(target, logits), rel=1e-6)


@pytest.mark.parametrize("size", [1, 7, 100])
def test_weights_of_rows_are_those_of_the_whole_split(size):
    weights = [1.0, 5.0, 0.5]
    loss = LOSSES.get("softmax_cross_entropy", "category").Config(class_weights=weights).build(LABELS)
    logits, target = torch.randn(100, 3), torch.randint(-1, 3, (100,))
    expected = cross_entropy(logits, target, weight=torch.tensor(weights), ignore_index=-1)
    value = counted(loss, Prediction(logits, logits), target, size).compute()
    assert value == pytest.approx(expected.item(), rel=1e-6)


def test_halves_merge_to_the_whole():
    loss = LOSSES.get("corn", "category").Config().build(LABELS)
    logits, target = torch.randn(50, 3), torch.randint(-1, 3, (50,))
    whole = counted(loss, Prediction(logits, logits), target, 50)
    first = counted(loss, Prediction(logits[:13], logits[:13]), target[:13], 5)
    first.merge(counted(loss, Prediction(logits[13:], logits[13:]), target[13:], 5))
    assert first.compute() == pytest.approx(whole.compute(), rel=1e-9)
    assert first.compute() == pytest.approx(loss(logits, target, logits).item(), rel=1e-6)


def test_nothing_is_reported_of_no_rows_and_of_rows_that_do_not_count():
    loss = LOSSES.get("softmax_cross_entropy", "category").Config().build(LABELS)
    assert LossMetric(loss).compute() is None
    logits = torch.randn(3, 3)
    assert counted(loss, Prediction(logits, logits), torch.full((3,), -1), 3).compute() is None


def test_a_loss_that_is_no_number_is_not_hidden():
    loss = LOSSES.get("root_mean_squared_error", "number").Config().build()
    logits = torch.tensor([1.0, math.nan])
    assert math.isnan(counted(loss, Prediction(logits, logits), torch.zeros(2), 2).compute())


def test_no_history_is_kept():
    loss = LOSSES.get("mean_squared_error", "number").Config().build()
    logits = torch.randn(4, requires_grad=True)
    metric = LossMetric(loss)
    metric.update(loss.rows(logits, torch.zeros(4), logits), None)
    assert not metric.total.requires_grad
