import numpy as np
import pytest
import torch
from marshmallow import ValidationError
from sklearn import metrics
from torch.nn import functional

from ludwig.nn.prediction import Prediction
from ludwig.nn.signal import Shape, Signal

RANDOM = np.random.default_rng(0)
TRUTH = RANDOM.random(80) < 0.4
LABELS = np.where(TRUTH, "yes", "no")
VECTOR, MEMBERS = Shape("vector", 4), Shape("members", 4, 3)


def predicted(logits: torch.Tensor) -> Prediction:
    return Prediction(logits, torch.zeros(*logits.shape, 4))


def judged(output, logits, target):
    complete = output.complete(predicted(logits))
    scores = output.scoreboard()
    scores.update(complete, target)
    return complete, scores.compute()


@pytest.fixture
def logits():
    return torch.randn(80) + torch.from_numpy(TRUTH).float()


def test_the_target_is_zero_or_one(built):
    _, target = built("binary", LABELS, VECTOR)
    assert target.tolist() == TRUTH.astype(int).tolist()


def test_the_loss_is_the_cross_entropy(built, logits):
    output, target = built("binary", LABELS, VECTOR)
    expected = functional.binary_cross_entropy_with_logits(logits, target.float())
    torch.testing.assert_close(output.loss_of(predicted(logits), target), expected)


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.8])
def test_metrics_are_sklearns_at_the_threshold(built, logits, threshold):
    output, target = built("binary", LABELS, VECTOR, threshold=threshold)
    complete, found = judged(output, logits, target)
    of_true = torch.sigmoid(logits)
    expected = (of_true >= threshold).numpy()
    np.testing.assert_array_equal(complete.predictions, expected)
    torch.testing.assert_close(complete.probabilities, of_true)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(TRUTH, expected))
    assert found["precision"] == pytest.approx(metrics.precision_score(TRUTH, expected))
    assert found["recall"] == pytest.approx(metrics.recall_score(TRUTH, expected))
    assert found["specificity"] == pytest.approx(metrics.recall_score(~TRUTH, ~expected))
    assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(TRUTH, of_true), abs=1e-3)


def test_a_probability_at_the_threshold_is_true(built):
    output, _ = built("binary", LABELS, VECTOR)
    assert output.complete(predicted(torch.zeros(3))).predictions.tolist() == [True] * 3


@pytest.mark.parametrize(("threshold", "answer"), [(0.0, True), (1.0, False)])
def test_at_the_ends_all_answers_are_alike(built, threshold, answer):
    output, _ = built("binary", LABELS, VECTOR, threshold=threshold)
    assert output.complete(predicted(torch.tensor([-3.0, 3.0]))).predictions.tolist() == [answer] * 2


class TestMembers:
    def test_the_loss_is_the_mean_of_the_members_losses(self, built):
        output, target = built("binary", LABELS, MEMBERS)
        logits = torch.randn(80, 3)
        each = [functional.binary_cross_entropy_with_logits(logits[:, k], target.float()) for k in range(3)]
        torch.testing.assert_close(output.loss_of(predicted(logits), target), torch.stack(each).mean())

    def test_the_probability_is_the_mean_of_theirs(self, built):
        output, _ = built("binary", LABELS, MEMBERS)
        logits = torch.tensor([[4.0, 4.0, -9.0], [-1.0, -1.0, 1.5]])
        complete = output.complete(predicted(logits))
        torch.testing.assert_close(complete.probabilities, logits.sigmoid().mean(1))
        assert complete.predictions.tolist() == (logits.sigmoid().mean(1) >= 0.5).tolist()

    def test_the_reported_loss_is_that_of_the_reported_probabilities(self, built):
        output, target = built("binary", LABELS, MEMBERS)
        complete = output.complete(predicted(torch.randn(80, 3) * 3))
        scores = output.scoreboard()
        scores.update(complete, target)
        expected = metrics.log_loss(target, complete.probabilities.double())
        assert scores.compute()["loss"] == pytest.approx(expected, rel=1e-5)


def test_a_temperature_softens_probabilities_and_leaves_the_logits(built, logits):
    output, _ = built("binary", LABELS, VECTOR, calibration=True)
    output.temperature.fill_(2.0)
    complete = output.complete(predicted(logits))
    torch.testing.assert_close(complete.probabilities, (logits / 2).sigmoid())
    assert torch.equal(complete.logits, logits)
    assert "temperature" in output.state_dict()


def test_without_calibration_there_is_no_temperature(built):
    output, _ = built("binary", LABELS, VECTOR)
    assert "temperature" not in output.state_dict()


def test_a_slope_and_a_bias_are_one_of_each_also_for_members(built):
    output, _ = built("binary", LABELS, MEMBERS, calibration="vector")
    output.calibrate_by({"calibration_factor": torch.tensor(0.5), "calibration_bias": torch.tensor(-1.0)})
    logits = torch.randn(80, 3)
    torch.testing.assert_close(output.complete(predicted(logits)).probabilities, (logits / 2 - 1).sigmoid().mean(1))
    assert output.state_dict()["calibration_factor"].shape == output.state_dict()["calibration_bias"].shape == ()


@pytest.mark.parametrize("method", [True, "temperature", "vector"])
def test_calibration_changes_nothing_at_first(built, logits, method):
    (plain, _), (fresh, _) = (built("binary", LABELS, VECTOR, calibration=option) for option in (False, method))
    assert torch.equal(fresh.complete(predicted(logits)).probabilities, plain.complete(predicted(logits)).probabilities)


def test_yes_or_no_has_no_matrix(built):
    with pytest.raises(ValidationError, match=r"temperature, vector\. Received: 'matrix'"):
        built("binary", LABELS, VECTOR, calibration="matrix")


def test_statistics_are_those_of_the_confusion_matrix(built, logits):
    output, target = built("binary", LABELS, VECTOR)
    complete, _ = judged(output, logits, target)
    columns = {"predictions": complete.predictions.numpy(), "probabilities": complete.probabilities.numpy()}
    found = output.statistics(columns, target.numpy())
    expected = metrics.confusion_matrix(TRUTH, complete.predictions.numpy())
    np.testing.assert_array_equal(found["confusion_matrix"], expected)
    brier = metrics.brier_score_loss(TRUTH, complete.probabilities.double().numpy())
    assert found["overall_stats"]["brier_score"] == pytest.approx(brier)


def test_one_row_is_a_batch(built):
    output, target = built("binary", LABELS, VECTOR)
    prediction = output(Signal.vector(torch.randn(1, 4)), {})
    assert prediction.logits.shape == (1,)
    assert output.loss_of(prediction, target[:1]).isfinite()
