import numpy as np
import pytest
import torch
from sklearn import metrics

from ludwig.nn.prediction import Prediction
from ludwig.nn.signal import Shape, Signal
from ludwig.outputs import OUTPUTS
from ludwig.schema import load

COLUMN = np.random.default_rng(0).normal(200.0, 30.0, 64)
LOGS = np.log1p(COLUMN)
VECTOR, MEMBERS = Shape("vector", 4), Shape("members", 4, 3)


def predicted(logits: torch.Tensor) -> Prediction:
    return Prediction(logits, torch.zeros(*logits.shape, 4))


def test_the_loss_sees_standardised_numbers(built):
    output, target = built("number", COLUMN, VECTOR)
    np.testing.assert_allclose(target, (COLUMN - COLUMN.mean()) / COLUMN.std(), atol=1e-5)
    logits = torch.randn(64)
    expected = metrics.mean_squared_error((COLUMN - COLUMN.mean()) / COLUMN.std(), logits)
    assert output.loss_of(predicted(logits), target).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("normalization", "undo"),
    [
        ("zscore", lambda z: z * COLUMN.std() + COLUMN.mean()),
        ("minmax", lambda z: z * COLUMN.std() + COLUMN.mean()),  # which standardising undoes
        ("iq", lambda z: z * COLUMN.std() + COLUMN.mean()),
        ("log1p", lambda z: np.expm1(z * LOGS.std() + LOGS.mean())),
        (None, lambda z: z),
    ],
)
def test_metrics_and_predictions_are_in_own_units(built, normalization, undo):
    output, target = built("number", COLUMN, VECTOR, preprocessing={"normalization": normalization})
    logits = torch.randn(64)
    complete = output.complete(predicted(logits))
    expected = undo(logits.double().numpy())
    np.testing.assert_allclose(complete.predictions, expected, rtol=1e-4)
    np.testing.assert_allclose(output.observed(target), COLUMN, rtol=1e-4)
    scores = output.scoreboard()
    scores.update(complete, target)
    found = scores.compute()
    assert found["mean_squared_error"] == pytest.approx(metrics.mean_squared_error(COLUMN, expected), rel=1e-3)
    assert found["mean_absolute_error"] == pytest.approx(metrics.mean_absolute_error(COLUMN, expected), rel=1e-3)
    assert found["root_mean_squared_error"] == pytest.approx(
        metrics.root_mean_squared_error(COLUMN, expected), rel=1e-3
    )
    assert found["r2"] == pytest.approx(metrics.r2_score(COLUMN, expected), rel=1e-3)
    relative = metrics.mean_absolute_percentage_error(COLUMN, expected)
    assert found["mean_absolute_percentage_error"] == pytest.approx(relative, rel=1e-3)


def test_a_relative_loss_is_in_own_units(built):
    output, target = built("number", COLUMN, VECTOR, loss={"type": "mean_absolute_percentage_error"})
    logits = torch.randn(64)
    own = logits.numpy() * COLUMN.std() + COLUMN.mean()
    expected = metrics.mean_absolute_percentage_error(COLUMN, own)
    assert output.loss_of(predicted(logits), target).item() == pytest.approx(expected, rel=1e-4)


def test_predictions_are_clipped_in_own_units_and_the_loss_is_not(built):
    output, target = built("number", COLUMN, VECTOR, clip=[190, 210])
    plain, _ = built("number", COLUMN, VECTOR)
    logits = torch.tensor([-5.0, 0.0, 5.0] + [0.0] * 61)
    predictions = output.complete(predicted(logits)).predictions
    assert predictions[:3].tolist() == pytest.approx([190, COLUMN.mean(), 210])
    assert output.loss_of(predicted(logits), target) == plain.loss_of(predicted(logits), target)


def test_the_head_gives_one_number_a_row(built):
    output, _ = built("number", COLUMN, VECTOR)
    combined = torch.randn(5, 4)
    expected = combined @ output.decoder.linear.weight[0] + output.decoder.linear.bias
    torch.testing.assert_close(output(Signal.vector(combined), {}).logits, expected)


