"""State space layers over sequences of tokens or numbers: Mamba, Mamba-2 and Jamba.

B = rows of the batch, T = steps, E = size of a step's vector, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from ludwig.columns.ragged import Padded
from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.encoders.sequence_base import ReduceOptions, SequenceEnd
from ludwig.encoders.steps import EmbeddingOptions, SequenceOfValues, Steps, TokenSteps, ValueSteps
from ludwig.features.tokens import TokenFacts
from ludwig.nn.dropout import Dropout
from ludwig.nn.initializer import InitializerSpec
from ludwig.nn.mlp import LayerSpec
from ludwig.nn.reduce import ReductionName
from ludwig.nn.signal import Signal
from ludwig.nn.state_space import DualStateSpace, SelectiveStateSpace
from ludwig.nn.transformer import AttentionSpec, FeedForward, TransformerBlock, heads_fault, started
from ludwig.schema import param
from ludwig.schema.layers import HeadOptions, SizeOptions


class ResidualLayer(nn.Module):
    """A state space layer, and where there is one a feed-forward network, each added to what comes in: [B, T, H]."""

    def __init__(
        self, size: int, mixer: SelectiveStateSpace | DualStateSpace, dropout: float, feed_forward_size: int = 0
    ) -> None:
        super().__init__()
        self.norm, self.mixer, self.dropout = nn.RMSNorm(size), mixer, Dropout(dropout)
        self.feed_forward: nn.Module | None = None
        if feed_forward_size:
            network = FeedForward(size, feed_forward_size, dropout, "swiglu", AttentionSpec(use_bias=False))
            self.feed_forward = nn.Sequential(nn.RMSNorm(size), network)

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        values = values + self.dropout(self.mixer(self.norm(values), mask))
        return values if self.feed_forward is None else values + self.dropout(self.feed_forward(values))


@dataclasses.dataclass(frozen=True, kw_only=True)
class StateSpaceOptions(ReduceOptions):
    """State space layers."""

    d_model: int = param(256, min=1, help="Hidden size: that of the vector of a step between the layers.")
    n_layers: int = param(4, min=1, help="Number of layers, one after the other.")
    d_conv: int = param(4, min=1, help="Kernel size of the causal convolution in each layer, in steps.")
    expand_factor: int = param(2, min=1, help="Expansion factor: how many times wider than d_model a layer is inside.")
    dropout: float = param(
        0.1, min=0, max=1, help="Dropout rate of the output of each layer. Raise it against overfitting."
    )
    reduce_output: ReductionName | None = param(
        "mean", help="Reduction of the steps to one vector, such as mean, last or attention; null keeps all steps."
    )

    def layers(self) -> list[nn.Module]:
        """The layers: each takes and gives [B, T, H], and takes a mask [B, T]."""
        raise NotImplementedError

    def head(self) -> list[LayerSpec]:
        """What follows the reduction."""
        raise NotImplementedError


class StateSpaceEncoder(Encoder):
    """Layers that read the steps in order, then a reduction over these and fully connected layers."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(StateSpaceOptions, Encoder.Config):
        pass

    def __init__(self, config: Config, steps: Steps) -> None:
        nn.Module.__init__(self)
        self.config, self.steps = config, steps
        self.enter = started(nn.Linear(steps.output_size, config.d_model), AttentionSpec())
        self.layers = nn.ModuleList(config.layers())
        self.norm = nn.RMSNorm(config.d_model)
        self.end = SequenceEnd(config.reduce_output, config.d_model, steps.longest, config.head())
        self.shape = self.end.shape

    def forward(self, column: Padded) -> Signal:
        values, mask = self.steps(column)  # [B, T, E], [B, T]
        values = self.enter(values.masked_fill(~mask.unsqueeze(-1), 0.0))  # [B, T, H]
        for layer in self.layers:
            values = layer(values, mask)
        signal: Signal = self.end(self.norm(values), mask)
        return signal


class TokenStateSpace(StateSpaceEncoder):
    """The layers over embedded tokens."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(EmbeddingOptions, StateSpaceEncoder.Config):
        pass

    steps: TokenSteps

    def __init__(self, config: Config, facts: Sequence[TokenFacts]) -> None:
        super().__init__(config, TokenSteps(config, facts[0]))

    def start(self, facts: Sequence[TokenFacts]) -> None:
        self.steps.start(facts[0])


class ValuesStateSpace(StateSpaceEncoder):
    """The layers over the numbers of a series."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(StateSpaceEncoder.Config):
        pass

    def __init__(self, config: Config, facts: Sequence[SequenceOfValues]) -> None:
        super().__init__(config, ValueSteps(facts[0]))


