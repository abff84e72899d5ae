import torch

from ludwig.combiners import COMBINERS
from ludwig.combiners.base import Source
from ludwig.nn.signal import Shape, Signal
from ludwig.schema import load

NUMBERS = Source(("a", "b"), "number", Shape("tokens", 2, 2))
VECTOR = Source(("c",), "vector", Shape("vector", 3))
OPTIONS = {"hidden_size": 5, "hyper_hidden_size": 4, "output_size": 6, "dropout": 0.0}


def build(sources, **options):
    torch.manual_seed(0)
    return load(COMBINERS.get("hypernetwork").Config, {**OPTIONS, **options}).build(sources).eval()


def test_the_first_input_generates_a_map_of_the_others():
    combiner, numbers, vector = build([NUMBERS, VECTOR]), torch.randn(3, 2, 2), torch.randn(3, 3)
    result = combiner([Signal.tokens(numbers), Signal.vector(vector)]).values
    values = combiner.others(torch.cat([numbers[:, 1], vector], dim=1))
    basis, biases = combiner.basis.weight.view(4, 6, 5), combiner.basis.bias.view(4, 6)
    for row in range(3):
        scales = combiner.hyper(numbers[row, 0])
        weight = combiner.common.weight + torch.einsum("k,koh->oh", scales, basis)
        expected = weight @ values[row] + combiner.common.bias + scales @ biases
        torch.testing.assert_close(result[row], expected)


def test_a_vector_may_be_the_first():
    combiner = build([VECTOR, NUMBERS], num_fc_layers=1)
    assert combiner([Signal.vector(torch.randn(3, 3)), Signal.tokens(torch.randn(3, 2, 2))]).values.shape == (3, 6)


def test_what_is_generated_has_the_spread_of_a_plain_map():
    combiner = build([VECTOR, NUMBERS], hidden_size=256, hyper_hidden_size=64, output_size=64)
    values, scales = torch.randn(500, 256), torch.randn(500, 64)
    parts = combiner.basis(values).view(500, 64, 64)
    generated = torch.bmm(scales.unsqueeze(1), parts).squeeze(1)
    assert 0.5 < generated.std() / combiner.common(values).std() < 2


def test_one_input_is_a_fault():
    config = COMBINERS.get("hypernetwork").Config()
    assert [where for where, _ in config.faults(["vector"], ["a"])] == [""]
    assert config.faults(["vector", "tokens"], ["a", "b"]) == []
