"""What holds for every metric, with predictions of the output that reports it."""

from __future__ import annotations

import pytest
import torch

from ludwig.metrics import METRICS
from ludwig.metrics.base import Setting
from ludwig.nn.prediction import Prediction
from tests.contracts.test_outputs import KINDS, VECTOR, build, combined, target

CONTRACTS = [METRICS]
EVERY = [(kind, name) for kind in KINDS for name in METRICS.names(kind)]


def batch(kind: str) -> tuple[Prediction, torch.Tensor, Setting]:
    output = build(kind, None, None, VECTOR).eval()
    with torch.no_grad():
        return output.complete(output(combined(VECTOR), {})), target(output, kind), output.setting()


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_a_state_goes_on_and_an_empty_part_changes_nothing(kind, name):
    prediction, truth, setting = batch(kind)
    whole, first, second = (METRICS.get(name, kind)(setting) for _ in range(3))
    whole.update(prediction, truth)
    first.update(prediction, truth)
    second.load_state(first.state())
    assert second.compute() == pytest.approx(whole.compute(), nan_ok=True)
    first.merge(METRICS.get(name, kind)(setting))
    assert first.compute() == pytest.approx(whole.compute(), nan_ok=True)