@dataclasses.dataclass(frozen=True, kw_only=True)
class MambaOptions(HeadOptions, StateSpaceOptions):
    """Mamba layers, and the fully connected layers after them."""

    d_state: int = param(16, min=1, help="State size: numbers of state for each dimension. Raise it to remember more.")
    use_bias: bool = param(True, help="Whether linear maps add a bias.")
    weights_initializer: InitializerSpec = param("xavier_uniform", help="Initializer of the weights of linear maps.")

    def layers(self) -> list[nn.Module]:
        return [
            ResidualLayer(
                self.d_model,
                SelectiveStateSpace(
                    self.d_model,
                    state=self.d_state,
                    span=self.d_conv,
                    expand=self.expand_factor,
                    use_bias=self.use_bias,
                    weights_initializer=self.weights_initializer,
                ),
                self.dropout,
            )
            for _ in range(self.n_layers)
        ]

    def head(self) -> list[LayerSpec]:
        return self.stack()


@ENCODERS.register("mamba", kinds=("text", "sequence"))
class TextMamba(TokenStateSpace):
    """Embedded tokens, then Mamba layers: a state for each dimension, in which each token decides what is kept and what
    is taken in.

    Use it for long texts: it reads them in order as an RNN does, yet all steps at once, and its cost grows with the
    number of tokens and not with its square, as a transformer's does. On CPUs it is slow; `mamba2` takes a fraction of
    its time.

    Takes token ids [B, T]; gives a vector [B, H], or with `reduce_output: null` a sequence [B, T, H].

    Source: Gu & Dao 2023, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", arXiv:2312.00752.

    ```yaml
    name: review
    type: text
    encoder:
      type: mamba
      d_model: 128
      n_layers: 2
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(MambaOptions, TokenStateSpace.Config):
        pass


@ENCODERS.register("mamba", kinds=("timeseries", "audio", "combined"))
class ValuesMamba(ValuesStateSpace):
    """Mamba layers over the steps of a series: a state for each dimension, in which each step decides what is kept and
    what is taken in.

    Use it for long series in which single events count long after: it reads them in order as an RNN does, yet all steps
    at once. On CPUs it is slow; `mamba2` takes a fraction of its time.

    Takes numbers [B, T] or vectors [B, T, E]; gives a vector [B, H], or with `reduce_output: null` a sequence [B, T,
    H].

    Source: Gu & Dao 2023, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", arXiv:2312.00752.

    ```yaml
    name: load
    type: timeseries
    encoder:
      type: mamba
      d_model: 64
      n_layers: 2
      reduce_output: last
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(MambaOptions, ValuesStateSpace.Config):
        pass


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProjectedOptions(SizeOptions, StateSpaceOptions):
    """State space layers with heads, and the linear map after them."""

    num_heads: int = param(8, min=1, help="Number of heads.")
    output_size: int = param(256, min=1, help="Output size: that of the linear map after the layers.")

    def head(self) -> list[LayerSpec]:
        return [LayerSpec(self.output_size, activation=None)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mamba2Options(ProjectedOptions):
    """Mamba-2 layers."""

    def layers(self) -> list[nn.Module]:
        return [
            ResidualLayer(
                self.d_model,
                DualStateSpace(self.d_model, self.num_heads, span=self.d_conv, expand=self.expand_factor),
                self.dropout,
            )
            for _ in range(self.n_layers)
        ]

    def faults(self) -> list[tuple[str, str]]:
        inner = self.expand_factor * self.d_model
        if inner % self.num_heads:
            return [("num_heads", f"Must divide expand_factor * d_model, {inner}. Received: {self.num_heads}.")]
        return []


@ENCODERS.register("mamba2", kinds=("text", "sequence"))
class TextMamba2(TokenStateSpace):
    """Embedded tokens, then Mamba-2 layers: heads with a state each, of which each token decides how much is kept.

    Use it for long texts: cost grows with the number of tokens and not with its square, as a transformer's does. It is
    made of matrix products and so several times quicker than `mamba`, with a larger state.

    Takes token ids [B, T]; gives a vector [B, output_size], or with `reduce_output: null` a sequence [B, T,
    output_size].

    Source: Dao & Gu 2024, "Transformers are SSMs: Generalized Models and Efficient Algorithms Through Structured State
    Space Duality", arXiv:2405.21060.

    ```yaml
    name: review
    type: text
    encoder:
      type: mamba2
      d_model: 128
      n_layers: 2
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Mamba2Options, TokenStateSpace.Config):
        pass


