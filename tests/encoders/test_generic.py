import pytest
import torch
from torch import nn

from ludwig.encoders import ENCODERS
from ludwig.features.number import NumberFeature
from ludwig.features.vector import VectorFacts

NUMBERS = NumberFeature(NumberFeature.Config(), "x").facts_of_config()
VECTOR = VectorFacts(3, (0.0, 0.0, 0.0))


def build(name, kind, facts, **options):
    torch.manual_seed(0)
    return ENCODERS.get(name, kind).Config(**options).build(facts)


@pytest.mark.parametrize("kind", ["number", "binary"])
def test_passthrough_gives_the_numbers_as_tokens_of_one(kind):
    numbers = torch.tensor([[1, 0], [0, 1]], dtype=torch.uint8)
    signal = build("passthrough", kind, [NUMBERS] * 2)(numbers)
    assert signal.form == "tokens"
    assert signal.values.dtype == torch.float32
    torch.testing.assert_close(signal.values, torch.tensor([[[1.0], [0.0]], [[0.0], [1.0]]]))


def test_a_passed_vector_is_the_vector():
    vectors = torch.randn(4, 3)
    signal = build("passthrough", "vector", [VECTOR])(vectors)
    assert signal.form == "vector"
    assert torch.equal(signal.values, vectors)


@pytest.mark.parametrize("kind", ["number", "binary"])
def test_each_column_goes_through_layers_of_its_own(kind):
    encoder = build("dense", kind, [NUMBERS] * 3, num_layers=2, output_size=4).eval()
    maps = [module for module in encoder.modules() if hasattr(module, "weight")]
    numbers = torch.tensor([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0]])
    tokens = encoder(numbers).values
    for column in range(3):
        values = numbers[:, column : column + 1]
        for layer in maps:
            values = nn.functional.linear(values, layer.weight[column].T, layer.bias[column]).relu()
        torch.testing.assert_close(tokens[:, column], values)


def test_a_stack_for_many_columns_has_as_many_weights_as_a_stack_for_each():
    def count(columns):
        return sum(
            weight.numel() for weight in build("dense", "number", [NUMBERS] * columns, output_size=7).parameters()
        )

    assert count(5) == 5 * count(1) == 5 * (7 + 7)


def test_a_dense_vector_is_a_linear_map_and_a_relu():
    encoder = build("dense", "vector", [VECTOR], output_size=6)
    (layer,) = [module for module in encoder.modules() if isinstance(module, nn.Linear)]
    vectors = torch.randn(4, 3)
    torch.testing.assert_close(encoder(vectors).values, (vectors @ layer.weight.T + layer.bias).relu())


def test_layers_that_are_listed_replace_their_number():
    from ludwig.schema import load

    config = load(ENCODERS.get("dense", "vector").Config, {"fc_layers": [{"output_size": 9}, {"output_size": 2}]})
    encoder = config.build([VECTOR])
    assert encoder.shape.size == 2
    assert [m.out_features for m in encoder.modules() if isinstance(m, nn.Linear)] == [9, 2]


@pytest.mark.parametrize("norm", ["batch", "layer", "ghost"])
def test_normalised_layers_take_a_batch_of_one_in_prediction(norm):
    encoder = build("dense", "number", [NUMBERS] * 2, norm=norm, output_size=4).eval()
    assert encoder(torch.ones(1, 2)).values.isfinite().all()


def test_dropout_acts_in_training_only():
    encoder = build("dense", "vector", [VECTOR], output_size=500, dropout=0.5)
    vectors = torch.ones(1, 3)
    dropped = (encoder(vectors).values == 0).float().mean().item()
    kept = (encoder.eval()(vectors).values == 0).float().mean().item()
    assert dropped > kept + 0.15
    assert torch.equal(encoder(vectors).values, encoder(vectors).values)
