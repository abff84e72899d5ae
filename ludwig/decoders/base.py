"""The contract of a decoder: a vector becomes logits.

B = rows of the batch, K = ensemble members, H = size of the vector, O = numbers to predict for a row
"""

from __future__ import annotations

import dataclasses

from torch import Tensor, nn

from ludwig.nn.mlp import FullyConnectedStack
from ludwig.nn.prediction import Prediction
from ludwig.nn.signal import Shape
from ludwig.schema import Component, Registry, param
from ludwig.schema.layers import FcOptions


class Decoder(Component, nn.Module):
    """A stack of fully connected layers, then the decoder's own head. Members each have their own weights."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(FcOptions, Component.Config):
        num_fc_layers: int = param(
            0, min=0, help="Number of fully connected layers before the head, unless fc_layers lists them."
        )
        fc_output_size: int = param(256, min=1, help="Output size of a fully connected layer.")

    def __init__(self, config: Config, shape: Shape, size: int) -> None:
        """`shape` of the signal that comes in (a vector or members) and the numbers to predict for a row."""
        nn.Module.__init__(self)
        members = shape.count if shape.form == "members" else None
        self.fc_stack = FullyConnectedStack(shape.size, config.stack_of(config.num_fc_layers), members=members)
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
