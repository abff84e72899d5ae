"""Encoders of plain numbers: number and binary columns, a group at once, and vectors.

B = rows of the batch, C = columns of the group, S = size of a vector column, H = size of a token
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.features.base import Facts
from ludwig.features.vector import VectorFacts
from ludwig.nn.mlp import FullyConnectedStack
from ludwig.nn.signal import Shape, Signal
from ludwig.schema import param
from ludwig.schema.layers import StackOptions


@ENCODERS.register("passthrough", kinds=("number", "binary"))
class PassthroughEncoder(Encoder):
    """The numbers as they are."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Encoder.Config):
        grouped: ClassVar[bool] = True

    def __init__(self, config: Config, facts: Sequence[Facts]) -> None:
        super().__init__(config, facts)
        self.shape = Shape("tokens", 1, len(facts))

    def forward(self, numbers: Tensor) -> Signal:
        return Signal.tokens(numbers.float().unsqueeze(-1))  # [B, C, 1]


@ENCODERS.register("passthrough", kinds=("vector",))
class VectorPassthroughEncoder(Encoder):
    """The vector as it is."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Encoder.Config):
        pass

    def __init__(self, config: Config, facts: Sequence[VectorFacts]) -> None:
        super().__init__(config, facts)
        self.shape = Shape("vector", facts[0].size)

    def forward(self, vectors: Tensor) -> Signal:
        return Signal.vector(vectors)  # [B, S]


@dataclasses.dataclass(frozen=True, kw_only=True)
class DenseOptions(StackOptions):
    """The options of the dense encoders."""

    num_layers: int = param(1, min=1, help="How many fully connected layers there are, unless they are listed.")


@ENCODERS.register("dense", kinds=("number", "binary"))
class DenseEncoder(Encoder):
    """A stack of fully connected layers on each column, with weights of its own."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(DenseOptions, Encoder.Config):
        grouped: ClassVar[bool] = True

    def __init__(self, config: Config, facts: Sequence[Facts]) -> None:
        super().__init__(config, facts)
        self.stack = FullyConnectedStack(1, config.stack_of(config.num_layers), members=len(facts))
        self.shape = Shape("tokens", self.stack.output_size, len(facts))

    def forward(self, numbers: Tensor) -> Signal:
        return Signal.tokens(self.stack(numbers.float().unsqueeze(-1)))  # [B, C, H]


@ENCODERS.register("dense", kinds=("vector",))
class VectorDenseEncoder(Encoder):
    """A stack of fully connected layers on the vector."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(DenseOptions, Encoder.Config):
        pass

    def __init__(self, config: Config, facts: Sequence[VectorFacts]) -> None:
        super().__init__(config, facts)
        self.stack = FullyConnectedStack(facts[0].size, config.stack_of(config.num_layers))
        self.shape = Shape("vector", self.stack.output_size)

    def forward(self, vectors: Tensor) -> Signal:
        return Signal.vector(self.stack(vectors))  # [B, H]
