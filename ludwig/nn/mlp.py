"""Stacks of fully connected layers.

B = rows of the batch, K = members, H = size of a vector
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from ludwig.nn.activation import GATED, ActivationName, activation
from ludwig.nn.ensemble import BatchEnsembleLinear, linear
from ludwig.nn.initializer import InitializerSpec, initialize
from ludwig.nn.norm import norm


@dataclass(frozen=True)
class LayerSpec:
    """A linear map, then normalisation, nonlinearity and dropout."""

    output_size: int = 256
    use_bias: bool = True
    weights_initializer: InitializerSpec = "xavier_uniform"
    bias_initializer: InitializerSpec = "zeros"
    norm: str | None = None
    norm_params: dict[str, float] | None = None
    activation: ActivationName | None = "relu"
    dropout: float = 0.0


Linear = Callable[[int, int, bool], nn.Module]  # (input size, output size, with bias)


def _layer(spec: LayerSpec, input_size: int, make: Linear) -> list[nn.Module]:
    """The modules of one layer; what it does not have is no module."""
    width = spec.output_size * 2 if spec.activation in GATED else spec.output_size
    modules = [make(input_size, width, spec.use_bias)]
    if spec.norm is not None:
        modules.append(norm(spec.norm, width, spec.norm_params))
    if spec.activation is not None:
        modules.append(activation(spec.activation))
    if spec.dropout:
        modules.append(nn.Dropout(spec.dropout))
    return modules


class FullyConnectedStack(nn.Module):
    """Fully connected layers: [..., H] -> [..., output_size]; with members [B, K, H], each with its own weights.

    With `residual`, a layer whose sizes agree adds what came in to what it gives.
    """

    def __init__(
        self, input_size: int, layers: Sequence[LayerSpec], *, members: int | None = None, residual: bool = False
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.output_size = layers[-1].output_size if layers else input_size
        sizes = [input_size, *(layer.output_size for layer in layers)]
        made = []
        for spec, size in zip(layers, sizes, strict=False):
            modules = _layer(spec, size, lambda i, o, bias: linear(i, o, members=members, bias=bias))
            _start(modules[0], spec)
            made.append(modules)
        self.adds = [residual and into == out for into, out in zip(sizes, sizes[1:], strict=False)]
        steps = [nn.Sequential(*modules) for modules in made] if residual else [m for modules in made for m in modules]
        self.layers = nn.Sequential(*steps)

    def forward(self, values: Tensor) -> Tensor:
        if not any(self.adds):
            result: Tensor = self.layers(values)
            return result
        for layer, adds in zip(self.layers, self.adds, strict=True):
            values = layer(values) + values if adds else layer(values)
        return values


class BatchEnsembleStack(nn.Module):
    """Fully connected layers whose members share their weights: [B, H] -> [B, K, output_size]."""

    def __init__(self, input_size: int, layers: Sequence[LayerSpec], members: int) -> None:
        super().__init__()
        self.output_size = layers[-1].output_size
        modules: list[nn.Module] = []
        sizes = [input_size, *(layer.output_size for layer in layers)]
        for place, (spec, size) in enumerate(zip(layers, sizes, strict=False)):
            first = place == 0
            made = _layer(spec, size, lambda i, o, bias, first=first: BatchEnsembleLinear(members, i, o, bias, first))
            initialize(made[0].weight, spec.weights_initializer)
            modules += made
        self.layers = nn.Sequential(*modules)

    def forward(self, values: Tensor) -> Tensor:
        result: Tensor = self.layers(values)
        return result  # [B, K, output_size]


def _start(module: nn.Module, spec: LayerSpec) -> None:
    if isinstance(module, nn.Linear):
        initialize(module.weight, spec.weights_initializer)
    else:
        for weight in module.weight:  # a member's fan is that of its own matrix
            initialize(weight.T, spec.weights_initializer)
    if module.bias is not None:
        initialize(module.bias, spec.bias_initializer)
