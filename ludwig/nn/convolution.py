"""Convolutions over sequences, whose padding never changes the result, and over images.

B = rows of the batch, T = steps, S = stops of a window, C = channels, X = pixels down, Y = pixels across
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from ludwig.error import ConfigValidationError
from ludwig.nn.activation import GATED, ActivationName, activation
from ludwig.nn.dropout import Dropout
from ludwig.nn.initializer import InitializerSpec, initialize
from ludwig.nn.norm import ConvolutionNormName, NormName, image_norm, norm, normalised
from ludwig.nn.reduce import ReductionName, SequenceReducer, reduces

Pair = tuple[int, int]  # down, across
PaddingName = Literal["valid", "same"]
PaddingModeName = Literal["zeros", "reflect", "replicate", "circular"]
ImagePoolName = Literal["max", "average", "avg", "mean"]


@dataclass(frozen=True)
class ConvolutionSpec:
    """A convolution, then normalisation, activation, dropout and pooling. Without a pool size nothing is pooled."""

    num_filters: int = 256
    filter_size: int = 3
    strides: int = 1
    padding: PaddingName = "same"
    dilation_rate: int = 1
    use_bias: bool = True
    weights_initializer: InitializerSpec = "xavier_uniform"
    bias_initializer: InitializerSpec = "zeros"
    norm: NormName | None = None
    norm_params: dict[str, float] | None = None
    activation: ActivationName | None = "relu"
    dropout: float = 0.0
    pool_function: ReductionName | None = "max"
    pool_size: int | None = None
    pool_strides: int | None = None  # None: as far as the pool is wide
    pool_padding: PaddingName = "same"


@dataclass(frozen=True)
class Window:
    """Where a window of `span` steps stops on its way along a sequence.

    "same": at every `stride`-th step of the sequence, with zeros around it, half of them before. "valid": wherever the
    window lies within the sequence; one that is shorter than the window gets a single stop at its start.
    """

    span: int
    stride: int
    padding: PaddingName

    def stops(self, steps: int) -> int:
        """How many stops a sequence of that many steps has."""
        if self.padding == "same":
            return -(-steps // self.stride)
        return max(steps - self.span, 0) // self.stride + 1

    def around(self, steps: int) -> Pair:
        """What is padded before and after so many steps, or cut, so that the windows cover all that are left."""
        before = max(self.span - self.stride, 0) // 2 if self.padding == "same" else 0
        covered = (self.stops(steps) - 1) * self.stride + self.span
        return before, covered - before - steps

    def windows(self, values: Tensor) -> Tensor:
        """What the window shows at each stop: [B, T, C] -> [B * S, span, C]."""
        padded = functional.pad(values, (0, 0, *self.around(values.shape[1])))  # [B, T', C]
        shown = padded.unfold(1, self.span, self.stride)  # [B, S, C, span]
        return shown.transpose(2, 3).flatten(0, 1)  # [B * S, span, C]

    def mask(self, mask: Tensor) -> Tensor:
        """Which stops count: [B, T] -> [B, S]."""
        if self.padding == "same":
            return mask[:, :: self.stride]
        later = mask[:, self.span - 1 + self.stride :: self.stride]  # the last step of each window but the first
        return torch.cat([mask[:, :1], later], dim=1)


class MaskedConv1d(nn.Module):
    """A convolution over sequences: [B, T, input_size], [B, T] -> [B, S, output_size], [B, S].

    What stands in steps that the mask leaves out changes no step that counts, nor the statistics of a batch norm.
    """

    def __init__(self, input_size: int, spec: ConvolutionSpec) -> None:
        super().__init__()
        span = spec.dilation_rate * (spec.filter_size - 1) + 1
        width = spec.num_filters * 2 if spec.activation in GATED else spec.num_filters
        self.window = Window(span, spec.strides, spec.padding)
        self.convolution = nn.Conv1d(
            input_size, width, spec.filter_size, spec.strides, dilation=spec.dilation_rate, bias=spec.use_bias
        )
        initialize(self.convolution.weight, spec.weights_initializer)
        if self.convolution.bias is not None:
            initialize(self.convolution.bias, spec.bias_initializer)
        self.norm = norm(spec.norm, width, spec.norm_params)
        self.activation = activation(spec.activation)
        self.dropout = Dropout(spec.dropout) if spec.dropout else nn.Identity()
        self.pool = _pool(spec)
        self.input_size = input_size
        self.output_size = spec.num_filters if self.pool is None else self.pool.output_size

    def output_length(self, length: int) -> int:
        """How many steps come out of that many."""
        steps = self.window.stops(length)
        return steps if self.pool is None else self.pool.window.stops(steps)

    def forward(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        return self.of_channels(_channels(values, mask), mask)

    def of_channels(self, channels: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The same of [B, input_size, T], with zeros in steps that the mask leaves out."""
        padded = functional.pad(channels, self.window.around(channels.shape[2]))  # [B, input_size, T']
        values = self.convolution(padded).transpose(1, 2)  # [B, S, C]
        mask = self.window.mask(mask)  # [B, S]
        values = self.dropout(self.activation(normalised(self.norm, values, mask)))
        return (values, mask) if self.pool is None else self.pool(values, mask)


