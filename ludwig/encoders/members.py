"""Encoders of sets and bags of tokens.

B = rows of the batch, T = tokens of the fullest row, E = size of an embedding, H = size of the vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from torch import Tensor, nn

from ludwig.columns.ragged import Padded
from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.encoders.embeddings import TableOptions
from ludwig.encoders.small_stack import SmallStackOptions
from ludwig.encoders.word_vectors import load_word_vectors
from ludwig.features.members import MemberFacts
from ludwig.nn.embedding import Table
from ludwig.nn.mlp import FullyConnectedStack
from ludwig.nn.signal import Shape, Signal
from ludwig.schema import param


class MemberEmbed(Encoder):
    """The weighted sum of the embeddings of a row's tokens, then fully connected layers.

    The sum is divided by the root of the mean number of tokens, so that it starts at the size of one embedding.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(SmallStackOptions, TableOptions, Encoder.Config):
        embedding_size: int = param(
            50,
            min=1,
            help="Size of the embedding of a token. Raise it for large vocabularies, lower it for little data.",
        )
        embeddings_trainable: bool = param(True, help="Whether the embeddings are trained; false freezes them.")

        def table_size(self, facts: MemberFacts) -> int:
            """The size of an embedding for a column."""
            return self.embedding_size

    config: Config

    def __init__(self, config: Config, facts: Sequence[MemberFacts]) -> None:
        nn.Module.__init__(self)
        self.config, size = config, config.table_size(facts[0])
        self.table = Table(
            len(facts[0].vocabulary),
            size,
            trainable=config.embeddings_trainable,
            on_cpu=config.embeddings_on_cpu,
        )
        self.scale = max(facts[0].mean_size, 1.0) ** -0.5
        self.stack = FullyConnectedStack(size, config.stack())
        self.shape = Shape("vector", self.stack.output_size)

    def start(self, facts: Sequence[MemberFacts]) -> None:
        if self.config.pretrained_embeddings:
            load_word_vectors(self.config.pretrained_embeddings, facts[0].vocabulary.ids, self.table.weight.data)

    def ids_and_weights(self, column: Padded) -> tuple[Tensor, Tensor]:
        """The ids of the tokens, and how much each counts: [B, T], [B, T]."""
        return column.values, column.mask.to(self.table.weight.dtype)

    def forward(self, column: Padded) -> Signal:
        ids, weights = self.ids_and_weights(column)
        ids = ids.masked_fill(~column.mask, 0)
        weights = weights.masked_fill(~column.mask, 0.0) * self.scale
        total = (weights.unsqueeze(1) @ self.table(ids)).squeeze(1)  # [B, E]
        return Signal.vector(self.stack(total))  # [B, H]


@ENCODERS.register("embed", kinds=("set",))
class EmbedSetEncoder(MemberEmbed):
    """The sum of the trainable embeddings of a set's members, then fully connected layers.

    Use it for every set: members add up, and fully connected layers let them act together. It costs one look-up a
    member and `embedding_size` weights a token of the vocabulary. An empty set gives zeros before the layers.

    Takes ids [B, T]; gives a vector [B, embedding_size], or [B, output_size] with fully connected layers.

    Source: Zaheer et al. 2017, "Deep Sets", arXiv:1703.06114, theorem 2.

    ```yaml
    name: genres
    type: set
    encoder:
      type: embed
      embedding_size: 16
      num_fc_layers: 1
      output_size: 32
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(MemberEmbed.Config):
        pass


@ENCODERS.register("embed", kinds=("bag",))
class EmbedBagEncoder(MemberEmbed):
    """The sum of the trainable embeddings of a bag's tokens, each weighted by its count, then fully connected layers.

    Use it for every bag. It costs one look-up a different token and `embedding_size` weights a token of the vocabulary;
    for a small vocabulary an embedding is no larger than it, unless `force_embedding_size` is set. An empty bag gives
    zeros before the layers.

    Takes ids and counts [B, T, 2]; gives a vector [B, embedding_size], or [B, output_size] with fully connected layers.

    Source: Zaheer et al. 2017, "Deep Sets", arXiv:1703.06114, theorem 2, with counts as weights.

    ```yaml
    name: basket
    type: bag
    encoder:
      type: embed
      embedding_size: 16
      force_embedding_size: true
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(MemberEmbed.Config):
        force_embedding_size: bool = param(
            False, help="Embedding size as set, also where the vocabulary is smaller; false takes the size of that."
        )

        def table_size(self, facts: MemberFacts) -> int:
            if self.force_embedding_size or self.pretrained_embeddings:
                return self.embedding_size
            return min(self.embedding_size, len(facts.vocabulary))

    def ids_and_weights(self, column: Padded) -> tuple[Tensor, Tensor]:
        return column.values[..., 0], column.values[..., 1].to(self.table.weight.dtype)