@ENCODERS.register("mamba2", kinds=("timeseries", "audio", "combined"))
class ValuesMamba2(ValuesStateSpace):
    """Mamba-2 layers over the steps of a series: heads with a state each, of which each step decides how much is kept.

    Use it for long series in which single events count long after. It is made of matrix products and so several times
    quicker than `mamba`, with a larger state.

    Takes numbers [B, T] or vectors [B, T, E]; gives a vector [B, output_size], or with `reduce_output: null` a sequence
    [B, T, output_size].

    Source: Dao & Gu 2024, "Transformers are SSMs: Generalized Models and Efficient Algorithms Through Structured State
    Space Duality", arXiv:2405.21060.

    ```yaml
    name: load
    type: timeseries
    encoder:
      type: mamba2
      d_model: 64
      num_heads: 4
      n_layers: 2
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Mamba2Options, ValuesStateSpace.Config):
        pass


@dataclasses.dataclass(frozen=True, kw_only=True)
class JambaOptions(ProjectedOptions):
    """Mamba layers and attention layers in turn."""

    n_layers: int = param(8, min=1, help="Number of layers, one after the other.")
    attention_every_k: int = param(
        4, min=1, help="Distance between attention layers: every k-th layer has attention, the others are Mamba layers."
    )
    ffn_size: int = param(1024, min=1, help="Hidden size of the feed-forward network in each layer.")

    state: ClassVar[int] = 16  # numbers of state for each dimension

    def layers(self) -> list[nn.Module]:
        return [self._layer(place % self.attention_every_k == 0) for place in range(1, self.n_layers + 1)]

    def _layer(self, has_attention: bool) -> nn.Module:
        size, dropout = self.d_model, self.dropout
        if has_attention:
            spec = AttentionSpec(use_bias=False)
            return TransformerBlock(size, self.num_heads, self.ffn_size, dropout, name="swiglu", spec=spec)
        mixer = SelectiveStateSpace(size, state=self.state, span=self.d_conv, expand=self.expand_factor)
        return ResidualLayer(size, mixer, dropout, self.ffn_size)

    def faults(self) -> list[tuple[str, str]]:
        fault = heads_fault(self.d_model, self.num_heads)
        return [] if fault is None else [("d_model", fault)]


@ENCODERS.register("jamba", kinds=("text", "sequence"))
class TextJamba(TokenStateSpace):
    """Embedded tokens, then Mamba layers with an attention layer after every few of them, each with a feed-forward
    network.

    Use it for long texts in which distant tokens must be compared, which attention does exactly, at less cost than that
    of a transformer. It has no mixture of experts, and its attention reads in both directions. On CPUs it is slow;
    `mamba2` takes a fraction of its time.

    Takes token ids [B, T]; gives a vector [B, output_size], or with `reduce_output: null` a sequence [B, T,
    output_size].

    Source: Lieber et al. 2024, "Jamba: A Hybrid Transformer-Mamba Language Model", arXiv:2403.19887, section 2.

    ```yaml
    name: review
    type: text
    encoder:
      type: jamba
      d_model: 128
      ffn_size: 256
      n_layers: 4
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(JambaOptions, TokenStateSpace.Config):
        pass


@ENCODERS.register("jamba", kinds=("timeseries", "audio", "combined"))
class ValuesJamba(ValuesStateSpace):
    """Mamba layers over the steps of a series, with an attention layer after every few of them, each with a
    feed-forward network.

    Use it for long series in which distant steps must be compared, which attention does exactly, at less cost than that
    of a transformer. It has no mixture of experts, and its attention reads in both directions. On CPUs it is slow;
    `mamba2` takes a fraction of its time.

    Takes numbers [B, T] or vectors [B, T, E]; gives a vector [B, output_size], or with `reduce_output: null` a sequence
    [B, T, output_size].

    Source: Lieber et al. 2024, "Jamba: A Hybrid Transformer-Mamba Language Model", arXiv:2403.19887, section 2.

    ```yaml
    name: load
    type: timeseries
    encoder:
      type: jamba
      d_model: 64
      ffn_size: 128
      n_layers: 2
      attention_every_k: 2
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(JambaOptions, ValuesStateSpace.Config):
        pass
