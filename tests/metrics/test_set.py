import pytest
import torch
from sklearn.metrics import jaccard_score

from ludwig.metrics.base import Setting


@pytest.mark.parametrize("threshold", [0.3, 0.5])
def test_jaccard_is_the_mean_over_rows_as_by_sklearn(score, threshold):
    target, shares = (torch.rand(80, 4) < 0.3).to(torch.uint8), torch.rand(80, 4)
    shares[:10], target[5:15] = 0, 0  # empty sets, also on both sides
    expected = jaccard_score(target, shares >= threshold, average="samples", zero_division=1)
    setting = Setting(classes=4, threshold=threshold)
    assert score("jaccard", "set", target, setting, probabilities=shares) == pytest.approx(expected)
