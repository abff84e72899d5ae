"""TabTransformer: attention between categories, beside plain numbers.

B = rows of the batch, F = tokens of a row, H = size of a token, N = numbers, O = size of the combined vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from ludwig.combiners.base import COMBINERS, Combiner, Source
from ludwig.combiners.options import TransformerOptions
from ludwig.combiners.tokens import FeatureTokens
from ludwig.nn.mlp import LayerSpec
from ludwig.nn.reduce import ReductionName, SequenceReducer, reduces
from ludwig.nn.signal import Form, Shape, Signal
from ludwig.nn.transformer import TransformerStack
from ludwig.schema import param

NUMERIC = frozenset({"number", "binary", "vector", "timeseries"})  # feature types whose inputs are not attended to
FEWEST = 3  # numbers that are normalised: of two nothing is left but which one is greater, of one nothing at all


class CategoryTokens(nn.Module):
    """Inputs as tokens that know their column: signals -> [B, F, H].

    The identity of a column is added to its token, or is a part of it of `identity_size` numbers (Huang et al. 2020,
    section 2, "column embedding"); with neither a token has none beside what its encoder gives.
    """

    def __init__(self, sources: Sequence[Source], layer: LayerSpec, identity: int | Literal["add"] | None) -> None:
        super().__init__()
        part = identity if isinstance(identity, int) else 0
        own = dataclasses.replace(layer, output_size=layer.output_size - part)
        self.tokens = FeatureTokens(sources, own, identity=identity == "add")
        self.count, self.size = self.tokens.count, layer.output_size
        start = torch.empty(self.count, part).uniform_(-(self.size**-0.5), self.size**-0.5)
        self.columns = nn.Parameter(start) if part else None  # [F, identity_size]

    def forward(self, signals: Sequence[Signal]) -> Tensor:
        tokens: Tensor = self.tokens(signals)[0]
        if self.columns is None:
            return tokens  # [B, F, H]
        return torch.cat([self.columns.expand(tokens.shape[0], -1, -1), tokens], dim=2)  # [B, F, H]


@COMBINERS.register("tabtransformer")
class TabTransformerCombiner(Combiner):
    """TabTransformer: self-attention between categories and other embedded inputs, beside normalised numbers.

    Use it for tables with many categories that depend on each other; where numbers decide, take `ft_transformer`, whose
    attention includes them, or `tabm`. Inputs of the types number, binary, vector and timeseries are concatenated
    after layer normalisation. It costs `input size * hidden_size` weights an embedded input and about `(4 * hidden_size
    + 2 * transformer_output_size) * hidden_size` a layer.

    Takes vectors [B, H] and tokens [B, C, H]; gives a vector [B, O].

    Source: Huang et al. 2020, "TabTransformer: Tabular Data Modeling Using Contextual Embeddings", arXiv:2012.06678.

    ```yaml
    combiner:
      type: tabtransformer
      hidden_size: 32
      num_layers: 6
      embed_input_feature_name: add
      num_fc_layers: 2
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(TransformerOptions, Combiner.Config):
        takes: ClassVar[frozenset[Form]] = frozenset({"vector", "tokens"})
        embed_input_feature_name: int | Literal["add"] | None = param(
            None,
            min=1,
            help="Column embedding: add adds a trainable vector of its column to each token, a number is the size of "
            "a part of the token for it; null for none.",
        )
        reduce_output: ReductionName | None = param(
            "concat", help="Reduction of the tokens to one vector, such as concat or mean."
        )

        def faults(self, forms: Sequence[Form], features: Sequence[str]) -> list[tuple[str, str]]:
            faults = super().faults(forms, features) + self.faults_of_heads()
            part = self.embed_input_feature_name
            if isinstance(part, int) and part >= self.hidden_size:
                text = f"Must be less than hidden_size, {self.hidden_size}. Received: {part}."
                faults.append(("embed_input_feature_name", text))
            if not reduces(self.reduce_output):
                text = "Must name a reduction, because its result stands beside the numbers. Set it to concat."
                faults.append(("reduce_output", text))
            return faults

    def __init__(self, config: Config, sources: Sequence[Source]) -> None:
        nn.Module.__init__(self)
        self.is_numeric = [source.kind in NUMERIC for source in sources]
        embedded = [source for source in sources if source.kind not in NUMERIC]
        numbers = sum(source.shape.flat_size for source in sources if source.kind in NUMERIC)
        self.norm: nn.Module = nn.LayerNorm(numbers) if numbers >= FEWEST else nn.Identity()
        self.tokens: CategoryTokens | None = None
        width = numbers
        if embedded:
            layer = dataclasses.replace(config.tokenizer(), use_bias=config.use_bias)
            self.tokens = CategoryTokens(embedded, layer, config.embed_input_feature_name)
            self.layers = TransformerStack(
                config.num_layers,
                config.hidden_size,
                config.num_heads,
                config.transformer_output_size,
                config.dropout,
                pre_norm=False,
                spec=config.attention(),
            )
            self.reducer = SequenceReducer(config.reduce_output, config.hidden_size, self.tokens.count)
            width += self.reducer.output_size
        self.stack = config.fully_connected(width)
        self.shape = Shape("vector", self.stack.output_size)

    def forward(self, signals: Sequence[Signal]) -> Signal:
        numbers = [s.values.flatten(1) for s, numeric in zip(signals, self.is_numeric, strict=True) if numeric]
        parts = [self.norm(torch.cat(numbers, dim=1))] if numbers else []  # [B, N]
        if self.tokens is not None:
            tokens = self.tokens([s for s, numeric in zip(signals, self.is_numeric, strict=True) if not numeric])
            tokens = self.layers(tokens)  # [B, F, H]
            parts.append(
                self.reducer(tokens, torch.ones_like(tokens[..., 0], dtype=torch.bool))
            )  # [B, F * H] or [B, H]
        return Signal.vector(self.stack(torch.cat(parts, dim=1)))  # [B, O]
