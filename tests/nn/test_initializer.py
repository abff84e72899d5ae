import math
import typing

import pytest
import torch

from ludwig.error import ConfigValidationError
from ludwig.nn.initializer import InitializerName, initialize

NAMES = typing.get_args(InitializerName)
ONLY_MATRICES = {"eye", "identity", "sparse", "orthogonal"}


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"dirac"}))
def test_every_rule_fills_a_matrix(name):
    weight = torch.full((4, 4), float("nan"), requires_grad=True)
    initialize(weight, name)
    assert weight.isfinite().all() and weight.requires_grad


@pytest.mark.parametrize("name", sorted(set(NAMES) - ONLY_MATRICES - {"dirac"}))
def test_every_other_rule_fills_a_vector(name):
    bias = torch.full((4,), float("nan"))
    initialize(bias, name)
    assert bias.isfinite().all()


@pytest.mark.parametrize("name", sorted(ONLY_MATRICES | {"dirac"}))
def test_a_rule_that_does_not_fit_a_vector_is_an_error(name):
    with pytest.raises(ConfigValidationError, match=rf"'{name}' does not fit a weight of shape \(4,\)"):
        initialize(torch.zeros(4), name)


def test_dirac_lets_a_convolution_pass_its_input():
    weight, values = torch.zeros(3, 3, 3), torch.randn(2, 3, 5)
    initialize(weight, "dirac")
    torch.testing.assert_close(torch.conv1d(values, weight, padding=1), values)


def test_xavier_stays_within_its_bound():
    weight = torch.zeros(200, 100)
    initialize(weight, "xavier_uniform")
    bound = math.sqrt(6 / 300)
    assert weight.abs().max() <= bound and weight.abs().max() > 0.95 * bound


def test_orthogonal_is_orthogonal():
    weight = torch.zeros(5, 5)
    initialize(weight, "orthogonal")
    torch.testing.assert_close(weight @ weight.T, torch.eye(5))


def test_a_section_brings_arguments():
    weight = torch.zeros(3, 2)
    initialize(weight, {"type": "constant", "val": 0.5})
    assert (weight == 0.5).all()
    initialize(weight, {"type": "uniform", "a": 2.0, "b": 3.0})
    assert ((weight >= 2) & (weight <= 3)).all()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"type": "normal", "stdd": 1.0}, "no parameter 'stdd'. Did you mean 'std'.*It has: mean, std"),
        ({"type": "zeros", "val": 1.0}, "no parameter 'val'. It has: none"),
        ({"type": "normal", "std": -1.0}, "does not fit"),
        ({"type": "constant", "val": "one"}, "does not fit"),
        ({"type": "xavier"}, "no initializer 'xavier'. Did you mean"),
        ({"val": 1.0}, "no initializer 'None'"),
    ],
)
def test_a_faulty_section_is_reported(spec, message):
    with pytest.raises(ConfigValidationError, match=message):
        initialize(torch.zeros(2, 2), spec)


def test_the_section_is_left_as_it_is():
    spec = {"type": "constant", "val": 1.0}
    initialize(torch.zeros(2), spec)
    assert spec == {"type": "constant", "val": 1.0}
