"""Convolutions and then recurrent layers over sequences of tokens or numbers.

B = rows of the batch, T = steps, E = size of a step's vector, F = filters, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from torch import nn

from ludwig.columns.ragged import Padded
from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.encoders.sequence_base import ReduceOptions, SequenceEnd
from ludwig.encoders.sequence_options import FilterOptions, RecurrentOptions, StridedOverrides, StrideOptions
from ludwig.encoders.steps import EmbeddingOptions, SequenceOfValues, Steps, TokenSteps, ValueSteps
from ludwig.features.tokens import TokenFacts
from ludwig.nn.activation import ActivationName
from ludwig.nn.convolution import ConvolutionSpec, StackedConvolutions
from ludwig.nn.recurrent import Recurrent, RecurrentSpec
from ludwig.nn.signal import Signal
from ludwig.schema import param
from ludwig.schema.groups import filled, stack_of
from ludwig.schema.layers import FcActivationOptions, FullyConnectedOptions


class CnnRnn(Encoder):
    """Convolutions, then recurrent layers over what they give, a reduction over the steps and fully connected layers.

    Takes token ids or numbers [B, T]; gives a vector [B, H], or with `reduce_output: null` a sequence [B, T', H].

    Source: Zhou et al. 2015, "A C-LSTM Neural Network for Text Classification", arXiv:1511.08630.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(
        RecurrentOptions,
        ReduceOptions,
        StrideOptions,
        FilterOptions,
        FcActivationOptions,
        FullyConnectedOptions,
        Encoder.Config,
    ):
        conv_layers: list[StridedOverrides] | None = param(
            None, help="Convolutions one by one, each with the options that it overrides; null for equal ones."
        )
        num_conv_layers: int | None = param(None, min=1, help="Number of equal convolutions; null for one.")
        filter_size: int = param(
            5, min=1, help="Kernel size: how many steps a filter spans. Raise it for longer patterns."
        )
        conv_activation: ActivationName | None = param(
            "relu", help="Activation function of the convolutions; null for none."
        )
        conv_dropout: float = param(
            0.0, min=0, max=1, help="Dropout rate of the convolutions' outputs. Raise it against overfitting."
        )
        num_rec_layers: int = param(1, min=1, help="Number of stacked recurrent layers.")

        def convolutions(self) -> list[ConvolutionSpec]:
            """The convolutions, each with all its options."""
            like = filled(ConvolutionSpec, self, "conv_")
            return stack_of(like, self.conv_layers, self.num_conv_layers or 1)

        def recurrent(self) -> RecurrentSpec:
            """The recurrent layers."""
            return dataclasses.replace(filled(RecurrentSpec, self), num_layers=self.num_rec_layers)

        def faults(self) -> list[tuple[str, str]]:
            return [] if self.convolutions() else [("conv_layers", "Must list at least one convolution.")]

    def __init__(self, config: Config, steps: Steps) -> None:
        nn.Module.__init__(self)
        self.config, self.steps = config, steps
        self.convolutions = StackedConvolutions(steps.output_size, config.convolutions())
        self.recurrent = Recurrent(self.convolutions.output_size, config.recurrent())
        longest = self.convolutions.output_length(steps.longest)
        self.end = SequenceEnd(config.reduce_output, self.recurrent.output_size, longest, config.stack())
        self.takes_last = config.reduce_output == "last"
        self.shape = self.end.shape

    def forward(self, column: Padded) -> Signal:
        values, mask = self.steps(column)  # [B, T, E], [B, T]
        values, mask = self.convolutions(values, mask)  # [B, T', F], [B, T']
        states, last = self.recurrent(values, mask)  # [B, T', H], [B, H]
        if self.takes_last:  # of each direction its own end
            return Signal.vector(self.end.stack(last))
        signal: Signal = self.end(states, mask)
        return signal


@ENCODERS.register("cnnrnn", kinds=("text", "sequence"))
class TextCnnRnn(CnnRnn):
    """Embedded tokens, convolutions that find short phrases, then recurrent layers that read these in order.

    Use it where phrases and their order decide. With strides or pooling the recurrent layers have fewer steps to go
    through, so that it is quicker than `rnn` on long texts.

    Takes token ids [B, T]; gives a vector [B, H], or with `reduce_output: null` a sequence [B, T', H].

    Source: Zhou et al. 2015, "A C-LSTM Neural Network for Text Classification", arXiv:1511.08630.

    ```yaml
    name: review
    type: text
    encoder:
      type: cnnrnn
      cell_type: lstm
      num_filters: 128
      pool_size: 2
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(EmbeddingOptions, CnnRnn.Config):
        pass

    steps: TokenSteps

    def __init__(self, config: Config, facts: Sequence[TokenFacts]) -> None:
        super().__init__(config, TokenSteps(config, facts[0]))

    def start(self, facts: Sequence[TokenFacts]) -> None:
        self.steps.start(facts[0])


@ENCODERS.register("cnnrnn", kinds=("timeseries", "audio", "combined"))
class ValuesCnnRnn(CnnRnn):
    """Convolutions that find short patterns in a series, then recurrent layers that read these in order.

    Use it for long series: with strides or pooling the recurrent layers have fewer steps to go through, so that it is
    quicker than `rnn`, and remembers further back.

    Takes numbers [B, T] or vectors [B, T, E]; gives a vector [B, H], or with `reduce_output: null` a sequence [B, T',
    H].

    Source: Zhou et al. 2015, "A C-LSTM Neural Network for Text Classification", arXiv:1511.08630.

    ```yaml
    name: load
    type: timeseries
    encoder:
      type: cnnrnn
      cell_type: gru
      num_filters: 64
      strides: 2
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(CnnRnn.Config):
        pass

    def __init__(self, config: Config, facts: Sequence[SequenceOfValues]) -> None:
        super().__init__(config, ValueSteps(facts[0]))
