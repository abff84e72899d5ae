"""Transformer layers over sequences of tokens or numbers.

B = rows of the batch, T = steps, E = size of a step's vector, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ludwig.columns.ragged import Padded
from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.encoders.sequence_base import ReduceOptions, SequenceEnd
from ludwig.encoders.steps import EmbeddingOptions, SequenceOfValues, Steps, TokenSteps, ValueSteps
from ludwig.features.tokens import TokenFacts
from ludwig.nn.dropout import Dropout
from ludwig.nn.embedding import Table
from ludwig.nn.reduce import ReductionName
from ludwig.nn.signal import Signal
from ludwig.nn.transformer import AttentionSpec, TransformerStack, heads_fault, started
from ludwig.schema import param
from ludwig.schema.groups import filled
from ludwig.schema.layers import HeadOptions, WeightOptions


class Transformer(Encoder):
    """Steps with the embeddings of their positions, transformer layers, a reduction and fully connected layers.

    Takes token ids or numbers [B, T]; gives a vector [B, H], or with `reduce_output: null` a sequence [B, T, H].

    Source: Vaswani et al. 2017, "Attention Is All You Need", arXiv:1706.03762; positions that are trained: Devlin et
    al. 2018, "BERT", arXiv:1810.04805; rotary ones: Su et al. 2021, "RoFormer", arXiv:2104.09864.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(ReduceOptions, HeadOptions, WeightOptions, Encoder.Config):
        hidden_size: int = param(
            256, min=1, help="Hidden size: that of the vector of a step. It must be a multiple of num_heads."
        )
        num_layers: int = param(1, min=1, help="Number of transformer layers.")
        num_heads: int = param(8, min=1, help="Number of attention heads.")
        transformer_output_size: int = param(
            256, min=1, help="Hidden size of the feed-forward network in each transformer layer."
        )
        use_rope: bool = param(
            False,
            help="Rotary position embeddings (RoPE) in place of trained ones: attention depends on distances between "
            "steps. It copes better with sequences longer than those of the training split.",
        )
        dropout: float = param(
            0.1, min=0, max=1, help="Dropout rate of embeddings and of each layer. Raise it against overfitting."
        )
        reduce_output: ReductionName | None = param(
            "last", help="Reduction of the steps to one vector, such as last, mean or attention; null keeps all steps."
        )

        def faults(self) -> list[tuple[str, str]]:
            fault = heads_fault(self.hidden_size, self.num_heads, self.use_rope)
            return [] if fault is None else [("hidden_size", fault)]

    def __init__(self, config: Config, steps: Steps) -> None:
        nn.Module.__init__(self)
        self.config, self.steps, spec = config, steps, filled(AttentionSpec, config)
        size = config.hidden_size
        self.enter = started(nn.Linear(steps.output_size, size, bias=config.use_bias), spec)
        self.positions = None if config.use_rope else Table(steps.longest, size)
        self.dropout = Dropout(config.dropout)
        self.layers = TransformerStack(
            config.num_layers,
            size,
            config.num_heads,
            config.transformer_output_size,
            config.dropout,
            rotary=config.use_rope,
            spec=spec,
        )
        self.end = SequenceEnd(config.reduce_output, size, steps.longest, config.stack())
        self.shape = self.end.shape

    def forward(self, column: Padded) -> Signal:
        values, mask = self.steps(column)  # [B, T, E], [B, T]
        values = self.enter(values.masked_fill(~mask.unsqueeze(-1), 0.0))  # [B, T, H]
        if self.positions is not None:
            values = values + self._positions(self.positions, values)
        signal: Signal = self.end(self.layers(self.dropout(values), mask), mask)
        return signal

    def _positions(self, table: Table, values: Tensor) -> Tensor:
        """The embeddings of the positions; those past the longest sequence of the training split are as its last."""
        places = torch.arange(values.shape[1], device=values.device).clamp_max(self.steps.longest - 1)
        embedded: Tensor = table(places)
        return embedded  # [T, H]


@ENCODERS.register("transformer", kinds=("text", "sequence"))
class TextTransformer(Transformer):
    """Embedded tokens and their positions, then transformer layers, in which every token attends to all others.

    Use it where words decide together that stand apart from each other, and there are many texts: with few, `ngrams` or
    `parallel_cnn` do better, and a pretrained transformer does best. Cost grows with the square of the number of
    tokens.

    Takes token ids [B, T]; gives a vector [B, H], or with `reduce_output: null` a sequence [B, T, H].

    Source: Vaswani et al. 2017, "Attention Is All You Need", arXiv:1706.03762; positions that are trained: Devlin et
    al. 2018, "BERT", arXiv:1810.04805; rotary ones: Su et al. 2021, "RoFormer", arXiv:2104.09864.

    ```yaml
    name: review
    type: text
    encoder:
      type: transformer
      num_layers: 2
      hidden_size: 128
      embedding_size: 128
      use_rope: true
      reduce_output: mean
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(EmbeddingOptions, Transformer.Config):
        pass

    steps: TokenSteps

    def __init__(self, config: Config, facts: Sequence[TokenFacts]) -> None:
        super().__init__(config, TokenSteps(config, facts[0]))

    def start(self, facts: Sequence[TokenFacts]) -> None:
        self.steps.start(facts[0])


@ENCODERS.register("transformer", kinds=("timeseries", "combined"))
class ValuesTransformer(Transformer):
    """The steps of a series and their positions, then transformer layers, in which every step attends to all others.

    Use it where steps decide together that lie apart from each other, in many series; `patchtst` does so at a fraction
    of the cost, which grows with the square of the number of steps.

    Takes numbers [B, T] or vectors [B, T, E]; gives a vector [B, H], or with `reduce_output: null` a sequence [B, T,
    H].

    Source: Vaswani et al. 2017, "Attention Is All You Need", arXiv:1706.03762; positions that are trained: Devlin et
    al. 2018, "BERT", arXiv:1810.04805; rotary ones: Su et al. 2021, "RoFormer", arXiv:2104.09864.

    ```yaml
    name: load
    type: timeseries
    encoder:
      type: transformer
      num_layers: 2
      hidden_size: 64
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Transformer.Config):
        pass

    def __init__(self, config: Config, facts: Sequence[SequenceOfValues]) -> None:
        super().__init__(config, ValueSteps(facts[0]))
