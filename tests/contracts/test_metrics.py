"""What holds for every metric, with predictions of the output that reports it."""

from __future__ import annotations

import pytest
import torch

from ludwig.metrics import METRICS
from ludwig.metrics.base import Setting
from ludwig.nn.prediction import Prediction
from tests.contracts.test_outputs import KINDS, VECTOR, answer, build, combined, target

CONTRACTS = [METRICS]
OPTIONS = {"mean_pinball_loss": {"quantiles": [0.1, 0.9]}}  # without which the metric has nothing to read
EVERY = [(kind, name) for kind in KINDS for name in METRICS.names(kind)]


def batch(kind: str, name: str) -> tuple[Prediction, torch.Tensor, Setting]:
    output = build(kind, None, None, VECTOR, **OPTIONS.get(name, {})).eval()
    with torch.no_grad():
        truth = target(output, kind)
        prediction = output.complete(answer(output, combined(VECTOR), truth))
        return prediction, output.observed(truth), output.setting()  # as metrics get it


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_a_state_goes_on_and_an_empty_part_changes_nothing(kind, name):
    prediction, truth, setting = batch(kind, name)
    whole, first, second = (METRICS.get(name, kind)(setting) for _ in range(3))
    whole.update(prediction, truth)
    first.update(prediction, truth)
    second.load_state(first.state())
    assert second.compute() == pytest.approx(whole.compute(), nan_ok=True)
    first.merge(METRICS.get(name, kind)(setting))
    assert first.compute() == pytest.approx(whole.compute(), nan_ok=True)


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_a_row_of_weight_two_counts_as_two_rows_and_one_of_weight_zero_not_at_all(kind, name):
    prediction, truth, setting = batch(kind, name)
    times = torch.arange(len(truth)) % 3
    times[0] = 2
    weighted, repeated = (METRICS.get(name, kind)(setting) for _ in range(2))
    weighted.update(prediction, truth, times.float())
    rows = torch.arange(len(truth)).repeat_interleave(times)
    values = {key: value for key, value in vars(prediction).items() if value is not None}
    repeated.update(Prediction(**{"logits": None, **{key: value[rows] for key, value in values.items()}}), truth[rows])
    assert weighted.compute() == pytest.approx(repeated.compute(), rel=1e-5, nan_ok=True)
