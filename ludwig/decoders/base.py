"""The contract of a decoder: the combined signal becomes logits.

B = rows of the batch, T = steps, K = ensemble members, H = size of a vector, O = numbers to predict for a row
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from torch import Tensor, nn

from ludwig.nn.mlp import FullyConnectedStack
from ludwig.nn.prediction import Prediction
from ludwig.nn.signal import Form, Shape, Signal
from ludwig.schema import Component, Registry, param
from ludwig.schema.layers import FcOptions


class Decoder(Component, nn.Module):
    """A stack of fully connected layers, then the decoder's own head.

    A decoder of vectors gives only `head`. A decoder of sequences lists "sequence" in `takes` and overrides `forward`,
    where it finds the mask and the skips of the signal and, in training, the target for teacher forcing.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(FcOptions, Component.Config):
        takes: ClassVar[frozenset[Form]] = frozenset({"vector", "members"})
        reads_target: ClassVar[bool] = False  # also in evaluation: its logits are those of the target's tokens
        ends: ClassVar[bool] = False  # whether it generates sequences, whose targets have a token for their end
        labels_steps: ClassVar[bool] = False  # whether its target has a token for each step of an input
        needs_skips: ClassVar[bool] = False  # whether it reads maps of an encoder, past the combiner

        num_fc_layers: int = param(
            0,
            min=0,
            help="Number of fully connected layers before the head (the output layer), unless fc_layers lists them.",
        )
        fc_output_size: int = param(256, min=1, help="Output size of a fully connected layer.")

        @property
        def averages_probabilities(self) -> bool:
            """Whether logits are those of a mean of several softmaxes or sigmoids."""
            return False

        def faults(self) -> list[tuple[str, str]]:
            """(parameter, message) of options that do not go together."""
            return []

        def faults_of_skips(self, count: int) -> list[tuple[str, str]]:
            """(parameter, message) where the encoders of a config give so many skip maps, and it needs others."""
            if count or not self.needs_skips:
                return []
            return [("type", f"The decoder '{self.type}' reads the maps of an image encoder, and no input gives any.")]

    bounds = False  # whether `bounded` changes anything
    hidden_shape: Shape  # of the vectors that the head reads, which dependent outputs read as well

    def __init__(self, config: Config, shape: Shape, size: int) -> None:
        """`shape` of the signal that comes in, and how many numbers are predicted for a row (or a step)."""
        nn.Module.__init__(self)
        members = shape.count if shape.form == "members" else None
        self.fc_stack = FullyConnectedStack(shape.size, config.stack_of(config.num_fc_layers), members=members)
        self.members, self.size = members, size
        self.hidden_shape = dataclasses.replace(shape, size=self.fc_stack.output_size)

    def start(self) -> None:
        """Loads initial weights from files. Called once in a fresh run, never when a saved model is loaded."""

    def head(self, hidden: Tensor) -> Tensor:
        """[B, H] -> [B, O], or with members [B, K, H] -> [B, K, O]."""
        raise NotImplementedError

    def bounded(self, numbers: Tensor) -> Tensor:
        """The numbers of the head as the options bound them, in the column's own units: the same shape."""
        return numbers

    def forward(self, signal: Signal, target: Tensor | None = None) -> Prediction:
        """The logits of a batch; `target` is there in training, and where the decoder reads it in evaluation too."""
        hidden = self.fc_stack(signal.values, signal.mask)
        return Prediction(self.head(hidden), hidden, mask=signal.mask)


DECODERS: Registry[Decoder] = Registry("decoder")
