import math

import pytest
import torch
from sklearn import metrics

SKLEARN = {
    "accuracy": metrics.accuracy_score,
    "precision": lambda target, predicted: metrics.precision_score(target, predicted, zero_division=0),
    "recall": lambda target, predicted: metrics.recall_score(target, predicted, zero_division=0),
    "specificity": lambda target, predicted: metrics.recall_score(target, predicted, pos_label=0, zero_division=0),
}
TRUTHS = {
    "mixed": torch.rand(300, generator=torch.Generator().manual_seed(1)) < 0.3,
    "all true": torch.ones(9, dtype=torch.bool),
    "all false": torch.zeros(9, dtype=torch.bool),
    "one row": torch.ones(1, dtype=torch.bool),
}


@pytest.mark.parametrize(("name", "expected"), SKLEARN.items())
@pytest.mark.parametrize("truth", TRUTHS.values(), ids=TRUTHS)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_answers_are_evaluated_as_by_sklearn(score, name, expected, truth, dtype):
    for predicted in (torch.rand(len(truth)) < 0.4, torch.zeros(len(truth), dtype=torch.bool)):
        value = score(name, "binary", truth.to(dtype), predictions=predicted)
        assert value == pytest.approx(expected(truth.numpy(), predicted.numpy()))


@pytest.mark.parametrize("name", SKLEARN)
def test_rows_without_a_target_are_left_out(score, name):
    target = (torch.rand(60) < 0.5).float()
    predicted = torch.rand(60) < 0.5
    cut = target.clone()
    cut[::3] = math.nan
    there = ~cut.isnan()
    assert score(name, "binary", cut, predictions=predicted) == score(
        name, "binary", target[there], predictions=predicted[there]
    )
    assert score(name, "binary", torch.full((3,), math.nan), predictions=predicted[:3]) is None
