import pytest
import torch
from torch import nn

from ludwig.decoders import DECODERS
from ludwig.error import ConfigValidationError
from ludwig.nn.dropout import draw_from
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
    def test_the_result_is_activated_then_scaled_then_bounded(self, combined):
        decoder = build("projector", "vector", size=4, activation="tanh", multiplier=3.0, clip=[0, 2])
        raw = combined @ decoder.linear.weight.T + decoder.linear.bias
        torch.testing.assert_close(decoder(Signal.vector(combined)).logits, (raw.tanh() * 3).clamp(0, 2))

    def test_its_size_may_be_set_explicitly(self, combined):
        assert build("projector", "vector", size=4, output_size=4)(Signal.vector(combined)).logits.shape == (ROWS, 4)

    def test_another_size_than_that_of_the_data_is_refused(self):
        with pytest.raises(ConfigValidationError, match=r"output_size is 3, and the vectors of the data have 4"):
            build("projector", "vector", size=4, output_size=3)

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


CLASSIFIERS = [("classifier", {"num_fc_layers": 1, "fc_dropout": 0.5}), ("mlp_classifier", {"dropout": 0.5})]


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

    def test_probabilities_are_the_mean_of_those_of_the_draws(self, name, options, combined):
        decoder = build(name, "category", size=3, mc_dropout_samples=4, **options).eval()
        ours = decoder(Signal.vector(combined)).logits.softmax(-1)
        single = build(name, "category", size=3, **options)  # in training mode: dropout is on
        draw_from(single, torch.Generator().manual_seed(0))
        draws = torch.stack([single(Signal.vector(combined)).logits.softmax(-1) for _ in range(4)])
        torch.testing.assert_close(ours, draws.mean(0))

    def test_many_draws_come_near_to_their_expectation(self, name, options, combined):
        decoder = build(name, "category", size=3, mc_dropout_samples=3000, **options).eval()
        one, two = (
            decoder(Signal.vector(combined)).logits.softmax(-1),
            decoder(Signal.vector(combined)).logits.softmax(-1),
        )
        torch.testing.assert_close(one, two, rtol=0, atol=0.03)

    def test_dropout_is_off_again_afterwards(self, name, options, combined):
        decoder = build(name, "category", size=3, mc_dropout_samples=2, **options).eval()
        decoder(Signal.vector(combined))
        assert [type(part).__name__ for part in decoder.modules() if part.training] == []

    def test_two_classes_in_one_logit_are_averaged_as_probabilities(self, name, options, combined):
        decoder = build("mlp_classifier", "binary", mc_dropout_samples=4, dropout=0.5).eval()
        ours = decoder(Signal.vector(combined)).logits.sigmoid()
        single = build("mlp_classifier", "binary", dropout=0.5)
        draw_from(single, torch.Generator().manual_seed(0))
        draws = torch.stack([single(Signal.vector(combined)).logits.sigmoid() for _ in range(4)])
        torch.testing.assert_close(ours, draws.mean(0))

    def test_members_are_averaged_each_by_itself(self, name, options, combined):
        decoder = build(name, "category", MEMBERS, size=3, mc_dropout_samples=4, **options).eval()
        members = combined.unsqueeze(1).expand(-1, 3, -1)
        torch.manual_seed(3)
        ours = decoder(Signal.members(members)).logits.softmax(-1)
        single = build(name, "category", MEMBERS, size=3, **options)
        draw_from(single, torch.Generator().manual_seed(0))
        draws = torch.stack([single(Signal.members(members)).logits.softmax(-1) for _ in range(4)])
        torch.testing.assert_close(ours, draws.mean(0))


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
