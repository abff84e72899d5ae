import pytest
import torch

from ludwig.combiners import COMBINERS
from ludwig.combiners.base import Source
from ludwig.config import load_config
from ludwig.error import ConfigValidationError, LudwigWarning
from ludwig.nn.signal import Shape, Signal
from ludwig.schema import load

NUMBERS = Source(("a", "b", "c"), "number", Shape("tokens", 2, 3))
VECTOR = Source(("d",), "vector", Shape("vector", 3))
CONFIG = COMBINERS.get("comparator").Config
MODEL = {
    "input_features": [{"name": name, "type": "number"} for name in ("a", "b", "c.d")],
    "output_features": [{"name": "y", "type": "binary"}],
}


def combined(**entities):
    return load_config({**MODEL, "combiner": {"type": "comparator", **entities}}).combiner


def test_what_two_entities_have_in_common_and_apart():
    torch.manual_seed(0)
    combiner = load(CONFIG, {"entity_1": ["c", "a"], "entity_2": ["b", "d"], "output_size": 4}).build([NUMBERS, VECTOR])
    numbers, vector = torch.randn(5, 3, 2), torch.randn(5, 3)
    one = combiner.entity_1.stack(torch.cat([numbers[:, 0], numbers[:, 2]], dim=1))
    two = combiner.entity_2.stack(torch.cat([numbers[:, 1], vector], dim=1))
    result = combiner([Signal.tokens(numbers), Signal.vector(vector)]).values
    assert combiner.shape == Shape("vector", result.shape[1])
    torch.testing.assert_close(result[:, 0], torch.einsum("bi,bi->b", one, two))
    torch.testing.assert_close(result[:, 1], torch.einsum("bi,ij,bj->b", one, combiner.matrix, two))
    torch.testing.assert_close(result[:, 2:6], one - two)
    torch.testing.assert_close(result[:, 6:], (one - two).abs())


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({}, ["entity_1", "entity_2"]),
        ({"entity_1": ["a", "b", "c"], "entity_2": []}, ["entity_2"]),
        ({"entity_1": ["a", "b"], "entity_2": ["b", "c"]}, ["entity_2"]),
        ({"entity_1": ["a"], "entity_2": ["b"]}, ["entity_2"]),
        ({"entity_1": ["a"], "entity_2": ["b", "c"], "num_fc_layers": 0}, ["num_fc_layers"]),
        ({"entity_1": ["a"], "entity_2": ["b", "c"], "fc_layers": []}, ["num_fc_layers"]),
        ({"entity_1": ["a"], "entity_2": ["b", "c"]}, []),
    ],
)
def test_both_entities_cover_all_inputs_and_share_none(options, where):
    assert [at for at, _ in load(CONFIG, options).faults(["vector"] * 3, ["a", "b", "c"])] == where


def test_unknown_names_are_left_out_with_a_warning():
    with pytest.warns(LudwigWarning, match=r"entity_1.*'aa'"):
        assert combined(entity_1=["a", "aa"], entity_2=["b", "c.d"]).entity_1 == ["a"]


def test_names_are_cleaned_as_those_of_features_are():
    assert combined(entity_1=["a", "b"], entity_2=["c.d"]).entity_2 == ["c_d"]


def test_faults_are_found_before_data_is_read():
    with pytest.raises(ConfigValidationError, match=r"combiner\.entity_2.*In neither: b"):
        combined(entity_1=["a"], entity_2=["c.d"])
