"""The options that encoders of sequences share: of convolutions and of recurrent layers."""

from __future__ import annotations

import dataclasses

from ludwig.nn.activation import ActivationName
from ludwig.nn.convolution import PaddingName
from ludwig.nn.initializer import InitializerSpec
from ludwig.nn.norm import ConvolutionNormName
from ludwig.nn.recurrent import CellName
from ludwig.nn.reduce import ReductionName
from ludwig.schema import param
from ludwig.schema.groups import Overrides
from ludwig.schema.layers import ActivationOptions


@dataclasses.dataclass(frozen=True, kw_only=True)
class FilterOptions:
    """The filters of a convolution over sequences, and the pooling after it."""

    num_filters: int = param(256, min=1, help="Number of filters, which are the output channels of a convolution.")
    filter_size: int = param(3, min=1, help="Kernel size: how many steps a filter spans. Raise it for longer patterns.")
    pool_function: ReductionName | None = param("max", help="Pooling function; it pools where pool_size is set.")
    pool_size: int | None = param(None, min=1, help="Pooling kernel size and stride in steps; null for no pooling.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConvolutionOptions(FilterOptions, ActivationOptions):
    """A convolution over sequences."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StrideOptions:
    """Where the windows of a convolution over sequences and of its pooling stop."""

    strides: int = param(1, min=1, help="Stride of a convolution in steps. Above 1 the sequence gets shorter.")
    padding: PaddingName = param(
        "same", help="Padding of a convolution: same keeps the length, valid reads only whole windows."
    )
    dilation_rate: int = param(
        1, min=1, help="Dilation: steps from one weight of a kernel to the next. Raise it for longer patterns."
    )
    pool_strides: int | None = param(None, min=1, help="Pooling stride in steps; null for the pooling kernel size.")
    pool_padding: PaddingName = param(
        "same", help="Padding of the pooling: same pools what is left at the end too, valid only whole windows."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class NormOverride:
    """The normalisation of a convolution that is listed."""

    norm: ConvolutionNormName | None = param(
        None, help="Normalisation of the convolution's outputs. Here null takes the value of the whole stack."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConvolutionOverrides(NormOverride, Overrides, of=ConvolutionOptions):
    """One entry of `conv_layers`: what this convolution has otherwise than the others."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StridedOptions(StrideOptions, ConvolutionOptions):
    """A convolution over sequences whose windows may leave out steps."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StridedOverrides(NormOverride, Overrides, of=StridedOptions):
    """One entry of `conv_layers`: what this convolution has otherwise than the others."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecurrentOptions:
    """Recurrent layers; how many there are, whoever inherits this declares."""

    cell_type: CellName = param(
        "rnn", help="Recurrent cell: a plain RNN, or an LSTM or GRU, whose gates remember over more steps."
    )
    state_size: int = param(256, min=1, help="Size of the hidden state. Raise it for longer or richer sequences.")
    bidirectional: bool = param(
        False, help="Whether layers read from both ends, which doubles the size of their output and their cost."
    )
    activation: ActivationName | None = param("tanh", help="Activation function of the state; null for none.")
    recurrent_activation: ActivationName | None = param(
        "sigmoid", help="Activation function of the gates of an LSTM or GRU; null for none."
    )
    unit_forget_bias: bool = param(
        True, help="Whether the bias of an LSTM's forget gate is initialized to one, so that it remembers at first."
    )
    recurrent_initializer: InitializerSpec = param(
        "orthogonal", help="Initializer of the recurrent weights, which act on the state."
    )
    dropout: float = param(
        0.0, min=0, max=1, help="Dropout rate of the inputs of each recurrent layer. Raise it against overfitting."
    )
    recurrent_dropout: float = param(
        0.0,
        min=0,
        max=1,
        help="Dropout rate of the state between steps, one mask for all of them. Above 0, training runs step by "
        "step, which is slower.",
    )
    reduce_output: ReductionName | None = param(
        "last", help="Reduction of the steps to one vector, such as last, mean or attention; null keeps all steps."
    )