def _channels(values: Tensor, mask: Tensor) -> Tensor:
    return values.masked_fill(~mask.unsqueeze(-1), 0.0).transpose(1, 2)  # [B, C, T]


def side_by_side(layers: Iterable[nn.Module], values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """What convolutions that pool alike give of one sequence: [B, T, C], [B, T] -> [B, S, sum of output_size], [B, S].

    The sequence is masked and laid out once, and joined as convolutions lay it out, which saves half of the copies.
    """
    channels = _channels(values, mask).contiguous()
    sides = [layer.of_channels(channels, mask) for layer in layers if isinstance(layer, MaskedConv1d)]
    joined = torch.cat([side.transpose(1, 2) for side, _ in sides], dim=1)  # [B, sum of output_size, S]
    return joined.transpose(1, 2), sides[0][1]


class MaskedPool1d(nn.Module):
    """What lies in each window becomes one step, whatever the reduction: [B, T, C], [B, T] -> [B, S, C'], [B, S]."""

    def __init__(self, name: ReductionName, channels: int, window: Window) -> None:
        super().__init__()
        self.window = window
        self.reducer = SequenceReducer(name, channels, window.span)
        self.output_size = self.reducer.output_size

    def forward(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        shown, there = self.window.windows(values), self.window.windows(mask.unsqueeze(-1)).squeeze(-1)
        pooled: Tensor = self.reducer(shown, there)  # [B * S, C']
        stops = self.window.mask(mask)  # [B, S]
        return pooled.view(*stops.shape, self.output_size), stops  # [B, S, C'], [B, S]


def _pool(spec: ConvolutionSpec) -> MaskedPool1d | None:
    if spec.pool_size is None or spec.pool_function is None or not reduces(spec.pool_function):
        return None
    window = Window(spec.pool_size, spec.pool_strides or spec.pool_size, spec.pool_padding)
    return MaskedPool1d(spec.pool_function, spec.num_filters, window)


class StackedConvolutions(nn.Module):
    """Convolutions over sequences, one after the other: [B, T, input_size], [B, T] -> [B, S, output_size], [B, S]."""

    def __init__(self, input_size: int, specs: Sequence[ConvolutionSpec]) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        self.output_size = input_size
        for spec in specs:
            layer = MaskedConv1d(self.output_size, spec)
            self.layers.append(layer)
            self.output_size = layer.output_size

    def output_length(self, length: int) -> int:
        """How many steps come out of that many."""
        for layer in self.layers:
            assert isinstance(layer, MaskedConv1d)
            length = layer.output_length(length)
        return length

    def forward(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        for layer in self.layers:
            values, mask = layer(values, mask)
        return values, mask


class ParallelConvolutions(nn.Module):
    """Convolutions side by side, which pool alike: [B, T, input_size], [B, T] -> [B, S, output_size], [B, S]."""

    def __init__(self, input_size: int, specs: Sequence[ConvolutionSpec]) -> None:
        super().__init__()
        layers = [MaskedConv1d(input_size, spec) for spec in specs]
        self.layers = nn.ModuleList(layers)
        self.output_size = sum(layer.output_size for layer in layers)

    def output_length(self, length: int) -> int:
        """How many steps come out of that many."""
        first = self.layers[0]
        assert isinstance(first, MaskedConv1d)
        return first.output_length(length)

    def forward(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        return side_by_side(self.layers, values, mask)


@dataclass(frozen=True)
class ImageConvolutionSpec:
    """A convolution over images, then normalisation, activation, dropout and pooling. None: nothing is pooled."""

    out_channels: int = 32
    kernel_size: int | Pair = 3
    stride: int | Pair = 1
    padding: int | Pair | PaddingName = "valid"
    padding_mode: PaddingModeName = "zeros"
    dilation: int | Pair = 1
    groups: int = 1
    use_bias: bool = True
    norm: ConvolutionNormName | None = None
    norm_params: dict[str, float] | None = None
    activation: ActivationName | None = "relu"
    dropout: float = 0.0
    pool_function: ImagePoolName | None = "max"
    pool_kernel_size: int | Pair = 2
    pool_stride: int | Pair | None = None
    pool_padding: int | Pair = 0
    pool_dilation: int | Pair = 1


class Conv2dLayer(nn.Module):
    """A convolution over images: [B, input_channels, X, Y] -> [B, out_channels, X', Y']."""

    def __init__(self, input_channels: int, spec: ImageConvolutionSpec) -> None:
        super().__init__()
        self.spec, self.out_channels = spec, spec.out_channels
        width = spec.out_channels * 2 if spec.activation in GATED else spec.out_channels
        if input_channels % spec.groups or width % spec.groups:
            raise ConfigValidationError(
                f"groups must divide the channels that come in ({input_channels}) and those that go out ({width}). "
                f"Received: {spec.groups}."
            )
        modules = _convolution_modules(spec, input_channels, width)
        if spec.norm is not None:
            modules.append(image_norm(spec.norm, width, spec.norm_params))
        if spec.activation is not None:
            modules.append(activation(spec.activation, dim=1))
        if spec.dropout:
            modules.append(Dropout(spec.dropout))
        if spec.pool_function is not None:
            modules.append(_image_pool(spec))
        self.layers = nn.Sequential(*modules)

    def output_shape(self, height: int, width: int) -> Pair:
        """Height and width of what comes out of an image of that size.

        Raises:
            ConfigValidationError: The image is too small.
        """
        spec = self.spec
        _refuse_thin(spec, (height, width))
        down, across = (_pooled(_convolved(size, spec, axis), spec, axis) for axis, size in enumerate((height, width)))
        if down < 1 or across < 1:
            raise ConfigValidationError(
                f"Images of {height} x {width} pixels are too small for a convolution of kernel {spec.kernel_size} "
                f"and a pool of {spec.pool_kernel_size}. Use larger images, fewer layers, or padding 'same'."
            )
        return down, across

    def forward(self, images: Tensor) -> Tensor:
        result: Tensor = self.layers(images)
        return result  # [B, out_channels, X', Y']


def _pair(size: int | Pair) -> Pair:
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def _spans(kernel: int | Pair, dilation: int | Pair) -> Pair:
    """How many pixels a kernel reaches over."""
    down, across = (d * (k - 1) + 1 for k, d in zip(_pair(kernel), _pair(dilation), strict=True))
    return down, across


def _around(spec: ImageConvolutionSpec) -> tuple[Pair, Pair]:
    """Pixels before and after, down and across. An even kernel needs one more after than before."""
    if spec.padding == "valid":
        return (0, 0), (0, 0)
    if spec.padding == "same":
        down, across = ((span - 1) // 2 for span in _spans(spec.kernel_size, spec.dilation))
        spans = _spans(spec.kernel_size, spec.dilation)
        return (down, spans[0] - 1 - down), (across, spans[1] - 1 - across)
    down, across = _pair(spec.padding)
    return (down, down), (across, across)


def _refuse_thin(spec: ImageConvolutionSpec, sizes: Pair) -> None:
    """An image cannot be mirrored, or go round, further than it reaches itself."""
    spare = {"reflect": 1, "circular": 0}.get(spec.padding_mode)
    for size, (_, after) in zip(sizes, _around(spec), strict=True):  # never less than before
        if spare is not None and after > size - spare:
            raise ConfigValidationError(
                f"padding_mode '{spec.padding_mode}' pads {size} pixels by at most {size - spare}. Received: {after}. "
                "Use larger images, smaller kernels, or padding_mode 'zeros'."
            )


class _Pad(nn.Module):
    """Pixels around an image, not as many before as after."""

    def __init__(self, down: Pair, across: Pair, mode: str) -> None:
        super().__init__()
        self.around, self.mode = (*across, *down), "constant" if mode == "zeros" else mode

    def forward(self, images: Tensor) -> Tensor:
        return functional.pad(images, self.around, mode=self.mode)


def _convolution_modules(spec: ImageConvolutionSpec, channels: int, width: int) -> list[nn.Module]:
    down, across = _around(spec)
    is_even = down[0] == down[1] and across[0] == across[1]
    convolution = nn.Conv2d(
        channels,
        width,
        _pair(spec.kernel_size),
        _pair(spec.stride),
        padding=(down[0], across[0]) if is_even else 0,
        dilation=_pair(spec.dilation),
        groups=spec.groups,
        bias=spec.use_bias,
        padding_mode=spec.padding_mode,
    )
    return [convolution] if is_even else [_Pad(down, across, spec.padding_mode), convolution]


def _image_pool(spec: ImageConvolutionSpec) -> nn.Module:
    kernel, padding, dilation = (_pair(s) for s in (spec.pool_kernel_size, spec.pool_padding, spec.pool_dilation))
    stride = kernel if spec.pool_stride is None else _pair(spec.pool_stride)
    if any(2 * pad > size for pad, size in zip(padding, kernel, strict=True)):
        raise ConfigValidationError(
            f"pool_padding must be at most half of pool_kernel_size ({spec.pool_kernel_size}). "
            f"Received: {spec.pool_padding}."
        )
    if spec.pool_function == "max":
        return nn.MaxPool2d(kernel, stride, padding, dilation)
    if dilation != (1, 1):
        raise ConfigValidationError(
            f"pool_dilation works with pool_function 'max' only; '{spec.pool_function}' needs 1. "
            f"Received: {spec.pool_dilation}."
        )
    return nn.AvgPool2d(kernel, stride, padding)


def _convolved(size: int, spec: ImageConvolutionSpec, axis: int) -> int:
    span, stride = _spans(spec.kernel_size, spec.dilation)[axis], _pair(spec.stride)[axis]
    return (size + sum(_around(spec)[axis]) - span) // stride + 1


def _pooled(size: int, spec: ImageConvolutionSpec, axis: int) -> int:
    if spec.pool_function is None:
        return size
    span = _spans(spec.pool_kernel_size, spec.pool_dilation)[axis]
    stride = _pair(spec.pool_kernel_size if spec.pool_stride is None else spec.pool_stride)[axis]
    return (size + 2 * _pair(spec.pool_padding)[axis] - span) // stride + 1