class TestMembers:
    def test_the_loss_is_the_mean_of_the_members_losses(self, built):
        output, target = built("number", COLUMN, MEMBERS)
        logits = torch.randn(64, 3)
        each = [metrics.mean_squared_error(target, logits[:, member]) for member in range(3)]
        assert output.loss_of(predicted(logits), target).item() == pytest.approx(np.mean(each), rel=1e-5)

    def test_the_prediction_is_the_mean_of_theirs(self, built):
        output, _ = built("number", COLUMN, MEMBERS, preprocessing={"normalization": "log1p"})
        logits = torch.randn(64, 3)
        expected = np.expm1(logits.double().numpy() * LOGS.std() + LOGS.mean()).mean(
            1
        )  # each in own units, then the mean
        np.testing.assert_allclose(output.complete(predicted(logits)).predictions, expected, rtol=1e-4)

    def test_metrics_and_the_reported_loss_are_those_of_the_mean(self, built):
        output, target = built("number", COLUMN, MEMBERS, preprocessing={"normalization": None})
        logits = torch.from_numpy(COLUMN).float().unsqueeze(1) + torch.tensor([-6.0, 0.0, 6.0])
        scores = output.scoreboard()
        scores.update(output.complete(predicted(logits)), target)
        found = scores.compute()
        assert found["mean_squared_error"] == pytest.approx(0, abs=1e-6)  # the members' errors cancel out
        assert found["loss"] == pytest.approx(0, abs=1e-6)

    def test_the_reported_loss_with_logarithms_is_that_of_the_mean_in_own_units(self, built):
        output, target = built("number", COLUMN, MEMBERS, preprocessing={"normalization": "log1p"})
        logits = torch.randn(64, 3)
        scores = output.scoreboard()
        scores.update(output.complete(predicted(logits)), target)
        mean = np.expm1(logits.double().numpy() * LOGS.std() + LOGS.mean()).mean(1)
        scaled = (np.log1p(mean) - LOGS.mean()) / LOGS.std()
        assert scores.compute()["loss"] == pytest.approx(metrics.mean_squared_error(target, scaled), rel=1e-4)

    def test_each_member_has_a_head(self, built):
        output, _ = built("number", COLUMN, MEMBERS)
        assert output(Signal.members(torch.randn(5, 3, 4)), {}).logits.shape == (5, 3)


def test_the_loss_of_a_split_is_that_of_all_rows_at_once(built):
    output, target = built("number", COLUMN, VECTOR)
    logits = torch.randn(64)
    scores = output.scoreboard()
    for rows in torch.arange(64).split(13):  # the last batch is short
        scores.update(output.complete(predicted(logits[rows])), target[rows])
    assert scores.compute()["loss"] == pytest.approx(output.loss_of(predicted(logits), target).item(), rel=1e-5)


def test_an_extra_metric_is_reported_beside_the_others(built):
    output, target = built("number", COLUMN, VECTOR)
    scores = output.scoreboard("huber")
    scores.update(output.complete(predicted(target)), target)
    assert scores.compute()["huber"] == 0


def test_another_loss_that_is_asked_for_is_computed_in_the_units_that_it_asks_for(built):
    output, target = built("number", COLUMN, VECTOR, loss={"type": "mean_absolute_percentage_error"})
    logits = torch.randn(64)
    scores = output.scoreboard("huber")
    scores.update(output.complete(predicted(logits)), target)
    distance = np.abs((COLUMN - COLUMN.mean()) / COLUMN.std() - logits.numpy())
    expected = np.where(distance < 1, distance**2 / 2, distance - 0.5).mean()
    assert scores.compute()["huber"] == pytest.approx(expected, rel=1e-4)


def test_a_small_spread_far_from_zero_is_not_lost(built):
    column = COLUMN + 1.6e9  # as a time in seconds, of which float32 knows every 128th
    output, target = built("number", column, VECTOR)
    np.testing.assert_allclose(output.observed(target), column, rtol=0, atol=1e-3)
    logits = torch.randn(64)
    expected = logits.double().numpy() * COLUMN.std() + column.mean()
    np.testing.assert_allclose(output.complete(predicted(logits)).predictions, expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize("clip", [[210, 190], [190, 190]])
def test_bounds_of_predictions_ascend(clip):
    config = load(OUTPUTS.get("number", "ecd").Config, {"name": "y", "clip": clip})
    ((where, message),) = config.faults()
    assert where == "clip" and str(float(clip[0])) in message
