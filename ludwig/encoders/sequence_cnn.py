"""Convolutions over sequences of tokens or numbers.

B = rows of the batch, T = steps, E = size of a step's vector, F = filters, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import nn

from ludwig.columns.ragged import Padded
from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.encoders.sequence_base import SequenceEnd, form_after
from ludwig.encoders.steps import EmbeddingOptions, NumberSteps, Steps, TokenSteps
from ludwig.features.text import TextFacts
from ludwig.features.timeseries import SeriesFacts
from ludwig.nn.activation import ActivationName
from ludwig.nn.convolution import ConvolutionSpec, MaskedConv1d
from ludwig.nn.reduce import ReductionName
from ludwig.nn.signal import Form, Signal
from ludwig.schema import param
from ludwig.schema.layers import StackOptions

WIDTHS = (2, 3, 4, 5)  # of the convolutions where none are listed


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConvolutionOptions:
    """One entry of `conv_layers`: what differs from the other convolutions."""

    num_filters: int | None = param(None, min=1, help="How many filters it has.")
    filter_size: int | None = param(None, min=1, help="Over how many steps it reaches.")
    norm: Literal["batch", "layer"] | None = param(None, help="Normalisation after it.")
    activation: ActivationName | None = param(None, help="Nonlinearity after it.")
    dropout: float | None = param(None, min=0, max=1, help="Share of the numbers that is dropped in training.")
    pool_function: ReductionName | None = param(None, help="How steps are pooled.")
    pool_size: int | None = param(None, min=1, help="How many steps are pooled.")

    def over(self, like: ConvolutionSpec) -> ConvolutionSpec:
        """The convolution with these differences."""
        said: dict[str, Any] = {
            field.name: value for field in dataclasses.fields(self) if (value := getattr(self, field.name)) is not None
        }
        return dataclasses.replace(like, **said)


class ParallelCnn(Encoder):
    """Convolutions of several widths side by side, so that the steps see neighbourhoods of several sizes.

    Source: Kim 2014, "Convolutional Neural Networks for Sentence Classification", arXiv:1408.5882.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(StackOptions, Encoder.Config):
        conv_layers: list[ConvolutionOptions] | None = param(None, help="The convolutions one by one.")
        num_conv_layers: int | None = param(None, min=1, help="How many equal convolutions; null for widths 2 to 5.")
        num_filters: int = param(256, min=1, help="How many filters a convolution has.")
        filter_size: int = param(3, min=1, help="Over how many steps a convolution reaches.")
        pool_function: ReductionName | None = param("max", help="How steps are pooled.")
        pool_size: int | None = param(None, min=1, help="How many steps are pooled; null for none.")
        num_fc_layers: int | None = param(None, min=1, help="Fully connected layers at the end; null for one.")
        reduce_output: ReductionName | None = param("sum", help="How the steps become one vector; null keeps them.")

        def form(self) -> Form:
            return form_after(self.reduce_output)

        def convolutions(self) -> list[ConvolutionSpec]:
            """The convolutions, each with all its options."""
            like = ConvolutionSpec(
                num_filters=self.num_filters,
                filter_size=self.filter_size,
                use_bias=self.use_bias,
                weights_initializer=self.weights_initializer,
                bias_initializer=self.bias_initializer,
                norm=self.norm,
                norm_params=self.norm_params,
                activation=self.activation,
                dropout=self.dropout,
                pool_function=self.pool_function,
                pool_size=self.pool_size,
            )
            if self.conv_layers is not None:
                return [layer.over(like) for layer in self.conv_layers]
            if self.num_conv_layers is not None:
                return [like] * self.num_conv_layers
            return [dataclasses.replace(like, filter_size=width) for width in WIDTHS]

        def faults(self) -> list[tuple[str, str]]:
            sizes = {(spec.pool_function, spec.pool_size) for spec in self.convolutions()}
            if len(sizes) != 1:
                return [("conv_layers", "Must list one convolution at least, and all must pool alike.")]
            return []

    def __init__(self, config: Config, steps: Steps) -> None:
        nn.Module.__init__(self)
        self.config, self.steps = config, steps
        self.convolutions = nn.ModuleList(MaskedConv1d(steps.output_size, spec) for spec in config.convolutions())
        filters = sum(convolution.output_size for convolution in self.convolutions)  # type: ignore[misc]
        longest: int = self.convolutions[0].output_length(steps.longest)  # type: ignore[operator]
        self.end = SequenceEnd(config.reduce_output, filters, longest, config.stack_of(config.num_fc_layers or 1))
        self.shape = self.end.shape

    def forward(self, column: Padded) -> Signal:
        values, mask = self.steps(column)  # [B, T, E], [B, T]
        sides = [convolution(values, mask) for convolution in self.convolutions]
        signal: Signal = self.end(torch.cat([side for side, _ in sides], dim=-1), sides[0][1])  # from [B, T, sum of F]
        return signal


@ENCODERS.register("parallel_cnn", kinds=("text",))
class TextParallelCnn(ParallelCnn):
    """Parallel convolutions over embedded tokens."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(EmbeddingOptions, ParallelCnn.Config):
        pass

    steps: TokenSteps

    def __init__(self, config: Config, facts: Sequence[TextFacts]) -> None:
        super().__init__(config, TokenSteps(config, facts[0]))

    def start(self, facts: Sequence[TextFacts]) -> None:
        self.steps.start(facts[0])


@ENCODERS.register("parallel_cnn", kinds=("timeseries",))
class SeriesParallelCnn(ParallelCnn):
    """Parallel convolutions over numbers."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(ParallelCnn.Config):
        pass

    def __init__(self, config: Config, facts: Sequence[SeriesFacts]) -> None:
        super().__init__(config, NumberSteps(facts[0].longest))
