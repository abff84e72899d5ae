import math

import numpy as np
import pytest
import torch

from ludwig.metrics.base import Setting

NAME = "expected_calibration_error"


def error_by_hand(confidence: np.ndarray, hits: np.ndarray) -> float:
    """Guo et al. 2017, eq. 3: the bins are ((m - 1) / 15, m / 15]."""
    total = 0.0
    for place in range(15):
        of_bin = (confidence > place / 15) & (confidence <= (place + 1) / 15)
        total += abs(hits[of_bin].sum() - confidence[of_bin].sum()) / len(hits)
    return total


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_category_is_evaluated_by_its_best_class(score, dtype):
    shares, target = torch.randn(300, 5).mul(3).softmax(1).to(dtype), torch.randint(0, 5, (300,), dtype=torch.int8)
    expected = error_by_hand(shares.double().amax(1).numpy(), (shares.argmax(1) == target).numpy())
    assert score(NAME, "category", target, Setting(classes=5), probabilities=shares) == pytest.approx(expected)


@pytest.mark.parametrize("threshold", [0.1, 0.5])
def test_yes_or_no_is_evaluated_by_the_probability_of_yes_whatever_the_threshold(score, threshold):
    of_yes, truth = torch.rand(300), torch.rand(300) < 0.4
    expected = error_by_hand(of_yes.double().numpy(), truth.numpy())
    setting = Setting(classes=2, threshold=threshold)
    assert score(NAME, "binary", truth.to(torch.uint8), setting, probabilities=of_yes) == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["binary", "category"])
def test_rows_without_a_target_are_left_out(score, kind):
    shares = torch.rand(60) if kind == "binary" else torch.randn(60, 3).softmax(1)
    target = torch.randint(0, 2, (60,)).float()
    target[::3] = math.nan if kind == "binary" else -1
    shares[0] = math.nan
    there = target >= 0
    expected = score(NAME, kind, target[there], Setting(classes=3), probabilities=shares[there])
    assert score(NAME, kind, target, Setting(classes=3), probabilities=shares) == pytest.approx(expected)
    assert score(NAME, kind, torch.full_like(target, -1), Setting(classes=3), probabilities=shares) is None


def test_what_is_not_a_number_is_no_good_news(score):
    shares, target = torch.rand(20), torch.ones(20)
    shares[3] = math.nan
    assert math.isnan(score(NAME, "binary", target, Setting(classes=2), probabilities=shares))
