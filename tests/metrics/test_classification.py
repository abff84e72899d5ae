import pytest
import torch
from sklearn import metrics

from ludwig.metrics import METRICS
from ludwig.metrics.base import Setting

FIVE = Setting(classes=5)


@pytest.fixture
def rows():
    shares = torch.rand(300, 5)
    target = torch.multinomial(torch.tensor([0.5, 0.3, 0.1, 0.1, 0.0]), 300, replacement=True)  # class 4 never occurs
    return target.to(torch.int8), shares / shares.sum(1, keepdim=True)


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_accuracy_is_balanced_over_the_classes_that_occur(score, rows):
    target, shares = rows
    predicted = shares.argmax(1)
    expected = metrics.balanced_accuracy_score(target, predicted)
    assert score("accuracy", "category", target, FIVE, predictions=predicted) == pytest.approx(expected)


def test_micro_accuracy_is_the_share_of_right_answers(score, rows):
    target, shares = rows
    predicted = shares.argmax(1)
    expected = metrics.accuracy_score(target, predicted)
    assert score("accuracy_micro", "category", target, FIVE, predictions=predicted) == pytest.approx(expected)


@pytest.mark.parametrize("k", [1, 2, 4])
@pytest.mark.parametrize("ties", [False, True])
def test_hits_at_k_are_those_of_sklearn(score, rows, k, ties):
    target, shares = rows
    if ties:
        shares = (shares * 10).round()
    expected = metrics.top_k_accuracy_score(target, shares.numpy(), k=k, labels=range(5))
    value = score("hits_at_k", "category", target, Setting(classes=5, top_k=k), probabilities=shares)
    assert value == pytest.approx(expected)


def test_probabilities_that_are_not_numbers_are_no_hit(score):
    shares = torch.tensor([[0.1, 0.2, 0.3, 0.4], [float("nan")] * 4])
    value = score("hits_at_k", "category", torch.tensor([3, 3]), Setting(classes=4, top_k=2), probabilities=shares)
    assert value == 0.5


@pytest.mark.parametrize(("classes", "expected"), [(2, False), (3, False), (4, True)])
def test_hits_at_three_are_undefined_for_three_classes(classes, expected):
    assert METRICS.get("hits_at_k", "category").applies(Setting(classes=classes, top_k=3)) is expected


@pytest.mark.parametrize("name", ["accuracy", "accuracy_micro", "hits_at_k", "roc_auc"])
def test_rows_of_no_known_class_are_left_out(score, rows, name):
    target, shares = rows
    cut = target.clone()
    cut[::3] = -1
    there = cut >= 0
    answers = {"predictions": shares.argmax(1), "probabilities": shares}
    expected = score(name, "category", target[there], FIVE, **{key: value[there] for key, value in answers.items()})
    assert score(name, "category", cut, FIVE, **answers) == pytest.approx(expected)
    assert score(name, "category", torch.full_like(target, -1), FIVE, **answers) is None
