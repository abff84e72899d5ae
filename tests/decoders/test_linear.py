import itertools

import pytest
import torch
from torch import nn

from ludwig.decoders import DECODERS
from ludwig.error import ConfigValidationError
from ludwig.nn.signal import Shape, Signal
from ludwig.schema import load

WIDTH, ROWS = 6, 5
VECTOR, MEMBERS = Shape("vector", WIDTH), Shape("members", WIDTH, 3)


def build(name, kind, shape=VECTOR, size=1, **options):
    torch.manual_seed(0)
    return load(DECODERS.get(name, kind).Config, options).build(shape, size)


def linears(module):
    return [part for part in module.modules() if isinstance(part, nn.Linear)]


@pytest.fixture
def combined():
    torch.manual_seed(1)
    return torch.randn(ROWS, WIDTH)


class TestRegressor:
    def test_it_is_a_linear_map_of_what_comes_in(self, combined):
        decoder = build("regressor", "number")
        prediction = decoder(Signal.vector(combined))
        torch.testing.assert_close(prediction.logits, combined @ decoder.linear.weight.T + decoder.linear.bias)
        assert torch.equal(prediction.hidden, combined)
        assert decoder.hidden_shape.size == WIDTH

    def test_layers_stand_before_the_head(self, combined):
        decoder = build("regressor", "number", num_fc_layers=1, fc_output_size=4)
        layer, head = linears(decoder)
        prediction = decoder(Signal.vector(combined))
        torch.testing.assert_close(prediction.hidden, layer(combined).relu())
        torch.testing.assert_close(prediction.logits, head(prediction.hidden))
        assert decoder.hidden_shape.size == 4

    def test_the_head_may_have_no_bias(self, combined):
        decoder = build("regressor", "number", use_bias=False)
        assert decoder.linear.bias is None
        torch.testing.assert_close(decoder(Signal.vector(torch.zeros_like(combined))).logits, torch.zeros(ROWS, 1))

    def test_weights_start_by_the_initializers(self):
        decoder = build("regressor", "number", weights_initializer="ones", bias_initializer="zeros")
        assert (decoder.linear.weight == 1).all()
        assert (decoder.linear.bias == 0).all()


class TestProjector:
    def test_numbers_are_activated_then_scaled_then_bounded(self):
        decoder = build("projector", "vector", size=4, activation="tanh", multiplier=3.0, clip=[0, 2])
        numbers = torch.linspace(-4, 4, 20)
        assert decoder.bounds and not build("projector", "vector", size=4).bounds
        torch.testing.assert_close(decoder.bounded(numbers), (numbers.tanh() * 3).clamp(0, 2))

    def test_its_size_may_be_set_explicitly(self, combined):
        assert build("projector", "vector", size=4, output_size=4)(Signal.vector(combined)).logits.shape == (ROWS, 4)

    def test_another_size_than_that_of_the_data_is_refused(self):
        with pytest.raises(ConfigValidationError, match=r"output_size is 3, and the vectors of the data have 4"):
            build("projector", "vector", size=4, output_size=3)

    @pytest.mark.parametrize("clip", [[2, 1], [3, 3]])
    def test_bounds_ascend(self, clip):
        ((where, message),) = load(DECODERS.get("projector", "vector").Config, {"clip": clip}).faults()
        assert where == "clip" and str(clip) in message

    def test_bounds_are_two(self):
        import marshmallow

        with pytest.raises(marshmallow.ValidationError, match="clip"):
            load(DECODERS.get("projector", "vector").Config, {"clip": [1]})


class TestMlpClassifier:
    def test_a_hidden_layer_of_its_own_stands_before_the_logits(self, combined):
        decoder = build("mlp_classifier", "category", size=3, num_fc_layers=1, fc_output_size=4, output_size=2)
        assert [layer.out_features for layer in (linears(decoder.fc_stack)[0], linears(decoder.layer)[0])] == [4, 2]
        prediction = decoder(Signal.vector(combined))
        torch.testing.assert_close(prediction.hidden, linears(decoder.fc_stack)[0](combined).relu())
        hidden = linears(decoder.layer)[0](prediction.hidden).relu()
        torch.testing.assert_close(prediction.logits, decoder.linear(hidden))


CLASSIFIERS = [
    ("classifier", {"num_fc_layers": 1, "fc_output_size": 4, "fc_dropout": 0.5}),
    ("mlp_classifier", {"num_fc_layers": 0, "output_size": 4, "dropout": 0.5}),
]
MASKS = torch.tensor(list(itertools.product([0.0, 2.0], repeat=4)))  # all that dropout of half of four units can draw


def layer_and_head(decoder, member=None):
    """Weights [O, H] and bias of the hidden layer and of the head, of one member where there are several."""
    head = decoder.linear
    layer = next(part for part in decoder.modules() if isinstance(part, type(head)) and part is not head)
    if member is None:
        return layer.weight, layer.bias, head.weight, head.bias
    return layer.weight[member].T, layer.bias[member], head.weight[member].T, head.bias[member]


