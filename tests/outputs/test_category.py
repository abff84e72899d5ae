import numpy as np
import pytest
import torch
from marshmallow import ValidationError
from sklearn import metrics
from torch.nn import functional

from ludwig.nn.prediction import Prediction
from ludwig.nn.signal import Shape, Signal

WORDS = np.array(["ham", "egg", "tea", "jam"])
COLUMN = WORDS[np.random.default_rng(0).choice(4, 90, p=[0.4, 0.3, 0.2, 0.1])]
VECTOR, MEMBERS = Shape("vector", 5), Shape("members", 5, 3)


def said(logits: torch.Tensor) -> Prediction:
    return Prediction(logits, torch.zeros(*logits.shape[:-1], 5))


def test_classes_are_in_the_order_of_their_frequency(built):
    output, target = built("category", COLUMN, VECTOR)
    words, counts = np.unique(COLUMN, return_counts=True)
    assert list(output.labels) == words[np.argsort(-counts)].tolist()
    assert [output.labels[place] for place in target] == COLUMN.tolist()


def test_the_loss_is_the_cross_entropy(built):
    output, target = built("category", COLUMN, VECTOR)
    logits = torch.randn(90, 4)
    torch.testing.assert_close(
        output.loss_of(said(logits), target), functional.cross_entropy(logits, target.long()), rtol=1e-5, atol=1e-6
    )


def test_probabilities_sum_to_one_and_the_largest_is_predicted(built):
    output, _ = built("category", COLUMN, VECTOR)
    logits = torch.randn(90, 4)
    complete = output.complete(said(logits))
    torch.testing.assert_close(complete.probabilities, logits.softmax(1))
    assert complete.predictions.tolist() == logits.argmax(1).tolist()


@pytest.mark.parametrize("top_k", [1, 2, 3])
def test_metrics_are_sklearns(built, top_k):
    output, target = built("category", COLUMN, VECTOR, top_k=top_k)
    logits = torch.randn(90, 4)
    complete = output.complete(said(logits))
    scores = output.scoreboard()
    scores.update(complete, target)
    found = scores.compute()
    assert found["accuracy_micro"] == pytest.approx(metrics.accuracy_score(target, complete.predictions))
    expected = metrics.top_k_accuracy_score(target, logits, k=top_k, labels=range(4))
    assert found["hits_at_k"] == pytest.approx(expected)


def test_a_class_that_training_lacks_is_wrong_and_has_no_loss(built):
    output, target = built("category", COLUMN, VECTOR)
    logits = torch.randn(90, 4)
    with_unseen = target.clone()
    with_unseen[::2] = -1
    expected = functional.cross_entropy(logits, with_unseen.long(), ignore_index=-1)
    torch.testing.assert_close(output.loss_of(said(logits), with_unseen), expected)
    found = []
    for rows in (slice(None), slice(1, None, 2)):
        scores = output.scoreboard()
        scores.update(output.complete(said(logits[rows])), with_unseen[rows])
        found.append(scores.compute())
    every, known = found
    assert {name: every[name] for name in ("loss", "roc_auc")} == pytest.approx(
        {name: known[name] for name in ("loss", "roc_auc")}
    )
    assert {name: every[name] * 2 for name in ("accuracy", "hits_at_k")} == pytest.approx(
        {name: known[name] for name in ("accuracy", "hits_at_k")}
    )


class TestMembers:
    def test_the_loss_is_the_mean_of_the_members_losses(self, built):
        output, target = built("category", COLUMN, MEMBERS)
        logits = torch.randn(90, 3, 4)
        each = [functional.cross_entropy(logits[:, member], target.long()) for member in range(3)]
        torch.testing.assert_close(output.loss_of(said(logits), target), torch.stack(each).mean())

    def test_the_probabilities_are_the_mean_of_theirs(self, built):
        output, _ = built("category", COLUMN, MEMBERS)
        logits = torch.randn(90, 3, 4) * 3
        complete = output.complete(said(logits))
        expected = logits.softmax(-1).mean(1)
        torch.testing.assert_close(complete.probabilities, expected)
        assert complete.predictions.tolist() == expected.argmax(1).tolist()

    @pytest.mark.parametrize("calibration", [False, True])
    def test_the_reported_loss_is_that_of_the_reported_probabilities(self, built, calibration):
        output, target = built("category", COLUMN, MEMBERS, calibration=calibration)
        if calibration:
            output.calibrate_by({"temperature": torch.tensor(2.5)})
        complete = output.complete(said(torch.randn(90, 3, 4) * 3))
        scores = output.scoreboard()
        scores.update(complete, target)
        of_truth = complete.probabilities.double()[torch.arange(90), target.long()]
        expected = -of_truth.log().mean().item()
        assert scores.compute()["loss"] == pytest.approx(expected, rel=1e-5)

    def test_with_probabilities_of_a_loss_the_logits_are_averaged(self, built):
        output, target = built("category", COLUMN, MEMBERS, loss="corn")
        plain, _ = built("category", COLUMN, VECTOR, loss="corn")
        logits = torch.randn(90, 3, 4)
        complete, expected = output.complete(said(logits)), plain.complete(said(logits.mean(1)))
        torch.testing.assert_close(complete.probabilities, expected.probabilities)
        scores = output.scoreboard()
        scores.update(complete, target)
        assert scores.compute()["loss"] == pytest.approx(plain.loss_of(said(logits.mean(1)), target).item(), rel=1e-5)

    def test_rows_of_unknown_class_are_left_out_for_all_members(self, built):
        output, target = built("category", COLUMN, MEMBERS)
        logits = torch.randn(90, 3, 4)
        half = target.clone()
        half[45:] = -1
        torch.testing.assert_close(
            output.loss_of(said(logits), half), output.loss_of(said(logits[:45]), target[:45]), rtol=1e-5, atol=1e-6
        )


