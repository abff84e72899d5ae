import typing

import pytest
import torch
from torch.nn import functional

from ludwig.error import ConfigValidationError
from ludwig.nn.activation import GATED, ActivationName, activation

NAMES = typing.get_args(ActivationName)
TORCHS_OWN = {
    "elu": functional.elu,
    "leakyRelu": functional.leaky_relu,
    "logSigmoid": functional.logsigmoid,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softmax": lambda x: torch.softmax(x, -1),
    "gelu": functional.gelu,
    "silu": functional.silu,
    "swish": functional.silu,
    "mish": functional.mish,
    "selu": functional.selu,
    "prelu": lambda x: torch.where(x > 0, x, x * 0.25),
    "relu6": functional.relu6,
    "hardswish": functional.hardswish,
    "hardsigmoid": functional.hardsigmoid,
    "softplus": functional.softplus,
    "celu": functional.celu,
    "swiglu": lambda x: functional.silu(x[..., :3]) * x[..., 3:],
    "geglu": lambda x: functional.gelu(x[..., :3]) * x[..., 3:],
    "reglu": lambda x: torch.relu(x[..., :3]) * x[..., 3:],
}


@pytest.mark.parametrize("name", sorted(TORCHS_OWN))
def test_a_name_gives_the_function_of_its_formula(name):
    values = torch.linspace(-4, 4, 24).view(2, 2, 6)
    torch.testing.assert_close(activation(name)(values), TORCHS_OWN[name](values))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rows", [1, 3])
def test_every_name_gives_finite_values_and_gradients(name, rows):
    values = (torch.randn(rows, 6) * 10).requires_grad_()
    result = activation(name)(values)
    result.sum().backward()
    assert result.shape == (rows, 3 if name in GATED else 6)
    assert result.isfinite().all() and values.grad.isfinite().all()


@pytest.mark.parametrize("name", ["softmax", "sparsemax", "entmax15", *sorted(GATED)])
def test_one_that_looks_at_all_numbers_of_a_position_can_do_so_along_any_dimension(name):
    images = torch.randn(2, 6, 4, 5)
    expected = activation(name)(images.movedim(1, -1)).movedim(-1, 1)
    torch.testing.assert_close(activation(name, dim=1)(images), expected)


def test_null_changes_nothing():
    values = torch.randn(2, 3)
    assert activation(None)(values) is values


def test_an_unknown_name_is_reported_with_its_nearest():
    with pytest.raises(ConfigValidationError, match=r"no activation 'relo'\. Did you mean 'relu'"):
        activation("relo")