def expectation(values, weights, squash):
    """The mean of the probabilities over all masks, each as probable as another: [B, O]."""
    layer, layer_bias, head, head_bias = weights
    hidden = (values @ layer.T + layer_bias).relu()  # [B, 4]
    return torch.stack([squash((hidden * mask) @ head.T + head_bias) for mask in MASKS]).mean(0)


@pytest.mark.parametrize(("name", "options"), CLASSIFIERS)
class TestMonteCarloDropout:
    def test_without_samples_a_prediction_has_no_dropout(self, name, options, combined):
        decoder = build(name, "category", size=3, **options).eval()
        assert torch.equal(decoder(Signal.vector(combined)).logits, decoder(Signal.vector(combined)).logits)

    def test_training_draws_once(self, name, options, combined):
        one, many = (build(name, "category", size=3, mc_dropout_samples=n, **options) for n in (0, 5))
        torch.manual_seed(3)
        expected = one(Signal.vector(combined)).logits
        torch.manual_seed(3)
        assert torch.equal(many(Signal.vector(combined)).logits, expected)

    def test_many_draws_come_near_to_their_expectation(self, name, options, combined):
        decoder = build(name, "category", size=3, mc_dropout_samples=3000, **options).eval()
        expected = expectation(combined, layer_and_head(decoder), lambda logits: logits.softmax(-1))
        torch.testing.assert_close(decoder(Signal.vector(combined)).logits.softmax(-1), expected, rtol=0, atol=0.03)

    def test_a_row_alone_is_what_it_is_among_others(self, name, options, combined):
        decoder = build(name, "category", size=3, mc_dropout_samples=3, **options).eval()
        together = decoder(Signal.vector(combined)).logits
        alone = torch.cat([decoder(Signal.vector(row.unsqueeze(0))).logits for row in combined.flip(0)]).flip(0)
        torch.testing.assert_close(alone, together)
        assert decoder(Signal.vector(combined[:0])).logits.shape == (0, 3)

    def test_dropout_is_off_again_afterwards(self, name, options, combined):
        decoder = build(name, "category", size=3, mc_dropout_samples=2, **options).eval()
        decoder(Signal.vector(combined))
        assert [type(part).__name__ for part in decoder.modules() if part.training] == []

    def test_members_are_averaged_each_by_itself(self, name, options, combined):
        decoder = build(name, "category", MEMBERS, size=3, mc_dropout_samples=3000, **options).eval()
        ours = decoder(Signal.members(combined.unsqueeze(1).expand(-1, 3, -1))).logits.softmax(-1)
        for member in range(3):
            expected = expectation(combined, layer_and_head(decoder, member), lambda logits: logits.softmax(-1))
            torch.testing.assert_close(ours[:, member], expected, rtol=0, atol=0.03)


def test_two_classes_in_one_logit_are_averaged_as_probabilities(combined):
    decoder = build("mlp_classifier", "binary", mc_dropout_samples=3000, **CLASSIFIERS[1][1]).eval()
    expected = expectation(combined, layer_and_head(decoder), torch.sigmoid)
    torch.testing.assert_close(decoder(Signal.vector(combined)).logits.sigmoid(), expected, rtol=0, atol=0.03)


@pytest.mark.parametrize(("name", "kind", "size"), [("classifier", "category", 3), ("mlp_classifier", "binary", 1)])
def test_averaged_logits_may_be_as_large_as_those_of_one_pass(name, kind, size, combined):
    once, sampled = (build(name, kind, size=size, mc_dropout_samples=n).eval() for n in (0, 4))
    signal = Signal.vector(combined * 1000)  # without dropout all passes agree
    expected = once(signal).logits
    if size > 1:
        expected = expected.log_softmax(-1)
    assert expected.abs().max() > 100
    torch.testing.assert_close(sampled(signal).logits, expected)


@pytest.mark.parametrize(
    ("name", "kind", "size"), [("regressor", "number", 1), ("projector", "vector", 4), ("classifier", "category", 3)]
)
def test_each_member_has_a_head_of_its_own(name, kind, size):
    decoder = build(name, kind, MEMBERS, size, num_fc_layers=1, fc_output_size=4)
    members = torch.randn(ROWS, 3, WIDTH)
    logits = decoder(Signal.members(members)).logits
    assert logits.shape == (ROWS, 3, size)
    changed = members.clone()
    changed[:, 1] += 1
    moved = (decoder(Signal.members(changed)).logits != logits).flatten(2).any(2).any(0)
    assert moved.tolist() == [False, True, False]
    same = members[:, :1].expand(-1, 3, -1)
    assert not torch.allclose(decoder(Signal.members(same)).logits[:, 0], decoder(Signal.members(same)).logits[:, 1])
