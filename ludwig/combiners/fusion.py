"""Fusion of the inputs by what each takes from the others.

B = rows of the batch, F = inputs, H = size of an input's vector, O = size of the combined vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from ludwig.combiners.base import COMBINERS, Combiner, Source
from ludwig.combiners.options import FusionOptions, head_faults, token_layer
from ludwig.combiners.tokens import FeatureTokens
from ludwig.nn.dropout import Dropout
from ludwig.nn.mlp import FullyConnectedStack, LayerSpec
from ludwig.nn.norm import ConvolutionNormName
from ludwig.nn.signal import Form, Shape, Signal
from ludwig.nn.transformer import Attention, AttentionSpec
from ludwig.schema import param
from ludwig.schema.groups import filled
from ludwig.schema.layers import FullyConnectedOptions

NEAR_ZERO = 0.01  # where gates start: at zero itself what they scale would get no gradient


class CrossAttention(nn.Module):
    """Each token takes from all others but itself what its query asks for: [B, F, H] -> [B, F, H]."""

    def __init__(self, count: int, size: int, heads: int, dropout: float, spec: AttentionSpec) -> None:
        super().__init__()
        self.attention = Attention(size, heads, spec=spec)
        self.dropout, self.norm = Dropout(dropout), nn.LayerNorm(size)
        self.register_buffer("others", ~torch.eye(count, dtype=torch.bool).unsqueeze(0), persistent=False)  # [1, F, F]

    def forward(self, tokens: Tensor) -> Tensor:
        taken = self.attention(tokens, mask=self.get_buffer("others"))
        normal: Tensor = self.norm(tokens + self.dropout(taken))
        return normal


@COMBINERS.register("cross_attention")
class CrossAttentionCombiner(Combiner):
    """Each input attends to all other inputs, with residual connection and normalisation; the results side by side.

    Use it for a few inputs of different types, such as text, image and columns, whose meaning depends on each other;
    for many columns `transformer` gives a smaller vector. Set `num_fc_layers` to 1 or more for tables. It costs `input
    size * hidden_size` weights an input and `4 * hidden_size` squared a layer; its vector has `hidden_size` numbers an
    input unless fully connected layers follow.

    Takes vectors [B, H] and tokens [B, C, H]; gives a vector [B, O].

    Source: Lu et al. 2019, "ViLBERT", arXiv:1908.02265, section 2.2 (co-attention), with Vaswani et al. 2017,
    arXiv:1706.03762, section 3.2.

    ```yaml
    combiner:
      type: cross_attention
      hidden_size: 128
      num_heads: 4
      num_fc_layers: 1
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(FusionOptions, Combiner.Config):
        takes: ClassVar[frozenset[Form]] = frozenset({"vector", "tokens"})
        hidden_size: int = param(
            256, min=1, help="Hidden size: that of the vector of an input. A multiple of num_heads."
        )
        num_heads: int = param(8, min=1, help="Number of attention heads.")
        num_layers: int = param(1, min=1, help="Number of layers of attention to the other inputs.")

        def faults(self, forms: Sequence[Form], features: Sequence[str]) -> list[tuple[str, str]]:
            return super().faults(forms, features) + head_faults("hidden_size", self.hidden_size, self.num_heads)

    def __init__(self, config: Config, sources: Sequence[Source]) -> None:
        nn.Module.__init__(self)
        size = config.hidden_size
        self.tokens = FeatureTokens(sources, token_layer(size, config))
        count, spec = self.tokens.count, filled(AttentionSpec, config)
        self.layers = nn.ModuleList(
            CrossAttention(count, size, config.num_heads, config.dropout, spec) for _ in range(config.num_layers)
        )
        self.stack = FullyConnectedStack(count * size, config.stack())
        self.shape = Shape("vector", self.stack.output_size)

    def forward(self, signals: Sequence[Signal]) -> Signal:
        tokens, _ = self.tokens(signals)  # [B, F, H]
        for layer in self.layers:
            tokens = layer(tokens)
        # Each token has a norm of its own: unscaled, a head on many of them takes steps too large to train well.
        beside = tokens.flatten(1) * self.tokens.count**-0.5  # [B, F * H]
        return Signal.vector(self.stack(beside))  # [B, O]


@COMBINERS.register("gated_fusion")
class GatedFusionCombiner(Combiner):
    """Each input takes a share of a mix of the others, scaled by gates that start near zero; the results side by side.

    Use it to add weak or noisy inputs, such as a text or an image, to strong ones: training begins with the inputs
    apart, and opens a gate where the others help. It costs `input size * hidden_size` weights an input and
    `hidden_size` squared for the mix; its vector has `hidden_size` numbers an input unless fully connected layers
    follow.

    Takes vectors [B, H] and tokens [B, C, H]; gives a vector [B, O].

    Source: the tanh gates of Alayrac et al. 2022, "Flamingo: a Visual Language Model for Few-Shot Learning",
    arXiv:2204.14198, section 2.2.

    ```yaml
    combiner:
      type: gated_fusion
      hidden_size: 64
      num_fc_layers: 1
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(FusionOptions, Combiner.Config):
        takes: ClassVar[frozenset[Form]] = frozenset({"vector", "tokens"})
        hidden_size: int = param(256, min=1, help="Hidden size: that of the vector of an input.")

    def __init__(self, config: Config, sources: Sequence[Source]) -> None:
        nn.Module.__init__(self)
        size = config.hidden_size
        self.tokens = FeatureTokens(sources, token_layer(size, config))
        mix = dataclasses.replace(filled(LayerSpec, config), output_size=size)
        self.mix = FullyConnectedStack(size, [mix])
        self.gates = nn.Parameter(torch.full((self.tokens.count, size), NEAR_ZERO))  # [F, H]
        self.stack = FullyConnectedStack(self.tokens.count * size, config.stack())
        self.shape = Shape("vector", self.stack.output_size)

    def forward(self, signals: Sequence[Signal]) -> Signal:
        tokens, _ = self.tokens(signals)  # [B, F, H]
        others = (tokens.sum(1, keepdim=True) - tokens) / max(tokens.shape[1] - 1, 1)  # [B, F, H]
        fused = tokens + self.gates.tanh() * self.mix(others)  # [B, F, H]
        return Signal.vector(self.stack(fused.flatten(1)))  # [B, O]


