"""Convolutions over sequences, whose padding never changes the result.

B = rows of the batch, T = steps, C = channels
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from ludwig.nn.activation import ActivationName
from ludwig.nn.initializer import InitializerSpec
from ludwig.nn.norm import NormName
from ludwig.nn.reduce import ReductionName

PaddingName = Literal["same", "valid"]


@dataclass(frozen=True)
class ConvolutionSpec:
    """A convolution, then normalisation, nonlinearity, dropout and pooling. Without a pool size nothing is pooled."""

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
        """How many stops a sequence of that many steps has; at least one."""
        if self.padding == "same":
            return -(-steps // self.stride)
        return int_max(steps - self.span, 0) // self.stride + 1

    def fit(self, values: Tensor) -> Tensor:
        """Zeros around, or steps cut off at the end, so that exactly the stops fit: [B, T, C] -> [B, T', C]."""
        before = max(self.span - self.stride, 0) // 2 if self.padding == "same" else 0
        covered = (self.stops(values.shape[1]) - 1) * self.stride + self.span
        return functional.pad(values, (0, 0, before, covered - before - values.shape[1]))

    def mask(self, mask: Tensor) -> Tensor:
        """Which stops count: [B, T] -> [B, stops]."""
        if self.padding == "same":
            return mask[:, :: self.stride]
        ends = functional.pad(mask, (1 - self.span, 0))[:, :: self.stride]  # the last step of each whole window
        stops = self.stops(mask.shape[1])
        ends = functional.pad(ends, (0, stops - ends.shape[1]))
        return torch.cat([mask[:, :1], ends[:, 1:]], dim=1)
