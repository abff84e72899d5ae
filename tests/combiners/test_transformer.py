"""The tokens of the inputs, and what is read from them."""

import pytest
import torch
from torch import nn

from ludwig.combiners import COMBINERS
from ludwig.combiners.base import Source
from ludwig.combiners.tokens import FeatureTokens
from ludwig.nn.mlp import LayerSpec
from ludwig.nn.signal import Shape, Signal
from ludwig.schema import load

NUMBERS = Source(("a", "b"), "number", Shape("tokens", 1, 2))
VECTOR = Source(("c",), "vector", Shape("vector", 3))
TEXT = Source(("s",), "text", Shape("sequence", 2, 4))
SMALL = {"hidden_size": 8, "num_heads": 2, "transformer_output_size": 6, "dropout": 0.0}
MASK = torch.tensor([[True, True, False, False], [False, False, False, False]])


def build(name, sources, **options):
    torch.manual_seed(0)
    return load(COMBINERS.get(name).Config, {**SMALL, **options}).build(sources).eval()


def signals():
    torch.manual_seed(1)
    return [Signal.tokens(torch.randn(2, 2, 1)), Signal.vector(torch.randn(2, 3))]


class TestTokens:
    def test_each_input_has_a_map_and_an_identity_of_its_own(self):
        torch.manual_seed(0)
        tokens = FeatureTokens([NUMBERS, VECTOR], LayerSpec(8, use_bias=False, activation=None))
        numbers, vector = signals()
        result, mask = tokens([numbers, vector])
        assert mask is None
        assert result.shape == (2, 3, 8)
        weights = tokens.maps[0].layers[0].weight  # [C, 1, H]
        for column in range(2):  # Gorishniy et al. 2021, section 3.3: T = b + x W
            expected = tokens.identity[column] + numbers.values[:, column] @ weights[column]
            torch.testing.assert_close(result[:, column], expected)
        expected = tokens.identity[2] + tokens.maps[1].layers[0](vector.values)
        torch.testing.assert_close(result[:, 2], expected)
        assert tokens.identity.abs().max() <= 8**-0.5
        assert tokens.identity.std() > 0.1

    def test_each_step_of_a_sequence_is_a_token(self):
        tokens = FeatureTokens([VECTOR, TEXT], LayerSpec(8, activation=None))
        result, mask = tokens([signals()[1], Signal.sequence(torch.randn(2, 4, 2), MASK)])
        assert result.shape == (2, 5, 8)
        assert tokens.count == 5
        assert torch.equal(mask, torch.cat([torch.ones(2, 1, dtype=torch.bool), MASK], dim=1))


class TestTransformer:
    def test_the_mean_of_the_tokens_is_read(self):
        combiner = build("transformer", [NUMBERS, VECTOR])
        tokens, _ = combiner.tokens(signals())
        torch.testing.assert_close(combiner(signals()).values, combiner.layers(tokens).mean(1))
        assert combiner.shape == Shape("vector", 8)

    def test_without_a_reduction_all_tokens_are_given(self):
        combiner = build("transformer", [NUMBERS, VECTOR], reduce_output=None, num_fc_layers=1, output_size=5)
        signal = combiner(signals())
        assert combiner.shape == Shape("sequence", 5, 3)
        assert signal.form == combiner.shape.form
        assert signal.values.shape == (2, 3, 5)
        assert signal.mask.all()

    def test_fully_connected_layers_follow_with_options_of_their_own(self):
        combiner = build(
            "transformer", [NUMBERS, VECTOR], num_fc_layers=2, output_size=8, fc_activation="tanh", fc_residual=True
        )
        one, two = (part for part in combiner.stack.modules() if isinstance(part, nn.Linear))
        tokens, _ = combiner.tokens(signals())
        hidden = combiner.layers(tokens).mean(1)
        hidden = hidden + one(hidden).tanh()
        torch.testing.assert_close(combiner(signals()).values, hidden + two(hidden).tanh())

    def test_concat_wants_a_fixed_number_of_tokens(self):
        assert build("transformer", [NUMBERS, VECTOR], reduce_output="concat").shape == Shape("vector", 3 * 8)
        config = load(COMBINERS.get("transformer").Config, {"reduce_output": "concat"})
        assert [where for where, _ in config.faults(["sequence", "vector"], ["s", "c"])] == ["reduce_output"]

    def test_steps_that_are_not_there_are_not_read(self):
        combiner = build("transformer", [VECTOR, TEXT])
        vector, steps = signals()[1], torch.randn(2, 4, 2)
        other = steps.masked_fill(~MASK.unsqueeze(-1), 9.0)
        found = [combiner([vector, Signal.sequence(each, MASK)]).values for each in (steps, other)]
        torch.testing.assert_close(*found)


class TestFtTransformer:
    def test_the_class_token_is_read(self):
        combiner = build("ft_transformer", [NUMBERS, VECTOR], num_layers=2)
        tokens, _ = combiner.tokens(signals())
        tokens = torch.cat([combiner.class_token.repeat(2, 1, 1), tokens], dim=1)
        for layer in combiner.layers:
            tokens = layer(tokens)
        expected = combiner.norm(tokens[:, 0]).relu()  # eq. 5 of the paper, without its last linear map
        torch.testing.assert_close(combiner(signals()).values, expected)

    def test_the_first_norm_is_left_out(self):
        first, second = build("ft_transformer", [NUMBERS], num_layers=2).layers
        assert isinstance(first.attention_norm, nn.Identity)
        assert isinstance(second.attention_norm, nn.LayerNorm)

    def test_a_sequence_is_a_fault_that_names_the_input_and_the_way_out(self):
        ((where, message),) = COMBINERS.get("ft_transformer").Config().faults(["tokens", "sequence"], ["a", "review"])
        assert where == ""
        assert "review" in message
        assert "reduce_output" in message


@pytest.mark.parametrize(
    ("name", "option"),
    [("transformer", "hidden_size"), ("cross_attention", "hidden_size"), ("perceiver", "latent_dim")],
)
def test_heads_that_do_not_divide_the_size_are_a_fault(name, option):
    config = load(COMBINERS.get(name).Config, {option: 10, "num_heads": 4})
    assert [where for where, _ in config.faults(["vector"], ["a"])] == [option]
