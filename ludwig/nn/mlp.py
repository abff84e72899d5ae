"""Stacks of fully connected layers.

B = rows of the batch, K = members, H = size of a vector
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from ludwig.nn.activation import GATED, ActivationName, activation
from ludwig.nn.dropout import Dropout
from ludwig.nn.ensemble import BatchEnsembleLinear, MemberLinear, linear, start_linear
from ludwig.nn.initializer import InitializerSpec
from ludwig.nn.norm import NormName, member_norm, norm, normalised


@dataclass(frozen=True)
class LayerSpec:
    """A linear map, then normalisation, activation and dropout."""

    output_size: int = 256
    use_bias: bool = True
    weights_initializer: InitializerSpec | None = None  # None: xavier_uniform
    bias_initializer: InitializerSpec | None = None  # None: zeros
    norm: NormName | None = None
    norm_params: dict[str, float] | None = None
    activation: ActivationName | None = "relu"
    dropout: float = 0.0

    @property
    def width(self) -> int:
        """What the linear map gives: twice the layer's size where one half gates the other."""
        return self.output_size * 2 if self.activation in GATED else self.output_size


def _modules(
    spec: LayerSpec, linear_map: nn.Linear | MemberLinear | BatchEnsembleLinear, members: int | None = None
) -> list[nn.Module]:
    """The modules of one layer; what it does not have is no module. `members`: each has its own norm and PReLU."""
    start_linear(linear_map, spec.weights_initializer or "xavier_uniform", spec.bias_initializer or "zeros")
    modules: list[nn.Module] = [linear_map]
    if spec.norm is not None:
        modules.append(
            norm(spec.norm, spec.width, spec.norm_params)
            if members is None
            else member_norm(spec.norm, members, spec.width, spec.norm_params)
        )
    if spec.activation is not None:
        modules.append(activation(spec.activation, members=members))
    if spec.dropout:
        modules.append(Dropout(spec.dropout))
    return modules


class FullyConnectedStack(nn.Module):
    """Fully connected layers: [..., H] -> [..., output_size]; with members [B, K, H], each with its own weights.

    With `residual`, a layer whose sizes agree adds what came in to what it gives.
    """

    def __init__(
        self, input_size: int, layers: Sequence[LayerSpec], *, members: int | None = None, residual: bool = False
    ) -> None:
        super().__init__()
        sizes = [input_size, *(layer.output_size for layer in layers)]
        made = [
            _modules(spec, linear(size, spec.width, members=members, bias=spec.use_bias), members)
            for spec, size in zip(layers, sizes, strict=False)
        ]
        self.input_size, self.output_size = sizes[0], sizes[-1]
        self.adds = [residual and into == out for into, out in zip(sizes, sizes[1:], strict=False)]
        flat = [module for modules in made for module in modules]
        self.layers = nn.Sequential(*([nn.Sequential(*modules) for modules in made] if any(self.adds) else flat))

    def forward(self, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """With the mask [B, T] of a sequence, the steps that it leaves out have no part in a norm's statistics."""
        if not any(self.adds):
            return _through(self.layers, values, mask)  # [..., output_size]
        for layer, adds in zip(self.layers, self.adds, strict=True):
            given = _through(layer, values, mask)
            values = given + values if adds else given
        return values  # [..., output_size]


def _through(layers: nn.Module, values: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        result: Tensor = layers(values)
        return result
    for module in layers.children():
        values = normalised(module, values, mask)
    return values


class BatchEnsembleStack(nn.Module):
    """Fully connected layers whose members share their weights: [B, H] -> [B, K, output_size].

    It has at least one layer.
    """

    def __init__(self, input_size: int, layers: Sequence[LayerSpec], members: int) -> None:
        super().__init__()
        sizes = [input_size, *(layer.output_size for layer in layers)]
        self.input_size, self.output_size = sizes[0], sizes[-1]
        modules: list[nn.Module] = []
        for place, (spec, size) in enumerate(zip(layers, sizes, strict=False)):
            modules += _modules(spec, BatchEnsembleLinear(members, size, spec.width, spec.use_bias, first=place == 0))
        self.layers = nn.Sequential(*modules)

    def forward(self, values: Tensor) -> Tensor:
        result: Tensor = self.layers(values)
        return result  # [B, K, output_size]
