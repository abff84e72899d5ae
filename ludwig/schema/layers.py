"""The options of a stack of fully connected layers, shared by all components that hold one."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

from ludwig.nn.activation import ActivationName
from ludwig.nn.initializer import InitializerSpec
from ludwig.nn.mlp import LayerSpec
from ludwig.schema.params import param


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayerOptions:
    """One entry of `fc_layers`: what differs from the other layers of the stack."""

    output_size: int | None = param(None, min=1, help="Size of the layer.")
    use_bias: bool | None = param(None, help="Whether the layer has a bias.")
    weights_initializer: InitializerSpec | None = param(None, help="How the weights start.")
    bias_initializer: InitializerSpec | None = param(None, help="How the biases start.")
    norm: Literal["batch", "layer", "ghost"] | None = param(None, help="Normalisation after the linear map.")
    norm_params: dict[str, float] | None = param(None, help="Arguments of the normalisation.")
    activation: ActivationName | None = param(None, help="Nonlinearity of the layer.")
    dropout: float | None = param(None, min=0, max=1, help="Share of the units that is dropped in training.")


def stack_of(like: LayerSpec, layers: list[LayerOptions] | None, count: int) -> list[LayerSpec]:
    """The layers one by one where they are listed, else `count` equal ones."""
    if layers is None:
        return [like] * count
    return [dataclasses.replace(like, **_said(layer)) for layer in layers]


def _said(layer: LayerOptions) -> dict[str, Any]:
    options = {field.name: getattr(layer, field.name) for field in dataclasses.fields(layer)}
    return {name: value for name, value in options.items() if value is not None}


@dataclasses.dataclass(frozen=True, kw_only=True)
class StackOptions:
    """The layers of a stack; how many there are says whoever inherits this."""

    fc_layers: list[LayerOptions] | None = param(None, help="The fully connected layers one by one.")
    output_size: int = param(256, min=1, help="Size of a fully connected layer.")
    use_bias: bool = param(True, help="Whether a layer has a bias.")
    weights_initializer: InitializerSpec = param("xavier_uniform", help="How the weights start.")
    bias_initializer: InitializerSpec = param("zeros", help="How the biases start.")
    norm: Literal["batch", "layer", "ghost"] | None = param(None, help="Normalisation after a linear map.")
    norm_params: dict[str, float] | None = param(None, help="Arguments of the normalisation.")
    activation: ActivationName | None = param("relu", help="Nonlinearity of a layer.")
    dropout: float = param(0.0, min=0, max=1, help="Share of the units that is dropped in training.")

    @property
    def layer(self) -> LayerSpec:
        """A layer as these options say."""
        return LayerSpec(
            output_size=self.output_size,
            use_bias=self.use_bias,
            weights_initializer=self.weights_initializer,
            bias_initializer=self.bias_initializer,
            norm=self.norm,
            norm_params=self.norm_params,
            activation=self.activation,
            dropout=self.dropout,
        )

    def stack_of(self, count: int) -> list[LayerSpec]:
        """All layers, each with all its options."""
        return stack_of(self.layer, self.fc_layers, count)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FullyConnectedOptions(StackOptions):
    """The stack after a combiner or an encoder."""

    num_fc_layers: int = param(0, min=0, help="How many fully connected layers there are, unless they are listed.")

    def stack(self) -> list[LayerSpec]:
        """All layers, each with all its options."""
        return self.stack_of(self.num_fc_layers)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FcOptions:
    """The layers beside something else: their options begin with `fc_`."""

    fc_layers: list[LayerOptions] | None = param(None, help="The fully connected layers one by one.")
    fc_use_bias: bool = param(True, help="Whether these layers have a bias.")
    fc_weights_initializer: InitializerSpec | None = param("xavier_uniform", help="How their weights start.")
    fc_bias_initializer: InitializerSpec | None = param("zeros", help="How their biases start.")
    fc_norm: Literal["batch", "layer", "ghost"] | None = param(None, help="Their normalisation.")
    fc_norm_params: dict[str, float] | None = param(None, help="Arguments of the normalisation.")
    fc_activation: ActivationName | None = param("relu", help="Their nonlinearity.")
    fc_dropout: float = param(0.0, min=0, max=1, help="Share of their units that is dropped in training.")

    def fc_stack(self, size: int, count: int) -> list[LayerSpec]:
        """`count` layers of that size, or those that are listed, each with all its options."""
        like = LayerSpec(
            output_size=size,
            use_bias=self.fc_use_bias,
            weights_initializer=self.fc_weights_initializer or "xavier_uniform",
            bias_initializer=self.fc_bias_initializer or "zeros",
            norm=self.fc_norm,
            norm_params=self.fc_norm_params,
            activation=self.fc_activation,
            dropout=self.fc_dropout,
        )
        return stack_of(like, self.fc_layers, count)
