"""A Perceiver: a fixed number of latent vectors reads all inputs.

B = rows of the batch, F = tokens of a row, L = latents, H = size of a latent, O = size of the combined vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ludwig.combiners.base import COMBINERS, Combiner, Source
from ludwig.combiners.options import FusionOptions, head_faults, token_layer
from ludwig.combiners.tokens import FeatureTokens
from ludwig.nn.dropout import Dropout
from ludwig.nn.mlp import FullyConnectedStack
from ludwig.nn.reduce import ReductionName, SequenceReducer, reduces
from ludwig.nn.signal import Form, Shape, Signal
from ludwig.nn.transformer import Attention, AttentionSpec, FeedForward, TransformerStack
from ludwig.schema import param
from ludwig.schema.groups import filled

START = 0.02  # spread of the latents at first, as in the paper


class Reading(nn.Module):
    """The latents take from the tokens what their queries ask for: [B, L, H], [B, F, H] -> [B, L, H]."""

    def __init__(self, size: int, heads: int, dropout: float, spec: AttentionSpec) -> None:
        super().__init__()
        self.latent_norm, self.token_norm, self.norm = (nn.LayerNorm(size) for _ in range(3))
        self.attention = Attention(size, heads, spec=spec)
        self.feed_forward = FeedForward(size, size, dropout, spec=spec)
        self.dropout = Dropout(dropout)

    def forward(self, latents: Tensor, tokens: Tensor, mask: Tensor | None) -> Tensor:
        read = self.attention(self.latent_norm(latents), self.token_norm(tokens), mask)
        latents = latents + self.dropout(read)
        fed: Tensor = latents + self.dropout(self.feed_forward(self.norm(latents)))
        return fed


@COMBINERS.register("perceiver")
class PerceiverCombiner(Combiner):
    """A Perceiver: trainable latent vectors attend to all inputs, then to each other; their mean is the result.

    Use it for many inputs or long unreduced sequences: time grows with their number times `num_latents`, not with its
    square as in `transformer`. It costs `input size * latent_dim` weights an input and about `6 * latent_dim` squared
    for the first reading and for each layer after it.

    Takes vectors [B, H], tokens [B, C, H] and sequences [B, T, H], each step of which is a token; gives a vector [B,
    O], with `reduce_output: null` a sequence of all latents [B, L, O].

    Source: Jaegle et al. 2021, "Perceiver: General Perception with Iterative Attention", arXiv:2103.03206, with one
    reading of the inputs as in Jaegle et al. 2021, "Perceiver IO", arXiv:2107.14795.

    ```yaml
    combiner:
      type: perceiver
      num_latents: 16
      latent_dim: 128
      num_self_attention_layers: 2
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(FusionOptions, Combiner.Config):
        num_latents: int = param(32, min=1, help="Number of latent vectors. Raise it for many or long inputs.")
        latent_dim: int = param(256, min=1, help="Size of a latent vector. A multiple of num_heads.")
        num_heads: int = param(8, min=1, help="Number of attention heads.")
        num_self_attention_layers: int = param(
            2, min=1, help="Number of transformer layers between the latents, after they have read the inputs."
        )
        reduce_output: ReductionName | None = param(
            "mean", help="Reduction of the latents to one vector, such as mean or concat; null keeps all as a sequence."
        )

        def faults(self, forms: Sequence[Form], features: Sequence[str]) -> list[tuple[str, str]]:
            return super().faults(forms, features) + head_faults("latent_dim", self.latent_dim, self.num_heads)

        def gives(self, forms: Sequence[Form]) -> Form:
            return "vector" if reduces(self.reduce_output) else "sequence"

    def __init__(self, config: Config, sources: Sequence[Source]) -> None:
        nn.Module.__init__(self)
        size, heads, spec = config.latent_dim, config.num_heads, filled(AttentionSpec, config)
        self.tokens = FeatureTokens(sources, token_layer(size, config))
        self.latents = nn.Parameter(torch.randn(config.num_latents, size) * START)  # [L, H]
        self.reading = Reading(size, heads, config.dropout, spec)
        self.layers = TransformerStack(config.num_self_attention_layers, size, heads, size, config.dropout, spec=spec)
        self.reducer = SequenceReducer(config.reduce_output, size, config.num_latents)
        self.stack = FullyConnectedStack(self.reducer.output_size, config.stack())
        form = config.gives([source.shape.form for source in sources])
        self.shape = Shape(form, self.stack.output_size, config.num_latents if form == "sequence" else 1)

    def forward(self, signals: Sequence[Signal]) -> Signal:
        tokens, mask = self.tokens(signals)  # [B, F, H], [B, F]
        latents = self.reading(self.latents.expand(tokens.shape[0], -1, -1), tokens, mask)  # [B, L, H]
        latents = self.layers(latents)
        all_there = torch.ones_like(latents[..., 0], dtype=torch.bool)  # [B, L]
        if self.reducer.reduces:
            return Signal.vector(self.stack(self.reducer(latents, all_there)))  # [B, O]
        return Signal.sequence(self.stack(latents), all_there)  # [B, L, O]