def test_statistics_are_those_of_the_confusion_matrix(built):
    output, target = built("category", COLUMN, VECTOR)
    predicted = torch.randint(0, 4, (90,)).numpy()
    shares = torch.randn(90, 4).double().softmax(1).numpy()
    found = output.statistics({"predictions": predicted, "probabilities": shares}, target.numpy())
    np.testing.assert_array_equal(found["confusion_matrix"], metrics.confusion_matrix(target, predicted))
    expected = metrics.brier_score_loss(target.numpy(), shares, labels=range(4))
    assert found["overall_stats"]["brier_score"] == pytest.approx(expected)


class TestCalibration:
    def test_a_temperature_is_kept_as_a_buffer_of_its_own_name(self, built):
        output, _ = built("category", COLUMN, VECTOR, calibration=True)
        output.calibrate_by({"temperature": torch.tensor(4.0)})
        logits = torch.randn(90, 4)
        complete = output.complete(said(logits))
        torch.testing.assert_close(complete.probabilities, (logits / 4).softmax(1))
        assert complete.predictions.tolist() == logits.argmax(1).tolist()
        assert output.state_dict()["temperature"] == 4

    def test_each_class_has_a_factor_and_a_bias(self, built):
        output, _ = built("category", COLUMN, VECTOR, calibration="vector")
        factor, bias, logits = torch.randn(4), torch.randn(4), torch.randn(90, 4)
        output.calibrate_by({"calibration_factor": factor, "calibration_bias": bias})
        torch.testing.assert_close(
            output.complete(said(logits)).probabilities, torch.softmax(logits * factor + bias, -1)
        )

    def test_classes_may_mix_member_by_member(self, built):
        output, _ = built("category", COLUMN, MEMBERS, calibration="matrix")
        matrix, bias, logits = torch.randn(4, 4), torch.randn(4), torch.randn(90, 3, 4)
        output.calibrate_by({"calibration_matrix": matrix, "calibration_bias": bias})
        mixed = torch.einsum("nkc,dc->nkd", logits, matrix) + bias
        torch.testing.assert_close(output.complete(said(logits)).probabilities, mixed.softmax(-1).mean(1))

    @pytest.mark.parametrize("method", [True, "temperature", "vector", "matrix"])
    @pytest.mark.parametrize("shape", [VECTOR, MEMBERS], ids=lambda shape: shape.form)
    def test_at_first_nothing_changes(self, built, method, shape):
        (plain, _), (fresh, _) = (built("category", COLUMN, shape, calibration=option) for option in (False, method))
        logits = torch.randn(90, *((3,) if shape is MEMBERS else ()), 4)
        assert torch.equal(fresh.complete(said(logits)).probabilities, plain.complete(said(logits)).probabilities)
        assert {*fresh.state_dict()} > {*plain.state_dict()}

    @pytest.mark.parametrize("option", ["platt", 1, None])
    def test_other_methods_are_refused(self, built, option):
        with pytest.raises(ValidationError, match="calibration"):
            built("category", COLUMN, VECTOR, calibration=option)


def test_a_sequence_is_reduced_before_the_decoder(built):
    output, _ = built("category", COLUMN, Shape("sequence", 5, 6), reduce_input="sum")
    values, mask = torch.randn(2, 6, 5), torch.arange(6) < torch.tensor([[4], [1]])
    logits = output(Signal.sequence(values, mask), {}).logits
    plain = torch.stack([values[0, :4].sum(0), values[1, 0]])
    torch.testing.assert_close(logits, plain @ output.decoder.linear.weight.T + output.decoder.linear.bias)
