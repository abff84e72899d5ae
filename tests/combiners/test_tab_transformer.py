import pytest
import torch
from torch import nn

from ludwig.combiners import COMBINERS
from ludwig.combiners.base import Source
from ludwig.nn.signal import Shape, Signal
from ludwig.schema import load

WORDS = Source(("a", "b"), "category", Shape("tokens", 3, 2))
NUMBERS = Source(("x", "y", "z"), "number", Shape("tokens", 1, 3))
ONE = Source(("x",), "number", Shape("tokens", 1, 1))
CONFIG = COMBINERS.get("tabtransformer").Config
SMALL = {"hidden_size": 8, "num_heads": 2, "transformer_output_size": 6, "dropout": 0.0}


def build(sources, **options):
    torch.manual_seed(0)
    return load(CONFIG, {**SMALL, **options}).build(sources).eval()


def signals(numbers=3):
    torch.manual_seed(1)
    return [Signal.tokens(torch.randn(2, numbers, 1)), Signal.tokens(torch.randn(2, 2, 3))]


def test_numbers_are_normalised_and_stand_beside_the_categories():
    combiner, given = build([NUMBERS, WORDS]), signals()
    numbers, tokens = given[0].values.flatten(1), combiner.tokens.tokens([given[1]])[0]
    normal = nn.functional.layer_norm(numbers, (3,))
    expected = torch.cat([normal, combiner.layers(tokens).flatten(1)], dim=1)
    torch.testing.assert_close(combiner(given).values, expected)
    assert combiner.shape == Shape("vector", 3 + 2 * 8)


def test_numbers_are_not_attended_to():
    combiner, given = build([NUMBERS, WORDS]), signals()
    other = [Signal.tokens(torch.randn(2, 3, 1)), given[1]]
    torch.testing.assert_close(combiner(given).values[:, 3:], combiner(other).values[:, 3:])


def test_one_number_is_kept_since_its_normalisation_would_be_zero():
    combiner, given = build([ONE, WORDS]), signals(1)
    torch.testing.assert_close(combiner(given).values[:, :1], given[0].values.flatten(1))


def test_numbers_alone_go_without_attention():
    combiner = build([NUMBERS], num_fc_layers=1, output_size=4)
    assert combiner.shape == Shape("vector", 4)
    assert [name for name, _ in combiner.named_parameters() if "attention" in name] == []


class TestColumnEmbedding:
    def test_a_number_makes_it_a_part_of_the_token(self):
        combiner, given = build([WORDS], embed_input_feature_name=3), signals()[1:]
        tokens = combiner.tokens(given)
        assert tokens.shape == (2, 2, 8)
        assert torch.equal(tokens[0, :, :3], combiner.tokens.columns)
        assert torch.equal(tokens[0, :, :3], tokens[1, :, :3])

    def test_add_adds_it(self):
        combiner, given = build([WORDS], embed_input_feature_name="add"), signals()[1:]
        mapped = combiner.tokens.tokens.maps[0](given[0].values)
        torch.testing.assert_close(combiner.tokens(given), mapped + combiner.tokens.tokens.identity)

    def test_null_has_none(self):
        assert [name for name, _ in build([WORDS]).named_parameters() if "identity" in name or "columns" in name] == []

    def test_it_is_smaller_than_the_token(self):
        config = load(CONFIG, {**SMALL, "embed_input_feature_name": 8})
        assert [where for where, _ in config.faults(["tokens"], ["a"])] == ["embed_input_feature_name"]


@pytest.mark.parametrize("name", [None, "none"])
def test_tokens_must_be_reduced(name):
    assert [where for where, _ in load(CONFIG, {"reduce_output": name}).faults(["tokens"], ["a"])] == ["reduce_output"]
