"""The contract of a decoder: a vector becomes logits.

B = rows of the batch, K = ensemble members, H = size of the vector, O = numbers to predict for a row
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from torch import Tensor, nn

from ludwig.nn.activation import ActivationName
from ludwig.nn.initializer import InitializerSpec
from ludwig.nn.mlp import FullyConnectedStack, LayerSpec
from ludwig.nn.prediction import Prediction
from ludwig.nn.signal import Shape
from ludwig.schema import Component, Registry, param
from ludwig.schema.layers import LayerKnobs, stack_of


class Decoder(Component, nn.Module):
    """A stack of fully connected layers, then the decoder's own head. Members each have their own weights."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Component.Config):
        fc_layers: list[LayerKnobs] | None = param(None, help="The layers before the head one by one.")
        num_fc_layers: int = param(0, min=0, help="How many fully connected layers stand before the head.")
        fc_output_size: int = param(256, min=1, help="Size of these layers.")
        fc_use_bias: bool = param(True, help="Whether these layers have a bias.")
        fc_weights_initializer: InitializerSpec | None = param("xavier_uniform", help="How their weights start.")
        fc_bias_initializer: InitializerSpec | None = param("zeros", help="How their biases start.")
        fc_norm: Literal["batch", "layer", "ghost"] | None = param(None, help="Their normalisation.")
        fc_norm_params: dict[str, float] | None = param(None, help="Arguments of the normalisation.")
        fc_activation: ActivationName | None = param("relu", help="Their nonlinearity.")
        fc_dropout: float = param(0.0, min=0, max=1, help="Share of their units that is dropped in training.")

        def stack(self) -> list[LayerSpec]:
            """The layers before the head, each with all its knobs."""
            like = LayerSpec(
                output_size=self.fc_output_size,
                use_bias=self.fc_use_bias,
                weights_initializer=self.fc_weights_initializer or "xavier_uniform",
                bias_initializer=self.fc_bias_initializer or "zeros",
                norm=self.fc_norm,
                norm_params=self.fc_norm_params,
                activation=self.fc_activation,
                dropout=self.fc_dropout,
            )
            return stack_of(like, self.fc_layers, self.num_fc_layers)

    def __init__(self, config: Config, shape: Shape, size: int) -> None:
        """`shape` of the signal that comes in (a vector or members) and the numbers to predict for a row."""
        nn.Module.__init__(self)
        members = shape.count if shape.form == "members" else None
        self.fc_stack = FullyConnectedStack(shape.size, config.stack(), members=members)
        self.members, self.size = members, size

    @property
    def hidden_size(self) -> int:
        """The width of the vector that the head reads, which dependent outputs read as well."""
        return self.fc_stack.output_size

    def head(self, hidden: Tensor) -> Tensor:
        """[B, H] -> [B, O], or with members [B, K, H] -> [B, K, O]."""
        raise NotImplementedError

    def forward(self, combined: Tensor) -> Prediction:
        hidden = self.fc_stack(combined)
        return Prediction(self.head(hidden), hidden)


DECODERS: Registry[Decoder] = Registry("decoder")
