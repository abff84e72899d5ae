"""Recurrent layers over sequences of tokens or numbers.

B = rows of the batch, T = steps, E = size of a step's vector, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

from torch import nn

from ludwig.columns.ragged import Padded
from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.encoders.sequence_base import SequenceEnd, form_after
from ludwig.encoders.steps import EmbeddingOptions, NumberSteps, Steps, TokenSteps
from ludwig.features.text import TextFacts
from ludwig.features.timeseries import SeriesFacts
from ludwig.nn.activation import ActivationName
from ludwig.nn.initializer import InitializerSpec
from ludwig.nn.mlp import LayerSpec
from ludwig.nn.recurrent import Recurrent
from ludwig.nn.reduce import ReductionName
from ludwig.nn.signal import Form, Signal
from ludwig.schema import param
from ludwig.schema.layers import LayerOptions, stack_of


class Rnn(Encoder):
    """Stacked recurrent layers: Elman 1990, LSTM (Hochreiter & Schmidhuber 1997) or GRU (Cho et al. 2014)."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Encoder.Config):
        cell_type: Literal["rnn", "lstm", "gru"] = param("rnn", help="What a step does with the state.")
        state_size: int = param(256, min=1, help="Size of the state.")
        num_layers: int = param(1, min=1, help="How many layers are stacked.")
        bidirectional: bool = param(False, help="Whether the sequence is read from both ends.")
        activation: ActivationName | None = param("tanh", help="Nonlinearity of the state.")
        recurrent_activation: ActivationName | None = param("sigmoid", help="Nonlinearity of the gates.")
        unit_forget_bias: bool = param(True, help="Whether an LSTM's forget gate starts open.")
        use_bias: bool = param(True, help="Whether layers have a bias.")
        weights_initializer: InitializerSpec = param("xavier_uniform", help="How weights start.")
        recurrent_initializer: InitializerSpec = param("orthogonal", help="How the weights of the state start.")
        bias_initializer: InitializerSpec = param("zeros", help="How biases start.")
        dropout: float = param(0.0, min=0, max=1, help="Share of what comes into a layer that is dropped.")
        recurrent_dropout: float = param(0.0, min=0, max=1, help="Share of the state that is dropped between steps.")
        reduce_output: ReductionName | None = param("last", help="How the steps become one vector; null keeps them.")
        fc_layers: list[LayerOptions] | None = param(None, help="The fully connected layers at the end one by one.")
        num_fc_layers: int = param(0, min=0, help="How many fully connected layers stand at the end.")
        output_size: int = param(256, min=1, help="Size of these layers.")
        norm: Literal["batch", "layer", "ghost"] | None = param(None, help="Their normalisation.")
        norm_params: dict[str, float] | None = param(None, help="Arguments of the normalisation.")
        fc_activation: ActivationName | None = param("relu", help="Their nonlinearity.")
        fc_dropout: float = param(0.0, min=0, max=1, help="Share of their units that is dropped in training.")

        def form(self) -> Form:
            return form_after(self.reduce_output)

        def stack(self) -> list[LayerSpec]:
            """The layers at the end, each with all its options."""
            like = LayerSpec(
                output_size=self.output_size,
                use_bias=self.use_bias,
                weights_initializer=self.weights_initializer,
                bias_initializer=self.bias_initializer,
                norm=self.norm,
                norm_params=self.norm_params,
                activation=self.fc_activation,
                dropout=self.fc_dropout,
            )
            return stack_of(like, self.fc_layers, self.num_fc_layers)

    def __init__(self, config: Config, steps: Steps) -> None:
        nn.Module.__init__(self)
        self.config, self.steps = config, steps
        self.recurrent = Recurrent(
            steps.output_size,
            config.state_size,
            config.cell_type,
            num_layers=config.num_layers,
            bidirectional=config.bidirectional,
            dropout=config.dropout,
            recurrent_dropout=config.recurrent_dropout,
            activation=config.activation,
            recurrent_activation=config.recurrent_activation,
            use_bias=config.use_bias,
            unit_forget_bias=config.unit_forget_bias,
            weights_initializer=config.weights_initializer,
            recurrent_initializer=config.recurrent_initializer,
            bias_initializer=config.bias_initializer,
        )
        self.end = SequenceEnd(config.reduce_output, self.recurrent.output_size, steps.longest, config.stack())
        self.takes_last = config.reduce_output == "last"
        self.shape = self.end.shape

    def forward(self, column: Padded) -> Signal:
        values, mask = self.steps(column)  # [B, T, E], [B, T]
        states, last = self.recurrent(values, mask)  # [B, T, H], [B, H]
        if self.takes_last:  # of each direction its own end
            return Signal.vector(self.end.stack(last))
        signal: Signal = self.end(states, mask)
        return signal


@ENCODERS.register("rnn", kinds=("text",))
class TextRnn(Rnn):
    """Recurrent layers over embedded tokens."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(EmbeddingOptions, Rnn.Config):
        pass

    steps: TokenSteps

    def __init__(self, config: Config, facts: Sequence[TextFacts]) -> None:
        super().__init__(config, TokenSteps(config, facts[0]))

    def start(self, facts: Sequence[TextFacts]) -> None:
        self.steps.start(facts[0])


@ENCODERS.register("rnn", kinds=("timeseries",))
class SeriesRnn(Rnn):
    """Recurrent layers over numbers."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Rnn.Config):
        pass

    def __init__(self, config: Config, facts: Sequence[SeriesFacts]) -> None:
        super().__init__(config, NumberSteps(facts[0].longest))
