"""Transformers over the inputs, each of which is a token.

B = rows of the batch, F = tokens of a row, H = size of a token, O = size of the combined vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import nn

from ludwig.combiners.base import COMBINERS, Combiner, Source
from ludwig.combiners.options import TransformerOptions
from ludwig.combiners.tokens import FeatureTokens
from ludwig.nn.reduce import ReductionName, SequenceReducer, reduces
from ludwig.nn.signal import Form, Shape, Signal
from ludwig.nn.transformer import TransformerBlock, TransformerStack
from ludwig.schema import param


@COMBINERS.register("transformer")
class TransformerCombiner(Combiner):
    """Each input as a token, self-attention between all of them, then the mean of the tokens and an MLP.

    Use it where what one input means depends on others, with some thousands of rows or more; `tabm` or `concat` train
    quicker. Each step of an unreduced sequence is a token, so text, series and columns can attend to each other. It
    costs `input size * hidden_size` weights an input and about `(4 * hidden_size + 2 * transformer_output_size) *
    hidden_size` a layer; time grows with the square of the number of tokens.

    Takes vectors [B, H], tokens [B, C, H] and sequences [B, T, H]; gives a vector [B, O], with `reduce_output: null` a
    sequence of all tokens [B, F, O].

    Source: Vaswani et al. 2017, "Attention Is All You Need", arXiv:1706.03762; pre-norm layers: Xiong et al. 2020,
    arXiv:2002.04745.

    ```yaml
    combiner:
      type: transformer
      hidden_size: 64
      num_heads: 4
      num_layers: 2
      reduce_output: mean
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(TransformerOptions, Combiner.Config):
        reduce_output: ReductionName | None = param(
            "mean", help="Reduction of the tokens to one vector, such as mean or concat; null keeps all as a sequence."
        )

        def faults(self, forms: Sequence[Form], features: Sequence[str]) -> list[tuple[str, str]]:
            faults = super().faults(forms, features) + self.faults_of_heads()
            if self.reduce_output == "concat" and "sequence" in forms:
                faults.append(("reduce_output", "Cannot be concat where an input is a sequence. Set it to mean."))
            return faults

        def gives(self, forms: Sequence[Form]) -> Form:
            return "vector" if reduces(self.reduce_output) else "sequence"

    def __init__(self, config: Config, sources: Sequence[Source]) -> None:
        nn.Module.__init__(self)
        self.tokens = FeatureTokens(sources, config.tokenizer())
        self.layers = TransformerStack(
            config.num_layers,
            config.hidden_size,
            config.num_heads,
            config.transformer_output_size,
            config.dropout,
            spec=config.attention(),
        )
        self.reducer = SequenceReducer(config.reduce_output, config.hidden_size, self.tokens.count)
        self.stack = config.fully_connected(self.reducer.output_size)
        form = config.gives([source.shape.form for source in sources])
        self.shape = Shape(form, self.stack.output_size, self.tokens.count if form == "sequence" else 1)

    def forward(self, signals: Sequence[Signal]) -> Signal:
        tokens, mask = self.tokens(signals)  # [B, F, H], [B, F]
        tokens = self.layers(tokens, mask)
        there = torch.ones_like(tokens[..., 0], dtype=torch.bool) if mask is None else mask  # [B, F]
        if self.reducer.reduces:
            return Signal.vector(self.stack(self.reducer(tokens, there)))  # [B, O]
        return Signal.sequence(self.stack(tokens, there), there)  # [B, F, O]


@COMBINERS.register("ft_transformer")
class FtTransformerCombiner(Combiner):
    """FT-Transformer: each input as a token beside a class token, from which the combined vector is read.

    Use it for tables whose columns interact, with some thousands of rows or more, and raise `num_layers` to 3 as in the
    paper if training time allows; `tabm` is quicker and often as good. It costs `input size * hidden_size` weights an
    input and about `(4 * hidden_size + 3 * transformer_output_size) * hidden_size` a layer; time grows with the square
    of the number of columns.

    Takes vectors [B, H] and tokens [B, C, H]; gives a vector [B, O].

    Source: Gorishniy et al. 2021, "Revisiting Deep Learning Models for Tabular Data", arXiv:2106.11959, section 3.3:
    pre-norm layers with ReGLU, the first of them without its first norm. Dropout is that of residual branches and of
    the feed-forward network; attention weights have none.

    ```yaml
    combiner:
      type: ft_transformer
      hidden_size: 192
      num_layers: 3
      dropout: 0.1
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(TransformerOptions, Combiner.Config):
        takes: ClassVar[frozenset[Form]] = frozenset({"vector", "tokens"})

        def faults(self, forms: Sequence[Form], features: Sequence[str]) -> list[tuple[str, str]]:
            return super().faults(forms, features) + self.faults_of_heads()

    def __init__(self, config: Config, sources: Sequence[Source]) -> None:
        nn.Module.__init__(self)
        self.tokens = FeatureTokens(sources, config.tokenizer())
        size = config.hidden_size
        self.class_token = nn.Parameter(torch.empty(size).uniform_(-(size**-0.5), size**-0.5))  # [H]
        self.layers = nn.ModuleList(
            TransformerBlock(
                size,
                config.num_heads,
                config.transformer_output_size,
                config.dropout,
                name="reglu",
                normalises_first=place > 0,
                spec=config.attention(),
            )
            for place in range(config.num_layers)
        )
        self.norm = nn.LayerNorm(size)
        self.stack = config.fully_connected(size)
        self.shape = Shape("vector", self.stack.output_size)

    def forward(self, signals: Sequence[Signal]) -> Signal:
        tokens, _ = self.tokens(signals)  # [B, F, H]
        tokens = torch.cat([self.class_token.expand(tokens.shape[0], 1, -1), tokens], dim=1)  # [B, 1 + F, H]
        for layer in self.layers:
            tokens = layer(tokens)
        read = self.norm(tokens[:, 0]).relu()  # [B, H], eq. 5 of the paper
        return Signal.vector(self.stack(read))  # [B, O]
