"""Encoders of plain numbers: number and binary columns, a group at once, vectors and series.

B = rows of the batch, C = columns of the group, S = size of a vector column, T = steps of a series, H = size of a token
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from ludwig.columns.ragged import Padded
from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.encoders.sequence_base import ReduceOptions, SequenceEnd
from ludwig.encoders.series_window import last_steps
from ludwig.encoders.steps import ValueSteps
from ludwig.features.base import Facts
from ludwig.features.timeseries import SeriesFacts
from ludwig.features.vector import VectorFacts
from ludwig.nn.mlp import FullyConnectedStack
from ludwig.nn.reduce import ReductionName
from ludwig.nn.signal import Shape, Signal
from ludwig.schema import param
from ludwig.schema.layers import StackOptions


@ENCODERS.register("passthrough", kinds=("number", "binary"))
class PassthroughEncoder(Encoder):
    """The numbers as they are, a token of size 1 a column.

    Use it where the combiner does the work: it costs nothing and has no weights. `dense`, `ple` or `periodic` help a
    network with numbers that act in a way that is not smooth.

    Takes a group of columns [B, C]; gives tokens [B, C, 1].

    ```yaml
    name: age
    type: number
    encoder: passthrough
    ```
    """

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
    """The vector as it is.

    Use it for vectors that are features already, such as embeddings of another model: it costs nothing and has no
    weights.

    Takes vectors [B, S]; gives a vector [B, S].

    ```yaml
    name: spectrum
    type: vector
    encoder: passthrough
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Encoder.Config):
        pass

    def __init__(self, config: Config, facts: Sequence[VectorFacts]) -> None:
        super().__init__(config, facts)
        self.shape = Shape("vector", facts[0].size)

    def forward(self, vectors: Tensor) -> Signal:
        return Signal.vector(vectors)  # [B, S]


@ENCODERS.register("passthrough", kinds=("timeseries",))
class SeriesPassthroughEncoder(Encoder):
    """The steps of the series as they are: a sequence, or reduced to one number.

    Use it where the combiner or the decoder reads sequences, as a tagger does, or for the mean or the last step of a
    series alone, by `reduce_output`. It costs nothing and has no weights.

    Takes series [B, T]; gives a sequence [B, T, 1], or with `reduce_output` a vector [B, H].

    ```yaml
    name: load
    type: timeseries
    encoder:
      type: passthrough
      reduce_output: last
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(ReduceOptions, Encoder.Config):
        encoding_size: int | None = param(
            None, min=1, help="Size of a step's vector, which is 1 for a series of numbers; null for that of the data."
        )
        reduce_output: ReductionName | None = param(
            None, help="Reduction of the steps to one vector, such as mean, last or concat; null keeps all steps."
        )

        def faults(self) -> list[tuple[str, str]]:
            if self.encoding_size in (None, 1):
                return []
            text = f"Must be 1 or null: a step of a series is one number. Received: {self.encoding_size}."
            return [("encoding_size", text)]

    def __init__(self, config: Config, facts: Sequence[SeriesFacts]) -> None:
        super().__init__(config, facts)
        self.steps = ValueSteps(facts[0])
        self.end = SequenceEnd(config.reduce_output, self.steps.output_size, self.steps.longest)
        self.shape = self.end.shape

    def forward(self, column: Padded) -> Signal:
        signal: Signal = self.end(*self.steps(column))
        return signal


@dataclasses.dataclass(frozen=True, kw_only=True)
class DenseOptions(StackOptions):
    """The fully connected layers of the dense encoders."""

    num_layers: int = param(1, min=1, help="Number of fully connected layers, unless fc_layers lists them.")


@ENCODERS.register("dense", kinds=("number", "binary"))
class DenseEncoder(Encoder):
    """A stack of fully connected layers on each column, which has weights of its own.

    Use it where a number acts in a way that is not linear and columns are few. It costs `output_size` weights a column
    for the first layer and `output_size` squared for each further one.

    Takes a group of columns [B, C]; gives tokens [B, C, output_size].

    ```yaml
    name: age
    type: number
    encoder:
      type: dense
      num_layers: 2
      output_size: 32
    ```
    """

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
    """A stack of fully connected layers on the vector.

    Use it to bring a long vector to a smaller size before it meets the other inputs. It costs `S * output_size` weights
    for the first layer and `output_size` squared for each further one.

    Takes vectors [B, S]; gives a vector [B, output_size].

    ```yaml
    name: spectrum
    type: vector
    encoder:
      type: dense
      output_size: 64
      dropout: 0.1
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(DenseOptions, Encoder.Config):
        pass

    def __init__(self, config: Config, facts: Sequence[VectorFacts]) -> None:
        super().__init__(config, facts)
        self.stack = FullyConnectedStack(facts[0].size, config.stack_of(config.num_layers))
        self.shape = Shape("vector", self.stack.output_size)

    def forward(self, vectors: Tensor) -> Signal:
        return Signal.vector(self.stack(vectors))  # [B, H]


@ENCODERS.register("dense", kinds=("timeseries",))
class SeriesDenseEncoder(Encoder):
    """A stack of fully connected layers on the steps of the series, each in a place of its own, counted from the end.

    Use it for windows of one length, in which a step's place decides its meaning; for forecasts `lags` has a linear
    path beside such layers. It costs `T * output_size` weights for the first layer, T those of the longest series, and
    `output_size` squared for each further one. Steps before the beginning of a series are those of the mean.

    Takes series [B, T]; gives a vector [B, output_size].

    ```yaml
    name: load
    type: timeseries
    preprocessing:
      window_size: 24
    encoder:
      type: dense
      num_layers: 2
      output_size: 64
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(DenseOptions, Encoder.Config):
        pass

    def __init__(self, config: Config, facts: Sequence[SeriesFacts]) -> None:
        super().__init__(config, facts)
        self.longest = facts[0].longest
        self.stack = FullyConnectedStack(self.longest, config.stack_of(config.num_layers))
        self.shape = Shape("vector", self.stack.output_size)

    def forward(self, column: Padded) -> Signal:
        return Signal.vector(self.stack(last_steps(column, self.longest)[0]))  # [B, H]
