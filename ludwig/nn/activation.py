"""Nonlinearities by the names that configs use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from ludwig.error import ConfigValidationError, nearest
from ludwig.nn.sparse import entmax15, sparsemax

ActivationName = Literal[
    "elu",
    "leakyRelu",
    "logSigmoid",
    "relu",
    "sigmoid",
    "tanh",
    "softmax",
    "gelu",
    "silu",
    "swish",
    "mish",
    "selu",
    "prelu",
    "relu6",
    "hardswish",
    "hardsigmoid",
    "softplus",
    "celu",
    "swiglu",
    "geglu",
    "reglu",
    "sparsemax",
    "entmax15",
]

GATED: frozenset[str] = frozenset({"swiglu", "geglu", "reglu"})  # these halve the dimension that they work along


class Gated(nn.Module):
    """One half of the numbers, through a nonlinearity, gates the other half: [..., 2H] -> [..., H].

    Source: Shazeer 2020, "GLU Variants Improve Transformer", arXiv:2002.05202.
    """

    def __init__(self, gate: Callable[[Tensor], Tensor], dim: int = -1) -> None:
        super().__init__()
        self.gate, self.dim = gate, dim

    def forward(self, values: Tensor) -> Tensor:
        gates, passed = values.chunk(2, dim=self.dim)
        return self.gate(gates) * passed


class _Mapped(nn.Module):
    """A probability map along one dimension as a module."""

    def __init__(self, function: Callable[[Tensor, int], Tensor], dim: int) -> None:
        super().__init__()
        self.function, self.dim = function, dim

    def forward(self, values: Tensor) -> Tensor:
        return self.function(values, self.dim)


_ELEMENTWISE: dict[str, Callable[[], nn.Module]] = {
    "elu": nn.ELU,
    "leakyRelu": nn.LeakyReLU,
    "logSigmoid": nn.LogSigmoid,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "swish": nn.SiLU,
    "mish": nn.Mish,
    "selu": nn.SELU,
    "prelu": nn.PReLU,
    "relu6": nn.ReLU6,
    "hardswish": nn.Hardswish,
    "hardsigmoid": nn.Hardsigmoid,
    "softplus": nn.Softplus,
    "celu": nn.CELU,
}
_ALONG: dict[str, Callable[[int], nn.Module]] = {
    "softmax": nn.Softmax,
    "swiglu": lambda dim: Gated(functional.silu, dim),
    "geglu": lambda dim: Gated(functional.gelu, dim),
    "reglu": lambda dim: Gated(torch.relu, dim),
    "sparsemax": lambda dim: _Mapped(sparsemax, dim),
    "entmax15": lambda dim: _Mapped(entmax15, dim),
}


def activation(name: str | None, dim: int = -1, members: int | None = None) -> nn.Module:
    """The nonlinearity of that name; None changes nothing.

    Args:
        dim: Where one position's numbers lie side by side, for those that look at all of them, such as softmax.
        members: Of [B, members, H], where each member has trainable numbers of its own.

    Raises:
        ConfigValidationError: There is no such nonlinearity.
    """
    if name is None:
        return nn.Identity()
    if name == "prelu" and members is not None:  # the only one with a weight; torch takes dimension 1 for channels
        return nn.PReLU(members)
    if name in _ALONG:
        return _ALONG[name](dim)
    if name not in _ELEMENTWISE:
        known = sorted([*_ELEMENTWISE, *_ALONG])
        raise ConfigValidationError(
            f"There is no activation '{name}'.{nearest(name, known)} Choose one of: {', '.join(known)}."
        )
    return _ELEMENTWISE[name]()
