import math

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from ludwig.nn import reliability


def error_by_hand(confidence: np.ndarray, hits: np.ndarray) -> float:
    """Guo et al. 2017, eq. 3, bin by bin."""
    total = 0.0
    for place in range(15):
        of_bin = (confidence > place / 15) & (confidence <= (place + 1) / 15)
        if of_bin.any():
            total += of_bin.sum() / len(hits) * abs(hits[of_bin].mean() - confidence[of_bin].mean())
    return total


def error(probabilities: torch.Tensor, target: torch.Tensor) -> float | None:
    confidence, hits = reliability.confidence_and_hits(probabilities, target)
    return reliability.expected_calibration_error(reliability.binned(confidence, hits, torch.ones_like(hits)))


@pytest.fixture
def draw() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("classes", [2, 5])
def test_of_several_classes_the_best_one_is_evaluated(draw, classes):
    shares, target = draw.dirichlet(np.full(classes, 0.3), 400), draw.integers(0, classes, 400)
    expected = error_by_hand(shares.max(1), shares.argmax(1) == target)
    assert error(torch.from_numpy(shares), torch.from_numpy(target)) == pytest.approx(expected)


@pytest.mark.parametrize("size", [(400,), (100, 4)], ids=["one label", "many labels"])
def test_of_yes_or_no_yes_is_evaluated(draw, size):
    of_yes, truth = draw.random(size), draw.random(size) < 0.3
    expected = error_by_hand(of_yes.ravel(), truth.ravel())
    assert error(torch.from_numpy(of_yes), torch.from_numpy(truth).float()) == pytest.approx(expected)


def test_confidence_that_equals_accuracy_has_no_error():
    confidence, hits = torch.full((10,), 0.7, dtype=torch.float64), torch.arange(10) < 7
    assert error(confidence, hits.long()) == pytest.approx(0)


def test_a_bin_has_its_upper_bound():
    answers = reliability.binned(
        torch.tensor([0.0, 1 / 15, 0.07, 1.0], dtype=torch.float64), torch.ones(4).bool(), torch.ones(4).bool()
    )[0]
    assert answers.nonzero().flatten().tolist() == [0, 1, 14]
    assert answers[[0, 1, 14]].tolist() == [2, 1, 1]


def test_nothing_is_reported_of_no_answers_or_of_what_is_not_a_number():
    assert error(torch.zeros(0).double(), torch.zeros(0)) is None
    assert math.isnan(error(torch.tensor([0.3, math.nan]).double(), torch.tensor([0, 1])) or 0)


def test_the_likelihood_is_that_of_sklearn(draw):
    shares, target = draw.dirichlet(np.ones(4), 50), draw.integers(0, 4, 50)
    found = reliability.negative_log_likelihood(torch.from_numpy(shares), torch.from_numpy(target))
    assert found.item() == pytest.approx(log_loss(target, shares, labels=range(4)))
    of_yes, truth = draw.random(50), draw.random(50) < 0.4
    found = reliability.negative_log_likelihood(torch.from_numpy(of_yes), torch.from_numpy(truth).int())
    assert found.item() == pytest.approx(log_loss(truth, of_yes))


def test_a_truth_of_probability_zero_costs_what_it_costs_in_sklearn():
    found = reliability.negative_log_likelihood(torch.tensor([[1.0, 0.0]]).double(), torch.tensor([1]))
    assert found.item() == pytest.approx(log_loss([1], [[1.0, 0.0]], labels=[0, 1]))
