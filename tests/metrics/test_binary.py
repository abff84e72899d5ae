import math

import pytest
import torch
from sklearn import metrics

SKLEARN = {
    "accuracy": metrics.accuracy_score,
    "precision": lambda target, said: metrics.precision_score(target, said, zero_division=0),
    "recall": lambda target, said: metrics.recall_score(target, said, zero_division=0),
    "specificity": lambda target, said: metrics.recall_score(target, said, pos_label=0, zero_division=0),
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
def test_answers_are_evaluated_as_by_sklearn(judge, name, expected, truth, dtype):
    for said in (torch.rand(len(truth)) < 0.4, torch.zeros(len(truth), dtype=torch.bool)):
        value = judge(name, "binary", truth.to(dtype), predictions=said)
        assert value == pytest.approx(expected(truth.numpy(), said.numpy()))


@pytest.mark.parametrize("name", SKLEARN)
def test_rows_without_a_target_are_left_out(judge, name):
    target = (torch.rand(60) < 0.5).float()
    said = torch.rand(60) < 0.5
    cut = target.clone()
    cut[::3] = math.nan
    there = ~cut.isnan()
    assert judge(name, "binary", cut, predictions=said) == judge(name, "binary", target[there], predictions=said[there])
    assert judge(name, "binary", torch.full((3,), math.nan), predictions=said[:3]) is None
