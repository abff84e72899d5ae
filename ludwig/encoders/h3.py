"""Encoders of cells of the H3 grid, which come as 19 components: mode, edge, resolution, base cell and 15 digits.

B = rows of the batch, E = size of an embedding, H = size of the vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.encoders.embeddings import PlaceOptions
from ludwig.encoders.sequence_base import ReduceOptions, SequenceEnd
from ludwig.encoders.small_stack import SmallStackOptions
from ludwig.features.h3 import DIGITS, SIZES, GridFacts
from ludwig.nn.activation import ActivationName
from ludwig.nn.embedding import CategoryTable
from ludwig.nn.initializer import InitializerSpec
from ludwig.nn.mlp import FullyConnectedStack
from ludwig.nn.recurrent import CellName, Recurrent, RecurrentSpec
from ludwig.nn.reduce import ReductionName
from ludwig.nn.signal import Shape, Signal
from ludwig.schema import param
from ludwig.schema.groups import filled

COMPONENTS = len(SIZES)
RESOLUTION, BEFORE = 2, COMPONENTS - DIGITS  # the place of the resolution, and how many components come before digits


@dataclasses.dataclass(frozen=True, kw_only=True)
class GridOptions(PlaceOptions):
    """The embeddings of the components."""

    embedding_size: int = param(10, min=1, help="Size of the embedding of each component.")


class ComponentEmbeddings(nn.Module):
    """An embedding of each component, each with values of its own: [B, 19] -> [B, 19, E], [B, 19].

    The mask leaves out the digits beyond the resolution of a cell.
    """

    def __init__(self, options: GridOptions) -> None:
        super().__init__()
        self.table = CategoryTable(SIZES, options.embedding_size, on_cpu=options.embeddings_on_cpu)

    def forward(self, cells: Tensor) -> tuple[Tensor, Tensor]:
        places = torch.arange(COMPONENTS, device=cells.device)
        mask = places < cells[:, RESOLUTION, None] + BEFORE  # [B, 19]
        return self.table(cells.int()), mask


@ENCODERS.register("embed", kinds=("h3",))
class EmbedH3Encoder(Encoder):
    """Trainable embeddings of the components of a cell, reduced to one vector, then fully connected layers.

    Use it as the first choice. Each digit has an effect of its own; what follows lets them act together. It costs
    288 * `embedding_size` weights.

    Takes components [B, 19]; gives a vector [B, H], or with `reduce_output: null` the embeddings [B, 19, H].

    Source: Guo & Berkhahn 2016, "Entity Embeddings of Categorical Variables", arXiv:1604.06737.

    ```yaml
    name: pickup
    type: h3
    encoder:
      type: embed
      reduce_output: concat
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(ReduceOptions, GridOptions, SmallStackOptions, Encoder.Config):
        pass

    def __init__(self, config: Config, facts: Sequence[GridFacts]) -> None:
        super().__init__(config, facts)
        self.embeddings = ComponentEmbeddings(config)
        self.end = SequenceEnd(config.reduce_output, config.embedding_size, COMPONENTS, config.stack())
        self.shape = self.end.shape

    def forward(self, cells: Tensor) -> Signal:
        signal: Signal = self.end(*self.embeddings(cells))
        return signal


@ENCODERS.register("weighted_sum", kinds=("h3",))
class WeightedSumH3Encoder(Encoder):
    """The sum of the embeddings of a cell's components by trainable weights, then fully connected layers.

    Use it in place of `embed` where fine digits should count less than coarse ones: the weights start equal and are
    trained. It costs 19 weights more.

    Takes components [B, 19]; gives a vector [B, H].

    Source: Guo & Berkhahn 2016, "Entity Embeddings of Categorical Variables", arXiv:1604.06737.

    ```yaml
    name: pickup
    type: h3
    encoder:
      type: weighted_sum
      should_softmax: true
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(GridOptions, SmallStackOptions, Encoder.Config):
        should_softmax: bool = param(False, help="Softmax over the weights of the components, so that they sum to 1.")

    def __init__(self, config: Config, facts: Sequence[GridFacts]) -> None:
        super().__init__(config, facts)
        self.embeddings = ComponentEmbeddings(config)
        self.softmax = config.should_softmax
        self.weights = nn.Parameter(torch.zeros(COMPONENTS) if self.softmax else torch.ones(COMPONENTS))  # [19]
        self.stack = FullyConnectedStack(config.embedding_size, config.stack())
        self.shape = Shape("vector", self.stack.output_size)

    def forward(self, cells: Tensor) -> Signal:
        values, mask = self.embeddings(cells)  # [B, 19, E], [B, 19]
        weights = self.weights.expand_as(mask)
        if self.softmax:
            weights = weights.masked_fill(~mask, torch.finfo(weights.dtype).min).softmax(1)
        weights = weights.masked_fill(~mask, 0.0).to(values.dtype)
        return Signal.vector(self.stack((weights.unsqueeze(1) @ values).squeeze(1)))  # [B, H]


