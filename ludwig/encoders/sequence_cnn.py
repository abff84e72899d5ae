"""Convolutions over sequences of tokens or numbers.

B = rows of the batch, T = steps, E = size of a step's vector, F = filters, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from torch import nn

from ludwig.columns.ragged import Padded
from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.encoders.sequence_base import ReduceOptions, SequenceEnd
from ludwig.encoders.sequence_options import ConvolutionOptions, ConvolutionOverrides
from ludwig.encoders.steps import EmbeddingOptions, SequenceOfValues, Steps, TokenSteps, ValueSteps
from ludwig.features.tokens import TokenFacts
from ludwig.nn.convolution import ConvolutionSpec, MaskedConv1d, side_by_side
from ludwig.nn.signal import Signal
from ludwig.schema import param
from ludwig.schema.groups import filled, stack_of
from ludwig.schema.layers import StackOptions

WIDTHS = (2, 3, 4, 5)  # of the convolutions where none are listed


class ParallelCnn(Encoder):
    """Convolutions of several kernel sizes side by side, then a reduction over the steps and fully connected layers.

    Takes token ids [B, T], or numbers [B, T] or [B, T, E]; gives a vector [B, H], or with `reduce_output: null` a
    sequence [B, T', H].

    Source: Kim 2014, "Convolutional Neural Networks for Sentence Classification", arXiv:1408.5882.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(ReduceOptions, ConvolutionOptions, StackOptions, Encoder.Config):
        conv_layers: list[ConvolutionOverrides] | None = param(
            None, help="Convolutions one by one, each with the options that it overrides; null for equal ones."
        )
        num_conv_layers: int | None = param(
            None, min=1, help="Number of equal convolutions; null for four of kernel sizes 2, 3, 4 and 5."
        )
        num_fc_layers: int | None = param(
            None, min=1, help="Number of fully connected layers, unless fc_layers lists them; null for one."
        )

        def convolutions(self) -> list[ConvolutionSpec]:
            """The convolutions, each with all its options."""
            like = filled(ConvolutionSpec, self)
            if self.conv_layers is None and self.num_conv_layers is None:
                return [dataclasses.replace(like, filter_size=width) for width in WIDTHS]
            return stack_of(like, self.conv_layers, self.num_conv_layers or 0)

        def faults(self) -> list[tuple[str, str]]:
            sizes = {(spec.pool_function, spec.pool_size) for spec in self.convolutions()}
            if len(sizes) != 1:
                return [("conv_layers", "Must list one convolution at least, and all must pool alike.")]
            return []

    def __init__(self, config: Config, steps: Steps) -> None:
        nn.Module.__init__(self)
        self.config, self.steps = config, steps
        convolutions = [MaskedConv1d(steps.output_size, spec) for spec in config.convolutions()]
        self.convolutions = nn.ModuleList(convolutions)
        filters = sum(convolution.output_size for convolution in convolutions)
        longest = convolutions[0].output_length(steps.longest)
        self.end = SequenceEnd(config.reduce_output, filters, longest, config.stack_of(config.num_fc_layers or 1))
        self.shape = self.end.shape

    def forward(self, column: Padded) -> Signal:
        values, mask = self.steps(column)  # [B, T, E], [B, T]
        signal: Signal = self.end(*side_by_side(self.convolutions, values, mask))  # from [B, T, sum of F]
        return signal


@ENCODERS.register("parallel_cnn", kinds=("text", "sequence"))
class TextParallelCnn(ParallelCnn):
    """Embedded tokens, convolutions of several kernel sizes over them side by side, then fully connected layers.

    Use it where short phrases decide, such as in sentiment or topics, and where training must be quick: a step costs
    far less than that of an RNN, since all tokens are computed at once. It sees no order beyond its kernels.

    Takes token ids [B, T]; gives a vector [B, H], or with `reduce_output: null` a sequence [B, T', H].

    Source: Kim 2014, "Convolutional Neural Networks for Sentence Classification", arXiv:1408.5882.

    ```yaml
    name: review
    type: text
    encoder:
      type: parallel_cnn
      embedding_size: 128
      conv_layers:
        - filter_size: 2
        - filter_size: 5
          num_filters: 64
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(EmbeddingOptions, ParallelCnn.Config):
        pass

    steps: TokenSteps

    def __init__(self, config: Config, facts: Sequence[TokenFacts]) -> None:
        super().__init__(config, TokenSteps(config, facts[0]))

    def start(self, facts: Sequence[TokenFacts]) -> None:
        self.steps.start(facts[0])


@ENCODERS.register("parallel_cnn", kinds=("timeseries", "audio", "combined"))
class SeriesParallelCnn(ParallelCnn):
    """Convolutions of several kernel sizes side by side over the numbers of a series or the features of audio,
    then fully connected layers.

    Use it where short patterns decide, wherever in the series they stand. A step is quick, since all steps of the
    series are computed at once; for dependencies longer than a kernel use `rnn`.

    Takes numbers [B, T] or vectors [B, T, E]; gives a vector [B, H], or with `reduce_output: null` a sequence [B, T',
    H].

    Source: Kim 2014, "Convolutional Neural Networks for Sentence Classification", arXiv:1408.5882.

    ```yaml
    name: pulse
    type: timeseries
    encoder:
      type: parallel_cnn
      num_filters: 64
      pool_size: 2
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(ParallelCnn.Config):
        pass

    def __init__(self, config: Config, facts: Sequence[SequenceOfValues]) -> None:
        super().__init__(config, ValueSteps(facts[0]))
