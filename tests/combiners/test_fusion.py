"""cross_attention, gated_fusion and project_aggregate."""

import torch
from torch import nn

from ludwig.combiners import COMBINERS
from ludwig.combiners.base import Source
from ludwig.nn.signal import Shape, Signal
from ludwig.schema import load

NUMBERS = Source(("a", "b"), "number", Shape("tokens", 1, 2))
VECTOR = Source(("c",), "vector", Shape("vector", 3))


def build(name, sources, **options):
    torch.manual_seed(0)
    return load(COMBINERS.get(name).Config, options).build(sources).eval()


def signals():
    torch.manual_seed(1)
    return [Signal.tokens(torch.randn(2, 2, 1)), Signal.vector(torch.randn(2, 3))]


class TestCrossAttention:
    OPTIONS = {"hidden_size": 8, "num_heads": 2}

    def test_each_input_attends_to_all_others(self):
        combiner = build("cross_attention", [NUMBERS, VECTOR], **self.OPTIONS)
        tokens, _ = combiner.tokens(signals())
        (layer,) = combiner.layers
        taken = [layer.attention(tokens[:, [at]], tokens[:, [i for i in range(3) if i != at]]) for at in range(3)]
        expected = layer.norm(tokens + torch.cat(taken, dim=1))
        torch.testing.assert_close(combiner(signals()).values, expected.flatten(1) / 3**0.5)
        assert combiner.shape == Shape("vector", 3 * 8)

    def test_one_input_alone_attends_to_nothing(self):
        result = build("cross_attention", [VECTOR], **self.OPTIONS)([signals()[1]])
        assert result.values.isfinite().all()
        assert result.values.shape == (2, 8)

    def test_layers_follow_each_other(self):
        assert len(build("cross_attention", [VECTOR], num_layers=3, **self.OPTIONS).layers) == 3


class TestGatedFusion:
    def test_the_mix_of_the_others_is_scaled_by_gates(self):
        combiner = build("gated_fusion", [NUMBERS, VECTOR], hidden_size=4)
        nn.init.normal_(combiner.gates)
        tokens, _ = combiner.tokens(signals())
        (mix,) = (part for part in combiner.mix.modules() if isinstance(part, nn.Linear))
        expected = []
        for at in range(3):
            others = torch.stack([tokens[:, i] for i in range(3) if i != at]).mean(0)
            expected.append(tokens[:, at] + combiner.gates[at].tanh() * mix(others).relu())
        torch.testing.assert_close(combiner(signals()).values, torch.cat(expected, dim=1))

    def test_gates_start_near_zero(self):
        combiner = build("gated_fusion", [NUMBERS, VECTOR], hidden_size=4)
        assert (combiner.gates.abs() < 0.05).all()
        assert (combiner.gates != 0).all()
        tokens, _ = combiner.tokens(signals())
        torch.testing.assert_close(combiner(signals()).values, tokens.flatten(1), rtol=0, atol=0.05)


class TestProjectAggregate:
    def test_projections_are_averaged_and_layers_follow(self):
        combiner = build("project_aggregate", [NUMBERS, VECTOR], projection_size=5, num_fc_layers=1, output_size=5)
        numbers, vector = signals()
        weights, bias = combiner.tokens.maps[0].layers[0].weight, combiner.tokens.maps[0].layers[0].bias
        projected = [(numbers.values[:, at] @ weights[at] + bias[at]).relu() for at in range(2)]
        projected.append(combiner.tokens.maps[1].layers[0](vector.values).relu())
        mean = torch.stack(projected).mean(0)
        (layer,) = (part for part in combiner.stack.modules() if isinstance(part, nn.Linear))
        expected = mean + nn.functional.layer_norm(layer(mean), (5,)).relu()  # residual, as the sizes agree
        torch.testing.assert_close(combiner([numbers, vector]).values, expected)

    def test_without_layers_it_is_the_mean(self):
        combiner = build("project_aggregate", [VECTOR], projection_size=5, num_fc_layers=0)
        assert combiner.shape == Shape("vector", 5)