@ENCODERS.register("rnn", kinds=("h3",))
class RnnH3Encoder(Encoder):
    """Recurrent layers (RNN, LSTM or GRU) that read the embeddings of a cell's components from coarse to fine.

    Use it where what a fine digit means depends on the coarse ones, as a district depends on its city. It costs 19
    steps a row, one after the other.

    Takes components [B, 19]; gives a vector [B, H], or with `reduce_output: null` a sequence [B, 19, H].

    Source: Hochreiter & Schmidhuber 1997, "Long Short-Term Memory"; Cho et al. 2014, arXiv:1406.1078 (GRU).

    ```yaml
    name: pickup
    type: h3
    encoder:
      type: rnn
      cell_type: gru
      hidden_size: 32
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(ReduceOptions, GridOptions, Encoder.Config):
        cell_type: CellName = param(
            "rnn", help="Recurrent cell: a plain RNN, or an LSTM or GRU, whose gates remember over more steps."
        )
        hidden_size: int = param(10, min=1, help="Size of the hidden state.")
        num_layers: int = param(1, min=1, help="Number of stacked recurrent layers.")
        bidirectional: bool = param(
            False, help="Whether layers read from both ends, which doubles the size of their output and their cost."
        )
        activation: ActivationName | None = param("tanh", help="Activation function of the state; null for none.")
        recurrent_activation: ActivationName | None = param(
            "sigmoid", help="Activation function of the gates of an LSTM or GRU; null for none."
        )
        use_bias: bool = param(True, help="Whether each layer adds a bias.")
        unit_forget_bias: bool = param(
            True, help="Whether the bias of an LSTM's forget gate is initialized to one, so that it remembers at first."
        )
        weights_initializer: InitializerSpec = param("xavier_uniform", help="Initializer of the weights.")
        recurrent_initializer: InitializerSpec = param(
            "orthogonal", help="Initializer of the recurrent weights, which act on the state."
        )
        bias_initializer: InitializerSpec = param("zeros", help="Initializer of the biases.")
        dropout: float = param(
            0.0, min=0, max=1, help="Dropout rate of the inputs of each recurrent layer. Raise it against overfitting."
        )
        recurrent_dropout: float = param(
            0.0, min=0, max=1, help="Dropout rate of the state between steps, one mask for all of them."
        )
        reduce_output: ReductionName | None = param(
            "last", help="Reduction of the steps to one vector, such as last, mean or attention; null keeps all steps."
        )

    def __init__(self, config: Config, facts: Sequence[GridFacts]) -> None:
        super().__init__(config, facts)
        self.embeddings = ComponentEmbeddings(config)
        spec = dataclasses.replace(filled(RecurrentSpec, config), state_size=config.hidden_size)
        self.recurrent = Recurrent(config.embedding_size, spec)
        self.end = SequenceEnd(config.reduce_output, self.recurrent.output_size, COMPONENTS)
        self.takes_last = config.reduce_output == "last"
        self.shape = self.end.shape

    def forward(self, cells: Tensor) -> Signal:
        values, mask = self.embeddings(cells)  # [B, 19, E], [B, 19]
        states, last = self.recurrent(values, mask)  # [B, 19, H], [B, H]
        if self.takes_last:  # of each direction its own end
            return Signal.vector(last)
        signal: Signal = self.end(states, mask)
        return signal
