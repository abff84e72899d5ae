"""How the steps of a ragged column become vectors: tokens by an embedding, numbers as they are.

B = rows of the batch, T = steps, E = size of a step's vector
"""

from __future__ import annotations

import dataclasses
from typing import Protocol

from torch import Tensor, nn

from ludwig.columns.ragged import Padded
from ludwig.encoders.embeddings import TableOptions
from ludwig.encoders.word_vectors import load_word_vectors
from ludwig.features.tokens import TokenFacts
from ludwig.nn.embedding import TokenEmbedding
from ludwig.nn.initializer import InitializerSpec
from ludwig.schema import param


@dataclasses.dataclass(frozen=True, kw_only=True)
class EmbeddingOptions(TableOptions):
    """An embedding of tokens."""

    embedding_size: int = param(
        256, min=1, help="Size of the embedding of a token. Raise it for large vocabularies, lower it for little data."
    )
    embeddings_trainable: bool = param(True, help="Whether the embeddings are trained; false freezes them.")


class TokenSteps(nn.Module):
    """An embedding of each token: [B, T] -> [B, T, E], [B, T]."""

    def __init__(
        self,
        options: EmbeddingOptions,
        facts: TokenFacts,
        initializer: InitializerSpec | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embedding = TokenEmbedding(
            facts.ids,
            options.embedding_size,
            trainable=options.embeddings_trainable,
            on_cpu=options.embeddings_on_cpu,
            initializer=initializer,
            dropout=dropout,
        )
        self.word_vectors = options.pretrained_embeddings
        self.output_size = options.embedding_size
        self.longest = facts.longest

    def start(self, facts: TokenFacts) -> None:
        """Reads word vectors, where a file of them is given."""
        if self.word_vectors is not None:
            load_word_vectors(self.word_vectors, facts.vocabulary.ids, self.embedding.weight.data)

    def forward(self, column: Padded) -> tuple[Tensor, Tensor]:
        return self.embedding(column.values), column.mask


class SequenceOfValues(Protocol):
    """What the fitted state of a column of numbers or vectors by steps has."""

    @property
    def longest(self) -> int: ...  # steps

    @property
    def channels(self) -> int: ...  # numbers of a step


class ValueSteps(nn.Module):
    """Each step's numbers as they are: [B, T] or [B, T, E] -> [B, T, E], [B, T]."""

    def __init__(self, facts: SequenceOfValues) -> None:
        super().__init__()
        self.output_size = facts.channels
        self.longest = facts.longest

    def forward(self, column: Padded) -> tuple[Tensor, Tensor]:
        values = column.values
        return values if values.dim() == 3 else values.unsqueeze(-1), column.mask


Steps = TokenSteps | ValueSteps