@COMBINERS.register("project_aggregate")
class ProjectAggregateCombiner(Combiner):
    """A projection of each input to one size, the mean of all of them, then fully connected layers.

    Use it for very many inputs: the combined vector does not grow with their number. It costs `input size *
    projection_size` weights an input and `output_size` squared a fully connected layer.

    Takes vectors [B, H] and tokens [B, C, H]; gives a vector [B, output_size].

    Source: the sum decomposition of Zaheer et al. 2017, "Deep Sets", arXiv:1703.06114, theorem 2, with a map of its own
    for each input.

    ```yaml
    combiner:
      type: project_aggregate
      projection_size: 64
      num_fc_layers: 2
      output_size: 64
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(FullyConnectedOptions, Combiner.Config):
        takes: ClassVar[frozenset[Form]] = frozenset({"vector", "tokens"})
        projection_size: int = param(128, min=1, help="Size of the projection of each input.")
        num_fc_layers: int = param(2, min=0, help="Number of fully connected layers, unless fc_layers lists them.")
        output_size: int = param(128, min=1, help="Output size of a fully connected layer.")
        norm: ConvolutionNormName = param("layer", help="Normalisation of the fully connected layers' outputs.")
        residual: bool = param(
            True,
            help="Residual (skip) connections around fully connected layers of equal size. They ease the training "
            "of deep stacks.",
        )

    def __init__(self, config: Config, sources: Sequence[Source]) -> None:
        nn.Module.__init__(self)
        layer = dataclasses.replace(filled(LayerSpec, config), output_size=config.projection_size, norm=None)
        self.tokens = FeatureTokens(sources, layer, identity=False)
        self.stack = FullyConnectedStack(config.projection_size, config.stack(), residual=config.residual)
        self.shape = Shape("vector", self.stack.output_size)

    def forward(self, signals: Sequence[Signal]) -> Signal:
        tokens, _ = self.tokens(signals)  # [B, F, H]
        return Signal.vector(self.stack(tokens.mean(1)))  # [B, O]
