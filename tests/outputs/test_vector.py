import numpy as np
import pytest
import torch
from sklearn import metrics

from ludwig.error import ConfigValidationError
from ludwig.nn.prediction import Prediction
from ludwig.nn.signal import Shape, Signal

ROWS = np.random.default_rng(0).random((40, 3))
COLUMN = [row.tolist() for row in ROWS]
VECTOR, MEMBERS = Shape("vector", 4), Shape("members", 4, 2)


def predicted(logits: torch.Tensor) -> Prediction:
    return Prediction(logits, torch.zeros(*logits.shape[:-1], 4))


def test_the_size_is_that_of_the_data(built):
    output, target = built("vector", COLUMN, VECTOR)
    assert output.size == 3
    assert output(Signal.vector(torch.randn(5, 4)), {}).logits.shape == (5, 3)
    np.testing.assert_allclose(target, ROWS, rtol=1e-6)


def test_loss_and_metrics_are_sklearns(built):
    output, target = built("vector", COLUMN, VECTOR)
    logits = torch.randn(40, 3)
    expected = metrics.mean_squared_error(ROWS, logits)
    assert output.loss_of(predicted(logits), target).item() == pytest.approx(expected, rel=1e-5)
    scores = output.scoreboard()
    scores.update(output.complete(predicted(logits)), target)
    found = scores.compute()
    assert found["mean_squared_error"] == pytest.approx(expected, rel=1e-5)
    assert found["mean_absolute_error"] == pytest.approx(metrics.mean_absolute_error(ROWS, logits), rel=1e-5)


def test_with_softmax_predictions_sum_to_one(built):
    output, _ = built("vector", COLUMN, VECTOR, softmax=True)
    logits = torch.randn(40, 3)
    torch.testing.assert_close(output.complete(predicted(logits)).predictions, logits.softmax(1))


@pytest.mark.parametrize("softmax", [False, True])
def test_members_are_averaged_after_the_softmax(built, softmax):
    output, _ = built("vector", COLUMN, MEMBERS, softmax=softmax)
    logits = torch.randn(40, 2, 3)
    expected = (logits.softmax(-1) if softmax else logits).mean(1)
    torch.testing.assert_close(output.complete(predicted(logits)).predictions, expected)


def test_the_loss_of_members_is_the_mean_of_theirs(built):
    output, target = built("vector", COLUMN, MEMBERS)
    logits = torch.randn(40, 2, 3)
    each = [metrics.mean_squared_error(ROWS, logits[:, member]) for member in range(2)]
    assert output.loss_of(predicted(logits), target).item() == pytest.approx(np.mean(each), rel=1e-5)


def test_class_weights_are_one_for_each_number(built):
    options = {"type": "softmax_cross_entropy", "class_weights": [1.0, 2.0]}
    with pytest.raises(
        ConfigValidationError, match=r"loss.class_weights has 2 weights, and the data has 3 classes: 0, 1, 2"
    ):
        built("vector", COLUMN, VECTOR, loss=options)
    by_place, _ = built("vector", COLUMN, VECTOR, loss={**options, "class_weights": {"2": 5.0}})
    as_list, target = built("vector", COLUMN, VECTOR, loss={**options, "class_weights": [1.0, 1.0, 5.0]})
    logits = torch.randn(40, 3)
    assert by_place.loss_of(predicted(logits), target) == as_list.loss_of(predicted(logits), target)
