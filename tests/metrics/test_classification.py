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
def test_balanced_accuracy_is_that_of_sklearn(score, rows):
    target, shares = rows
    predicted = shares.argmax(1)
    expected = metrics.balanced_accuracy_score(target, predicted)
    assert score("balanced_accuracy", "category", target, FIVE, predictions=predicted) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["accuracy", "accuracy_micro"])
def test_accuracy_is_the_share_of_right_answers(score, rows, name):
    target, shares = rows
    predicted = shares.argmax(1)
    expected = metrics.accuracy_score(target, predicted)
    assert score(name, "category", target, FIVE, predictions=predicted) == pytest.approx(expected)


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


@pytest.fixture
def with_unknown(rows):
    """Targets of which every third is of a class that the model does not know."""
    target, shares = rows
    cut = target.clone()
    cut[::3] = -1
    return cut, shares


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
def test_rows_of_an_unknown_class_are_wrong(score, with_unknown):
    target, shares = with_unknown
    answers = {"predictions": shares.argmax(1), "probabilities": shares}
    elsewhere = target.long().where(target >= 0, 5)  # a sixth class, which is never predicted
    wider = torch.cat([shares, torch.zeros(len(shares), 1)], dim=1).numpy()
    expected = {
        "accuracy": metrics.accuracy_score(elsewhere, answers["predictions"]),
        "balanced_accuracy": metrics.balanced_accuracy_score(elsewhere, answers["predictions"]),
        "hits_at_k": metrics.top_k_accuracy_score(elsewhere, wider, k=3, labels=range(6)),
    }
    for name, value in expected.items():
        assert score(name, "category", target, FIVE, **answers) == pytest.approx(value), name
        assert score(name, "category", torch.full_like(target, -1), FIVE, **answers) == 0
    none = torch.full_like(answers["predictions"], -1)  # an answer that is no class is not right by chance
    assert score("balanced_accuracy", "category", torch.full_like(target, -1), FIVE, predictions=none) == 0
    assert score("accuracy", "category", torch.full_like(target, -1), FIVE, predictions=none) == 0


def test_rows_of_an_unknown_class_have_no_part_in_roc_auc(score, with_unknown):
    target, shares = with_unknown
    there = target >= 0
    expected = score("roc_auc", "category", target[there], FIVE, probabilities=shares[there])
    assert score("roc_auc", "category", target, FIVE, probabilities=shares) == pytest.approx(expected)
    assert score("roc_auc", "category", torch.full_like(target, -1), FIVE, probabilities=shares) is None
