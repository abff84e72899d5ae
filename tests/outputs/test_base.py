"""What all outputs share: what they read, and how their scores are counted."""

import pytest
import torch

from ludwig.error import ConfigValidationError
from ludwig.nn.signal import Shape, Signal

COLUMN = [1.0, 4.0, 2.0, 8.0]
VECTOR, MEMBERS = Shape("vector", 3), Shape("members", 3, 2)


class TestDependencies:
    def test_the_hidden_vectors_of_others_stand_beside_the_combined_one(self, built):
        output, _ = built("number", COLUMN, VECTOR, {"other": Shape("vector", 2), "third": Shape("vector", 1)})
        combined, other, third = torch.randn(4, 3), torch.randn(4, 2), torch.randn(4, 1)
        head = output.decoder.linear
        expected = torch.cat([combined, other, third], dim=1) @ head.weight.T + head.bias
        hidden = {"third": third, "other": other, "unread": combined}
        prediction = output(Signal.vector(combined), {name: Signal.vector(values) for name, values in hidden.items()})
        torch.testing.assert_close(prediction.logits, expected.squeeze(1))

    def test_members_read_the_hidden_vectors_of_members(self, built):
        output, _ = built("number", COLUMN, MEMBERS, {"other": Shape("members", 2, 2)})
        combined, other = torch.randn(4, 2, 3), torch.randn(4, 2, 2)
        before = output(Signal.members(combined), {"other": Signal.members(other)}).logits
        other[:, 1] += 1
        after = output(Signal.members(combined), {"other": Signal.members(other)}).logits
        assert torch.equal(before[:, 0], after[:, 0])
        assert not torch.equal(before[:, 1], after[:, 1])

    def test_gradients_flow_into_them(self, built):
        output, target = built("number", COLUMN, VECTOR, {"other": Shape("vector", 2)})
        other = torch.randn(4, 2, requires_grad=True)
        output.loss_of(output(Signal.vector(torch.randn(4, 3)), {"other": Signal.vector(other)}), target).backward()
        assert other.grad.abs().sum() > 0

    @pytest.mark.parametrize("reduction", ["sum", "mean", "last", "max"])
    def test_a_sequence_of_them_is_reduced(self, built, reduction):
        shapes = {"other": Shape("sequence", 2, 3)}
        output, _ = built("number", COLUMN, VECTOR, shapes, reduce_dependencies=reduction)
        combined, other = torch.randn(4, 3), torch.randn(4, 3, 2)
        mask = torch.tensor([[True, True, True], [True, True, False], [True, False, False], [True, True, True]])
        rows = [values[there] for values, there in zip(other, mask, strict=True)]
        by_hand = {
            "sum": lambda row: row.sum(0),
            "mean": lambda row: row.mean(0),
            "last": lambda row: row[-1],
            "max": lambda row: row.amax(0),
        }[reduction]
        reduced = torch.stack([by_hand(row) for row in rows])
        head = output.decoder.linear
        expected = torch.cat([combined, reduced], dim=1) @ head.weight.T + head.bias
        logits = output(Signal.vector(combined), {"other": Signal.sequence(other, mask)}).logits
        torch.testing.assert_close(logits, expected.squeeze(1))

    def test_a_sequence_that_nothing_reduces_is_refused(self, built):
        with pytest.raises(ConfigValidationError, match="'y' reads vectors, and .* 'other' are a sequence"):
            built("number", COLUMN, VECTOR, {"other": Shape("sequence", 2, 3)}, reduce_dependencies=None)


class TestScores:
    def test_merged_scores_are_those_of_all_rows(self, built):
        output, target = built("number", COLUMN, VECTOR)
        combined = torch.randn(4, 3)
        complete = [output.complete(output(Signal.vector(part), {})) for part in (combined, combined[:1], combined[1:])]
        whole, one, two = (output.scoreboard() for _ in range(3))
        for scores, prediction, truth in zip(
            (whole, one, two), complete, (target, target[:1], target[1:]), strict=True
        ):
            scores.update(prediction, truth)
        one.merge(two)
        assert one.compute() == pytest.approx(whole.compute(), rel=1e-5)

    def test_nothing_is_reported_of_no_rows(self, built):
        output, _ = built("number", COLUMN, VECTOR)
        assert output.scoreboard().compute() == {}

    def test_validation_metrics_are_those_that_can_be_reported(self, built):
        output, target = built("number", COLUMN, VECTOR)
        complete = output.complete(output(Signal.vector(torch.randn(4, 3)), {}))
        for name in output.config.metric_names():
            scores = output.scoreboard(name)
            scores.update(complete, target)
            assert name in scores.compute() or name == output.config.loss.type, name


def test_a_ragged_target_is_refused(built):
    from ludwig.columns.ragged import Padded

    output, _ = built("number", COLUMN, VECTOR)
    with pytest.raises(TypeError, match="'y' takes no ragged target"):
        output.target(Padded(torch.zeros(1, 8), torch.ones(1, 8, dtype=torch.bool)))


def test_the_weight_of_a_loss_is_for_the_model_to_apply(built):
    light, target = built("number", COLUMN, VECTOR, loss={"type": "mean_squared_error", "weight": 0.1})
    combined = Signal.vector(torch.randn(4, 3))
    prediction = light(combined, {})
    expected = (prediction.logits - target).square().mean()
    torch.testing.assert_close(light.loss_of(prediction, target), expected)
