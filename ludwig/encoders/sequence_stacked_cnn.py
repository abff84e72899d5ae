"""Deep convolutions over sequences of tokens or numbers: one layer after the other, or blocks of parallel ones.

B = rows of the batch, T = steps, E = size of a step's vector, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from torch import nn

from ludwig.columns.ragged import Padded
from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.encoders.sequence_base import ReduceOptions, SequenceEnd
from ludwig.encoders.sequence_options import (
    ConvolutionOptions,
    ConvolutionOverrides,
    StridedOptions,
    StridedOverrides,
)
from ludwig.encoders.steps import EmbeddingOptions, SequenceOfValues, Steps, TokenSteps, ValueSteps
from ludwig.features.tokens import TokenFacts
from ludwig.nn.convolution import ConvolutionSpec, ParallelConvolutions, StackedConvolutions
from ludwig.nn.signal import Signal
from ludwig.schema import param
from ludwig.schema.groups import filled, stack_of
from ludwig.schema.layers import StackOptions

WIDE = 7  # kernel size of the first two convolutions where none are listed
POOLED = 3  # pooling after the first two convolutions and the last one where none are listed
BESIDE = (-1, 0, 1, 2)  # kernel sizes of a parallel block, from the one that is asked for
BLOCKS = 2  # parallel blocks where neither their number nor a list is given


class StackedCnn(Encoder):
    """Convolutions one after the other with pooling, then a reduction over the steps and fully connected layers.

    Takes token ids or numbers [B, T]; gives a vector [B, H], or with `reduce_output: null` a sequence [B, T', H].

    Source: Zhang, Zhao & LeCun 2015, "Character-level Convolutional Networks for Text Classification",
    arXiv:1509.01626, table 1.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(ReduceOptions, StridedOptions, StackOptions, Encoder.Config):
        conv_layers: list[StridedOverrides] | None = param(
            None, help="Convolutions one by one, each with the options that it overrides; null for equal ones."
        )
        num_conv_layers: int | None = param(
            None,
            min=1,
            help="Number of equal convolutions; null for six, of which the first two have kernel size 7, and the "
            "first two and the last pool three steps.",
        )
        num_fc_layers: int | None = param(
            None, min=1, help="Number of fully connected layers, unless fc_layers lists them; null for one."
        )

        def convolutions(self) -> list[ConvolutionSpec]:
            """The convolutions, each with all its options."""
            like = filled(ConvolutionSpec, self)
            if self.conv_layers is None and self.num_conv_layers is None:
                pooled = dataclasses.replace(like, pool_size=self.pool_size or POOLED)
                wide = dataclasses.replace(pooled, filter_size=max(WIDE, self.filter_size))
                return [wide, wide, like, like, like, pooled]
            return stack_of(like, self.conv_layers, self.num_conv_layers or 0)

        def faults(self) -> list[tuple[str, str]]:
            return [] if self.convolutions() else [("conv_layers", "Must list at least one convolution.")]

    def __init__(self, config: Config, steps: Steps) -> None:
        nn.Module.__init__(self)
        self.config, self.steps = config, steps
        self.convolutions = StackedConvolutions(steps.output_size, config.convolutions())
        longest = self.convolutions.output_length(steps.longest)
        layers = config.stack_of(config.num_fc_layers or 1)
        self.end = SequenceEnd(config.reduce_output, self.convolutions.output_size, longest, layers)
        self.shape = self.end.shape

    def forward(self, column: Padded) -> Signal:
        values, mask = self.steps(column)  # [B, T, E], [B, T]
        signal: Signal = self.end(*self.convolutions(values, mask))
        return signal


@ENCODERS.register("stacked_cnn", kinds=("text", "sequence"))
class TextStackedCnn(StackedCnn):
    """Embedded tokens, then convolutions one after the other with pooling between them, and fully connected layers.

    Use it for long inputs such as characters, where pooling lets the later layers see far: a step costs less than that
    of an RNN. For short texts `parallel_cnn` is quicker and needs less data.

    Takes token ids [B, T]; gives a vector [B, H], or with `reduce_output: null` a sequence [B, T', H].

    Source: Zhang, Zhao & LeCun 2015, "Character-level Convolutional Networks for Text Classification",
    arXiv:1509.01626, table 1.

    ```yaml
    name: review
    type: text
    preprocessing:
      tokenizer: characters
    encoder:
      type: stacked_cnn
      conv_layers:
        - filter_size: 7
          pool_size: 3
        - filter_size: 3
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(EmbeddingOptions, StackedCnn.Config):
        pass

    steps: TokenSteps

    def __init__(self, config: Config, facts: Sequence[TokenFacts]) -> None:
        super().__init__(config, TokenSteps(config, facts[0]))

    def start(self, facts: Sequence[TokenFacts]) -> None:
        self.steps.start(facts[0])


@ENCODERS.register("stacked_cnn", kinds=("timeseries", "audio", "combined"))
class ValuesStackedCnn(StackedCnn):
    """Convolutions over the steps of a series one after the other, with pooling between them, and fully connected
    layers.

    Use it for long series: pooling lets the later layers see far, and a step costs less than that of an RNN. For short
    patterns `parallel_cnn` is quicker.

    Takes numbers [B, T] or vectors [B, T, E]; gives a vector [B, H], or with `reduce_output: null` a sequence [B, T',
    H].

    Source: Zhang, Zhao & LeCun 2015, "Character-level Convolutional Networks for Text Classification",
    arXiv:1509.01626, table 1.

    ```yaml
    name: pulse
    type: timeseries
    encoder:
      type: stacked_cnn
      num_conv_layers: 3
      num_filters: 64
      pool_size: 2
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(StackedCnn.Config):
        pass

    def __init__(self, config: Config, facts: Sequence[SequenceOfValues]) -> None:
        super().__init__(config, ValueSteps(facts[0]))


class StackedParallelCnn(Encoder):
    """Blocks one after the other, each of convolutions of several kernel sizes side by side; then a reduction over the
    steps and fully connected layers.

    Takes token ids or numbers [B, T]; gives a vector [B, H], or with `reduce_output: null` a sequence [B, T', H].

    Source: Szegedy et al. 2014, "Going Deeper with Convolutions", arXiv:1409.4842, section 4, over sequences and
    without its projections.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(ReduceOptions, ConvolutionOptions, StackOptions, Encoder.Config):
        filter_size: int = param(
            3,
            min=1,
            help="Kernel size: a block has four convolutions whose kernels are one step shorter than this, equal, one "
            "and two steps longer.",
        )
        num_stacked_layers: int | None = param(None, min=1, help="Number of equal blocks; null for two.")
        stacked_layers: list[ConvolutionOverrides | list[ConvolutionOverrides]] | None = param(
            None,
            help="Blocks one by one: the options that all convolutions of a block override, or a list of its "
            "convolutions; null for equal blocks.",
        )
        num_fc_layers: int | None = param(
            None, min=1, help="Number of fully connected layers, unless fc_layers lists them; null for one."
        )

        def blocks(self) -> list[list[ConvolutionSpec]]:
            """The convolutions of each block, each with all its options."""
            like = filled(ConvolutionSpec, self)
            if self.stacked_layers is None:
                return [_beside(like)] * (self.num_stacked_layers or BLOCKS)
            return [
                stack_of(like, block, 0) if isinstance(block, list) else _beside(block.over(like))
                for block in self.stacked_layers
            ]

        def faults(self) -> list[tuple[str, str]]:
            blocks = self.blocks()
            if not blocks or any(len({(spec.pool_function, spec.pool_size) for spec in each}) != 1 for each in blocks):
                text = "Must list one block at least, and in each one convolution at least, all of which pool alike."
                return [("stacked_layers", text)]
            return []

    def __init__(self, config: Config, steps: Steps) -> None:
        nn.Module.__init__(self)
        self.config, self.steps, self.blocks = config, steps, nn.ModuleList()
        size, longest = steps.output_size, steps.longest
        for specs in config.blocks():
            block = ParallelConvolutions(size, specs)
            self.blocks.append(block)
            size, longest = block.output_size, block.output_length(longest)
        self.end = SequenceEnd(config.reduce_output, size, longest, config.stack_of(config.num_fc_layers or 1))
        self.shape = self.end.shape

    def forward(self, column: Padded) -> Signal:
        values, mask = self.steps(column)  # [B, T, E], [B, T]
        for block in self.blocks:
            values, mask = block(values, mask)
        signal: Signal = self.end(values, mask)
        return signal


def _beside(like: ConvolutionSpec) -> list[ConvolutionSpec]:
    """The convolutions of a block, of kernel sizes around the one that is asked for."""
    return [dataclasses.replace(like, filter_size=max(like.filter_size + more, 1)) for more in BESIDE]


@ENCODERS.register("stacked_parallel_cnn", kinds=("text", "sequence"))
class TextStackedParallelCnn(StackedParallelCnn):
    """Embedded tokens, then blocks of convolutions of several kernel sizes side by side, and fully connected layers.

    Use it where phrases of several lengths decide and so does which of them stand near each other. A further block
    costs four times as many weights as a convolution of `4 * num_filters` inputs has; `parallel_cnn` is one block.

    Takes token ids [B, T]; gives a vector [B, H], or with `reduce_output: null` a sequence [B, T', H].

    Source: Szegedy et al. 2014, "Going Deeper with Convolutions", arXiv:1409.4842, section 4, over sequences and
    without its projections.

    ```yaml
    name: review
    type: text
    encoder:
      type: stacked_parallel_cnn
      num_filters: 64
      stacked_layers:
        - pool_size: 2
        - - filter_size: 2
          - filter_size: 5
            num_filters: 32
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(EmbeddingOptions, StackedParallelCnn.Config):
        pass

    steps: TokenSteps

    def __init__(self, config: Config, facts: Sequence[TokenFacts]) -> None:
        super().__init__(config, TokenSteps(config, facts[0]))

    def start(self, facts: Sequence[TokenFacts]) -> None:
        self.steps.start(facts[0])


@ENCODERS.register("stacked_parallel_cnn", kinds=("timeseries", "audio", "combined"))
class ValuesStackedParallelCnn(StackedParallelCnn):
    """Blocks of convolutions of several kernel sizes side by side over the steps of a series, and fully connected
    layers.

    Use it where patterns of several lengths decide and so does which of them stand near each other. A further block
    costs four times as many weights as a convolution of `4 * num_filters` inputs has; `parallel_cnn` is one block.

    Takes numbers [B, T] or vectors [B, T, E]; gives a vector [B, H], or with `reduce_output: null` a sequence [B, T',
    H].

    Source: Szegedy et al. 2014, "Going Deeper with Convolutions", arXiv:1409.4842, section 4, over sequences and
    without its projections.

    ```yaml
    name: pulse
    type: timeseries
    encoder:
      type: stacked_parallel_cnn
      num_stacked_layers: 3
      num_filters: 32
      pool_size: 2
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(StackedParallelCnn.Config):
        pass

    def __init__(self, config: Config, facts: Sequence[SequenceOfValues]) -> None:
        super().__init__(config, ValueSteps(facts[0]))
