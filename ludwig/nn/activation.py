"""Nonlinearities by the names that configs use."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

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

GATED = frozenset({"swiglu", "geglu", "reglu"})  # these halve the last dimension


class Gated(nn.Module):
    """One half of the numbers, through a nonlinearity, gates the other half: [..., 2H] -> [..., H].

    Source: Shazeer 2020, "GLU Variants Improve Transformer", arXiv:2002.05202.
    """

    def __init__(self, gate: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.gate = gate

    def forward(self, values: Tensor) -> Tensor:
        gates, passed = values.chunk(2, dim=-1)
        return self.gate(gates) * passed


class _Mapped(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, values: Tensor) -> Tensor:
        return self.function(values)


_MODULES: dict[str, Callable[[], nn.Module]] = {
    "elu": nn.ELU,
    "leakyRelu": nn.LeakyReLU,
    "logSigmoid": nn.LogSigmoid,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "softmax": lambda: nn.Softmax(dim=-1),
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
    "swiglu": lambda: Gated(functional.silu),
    "geglu": lambda: Gated(functional.gelu),
    "reglu": lambda: Gated(torch.relu),
    "sparsemax": lambda: _Mapped(sparsemax),
    "entmax15": lambda: _Mapped(entmax15),
}


def activation(name: str | None) -> nn.Module:
    """The nonlinearity of that name; None changes nothing."""
    return nn.Identity() if name is None else _MODULES[name]()
