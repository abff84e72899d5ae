"""Encoders of category columns.

B = rows of the batch, C = columns of the group, V = words of a column, H = size of a token
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.encoders.word_vectors import load_word_vectors
from ludwig.features.category import CategoryFacts
from ludwig.nn.dropout import Dropout
from ludwig.nn.embedding import CategoryTable
from ludwig.nn.initializer import InitializerSpec, initialize
from ludwig.nn.signal import Shape, Signal
from ludwig.schema import param


def _sizes(facts: Sequence[CategoryFacts]) -> list[int]:
    return [len(fact.vocabulary) for fact in facts]


@ENCODERS.register("dense", kinds=("category",), aliases=("embed",))
class DenseEncoder(Encoder):
    """A learned embedding of each word. All columns of the group share one table, each with rows of its own.

    A token is no wider than the largest vocabulary of the group.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Encoder.Config):
        grouped: ClassVar[bool] = True
        embedding_size: int = param(50, min=1, help="Size of an embedding; the largest vocabulary caps it.")
        embedding_initializer: InitializerSpec | None = param(None, help="How the embeddings start.")
        embeddings_trainable: bool = param(True, help="Whether the embeddings are learned.")
        embeddings_on_cpu: bool = param(False, help="Whether the table stays in the CPU's memory.")
        pretrained_embeddings: str | None = param(None, help="A file of word vectors to start from (GloVe format).")
        dropout: float = param(0.0, min=0, max=1, help="Share of the numbers that is dropped in training.")

    def __init__(self, config: Config, facts: Sequence[CategoryFacts]) -> None:
        super().__init__(config, facts)
        sizes = _sizes(facts)
        size = config.embedding_size if config.pretrained_embeddings else min(config.embedding_size, max(sizes))
        self.table = CategoryTable(
            sizes,
            size,
            trainable=config.embeddings_trainable,
            on_cpu=config.embeddings_on_cpu,
            initializer=config.embedding_initializer,
        )
        if config.pretrained_embeddings:
            for fact, rows in zip(facts, torch.split(self.table.weight.data, sizes), strict=True):
                load_word_vectors(config.pretrained_embeddings, fact.vocabulary.ids, rows)
        self.dropout = Dropout(config.dropout) if config.dropout else nn.Identity()
        self.shape = Shape("tokens", size, len(facts))

    def forward(self, ids: Tensor) -> Signal:
        return Signal.tokens(self.dropout(self.table(ids)))  # [B, C, H]


@ENCODERS.register("onehot", kinds=("category",))
class OneHotEncoder(Encoder):
    """1 at the place of the word, 0 elsewhere; nothing is learned."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Encoder.Config):
        pass

    def __init__(self, config: Config, facts: Sequence[CategoryFacts]) -> None:
        super().__init__(config, facts)
        self.shape = Shape("vector", len(facts[0].vocabulary))

    def forward(self, ids: Tensor) -> Signal:
        return Signal.vector(nn.functional.one_hot(ids.long(), self.shape.size).float())  # [B, V]


@ENCODERS.register("sparse", kinds=("category",))
class SparseEncoder(Encoder):
    """An embedding as wide as the vocabulary that starts as one-hot codes."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Encoder.Config):
        embedding_initializer: InitializerSpec | None = param(None, help="How the codes start; null for one-hot.")
        embeddings_trainable: bool = param(False, help="Whether the codes are learned.")
        embeddings_on_cpu: bool = param(False, help="Whether the table stays in the CPU's memory.")
        pretrained_embeddings: str | None = param(None, help="A file of word vectors to start from (GloVe format).")
        dropout: float = param(0.0, min=0, max=1, help="Share of the numbers that is dropped in training.")

    def __init__(self, config: Config, facts: Sequence[CategoryFacts]) -> None:
        super().__init__(config, facts)
        vocabulary = facts[0].vocabulary
        self.table = CategoryTable(
            [len(vocabulary)],
            len(vocabulary),
            trainable=config.embeddings_trainable,
            on_cpu=config.embeddings_on_cpu,
            initializer=config.embedding_initializer or "identity",
        )
        if config.pretrained_embeddings:
            load_word_vectors(config.pretrained_embeddings, vocabulary.ids, self.table.weight.data)
        self.dropout = Dropout(config.dropout) if config.dropout else nn.Identity()
        self.shape = Shape("vector", len(vocabulary))

    def forward(self, ids: Tensor) -> Signal:
        return Signal.vector(self.dropout(self.table(ids.unsqueeze(1))).squeeze(1))  # [B, V]


@ENCODERS.register("passthrough", kinds=("category",))
class PassthroughEncoder(Encoder):
    """The id of the word as a number."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Encoder.Config):
        grouped: ClassVar[bool] = True

    def __init__(self, config: Config, facts: Sequence[CategoryFacts]) -> None:
        super().__init__(config, facts)
        self.shape = Shape("tokens", 1, len(facts))

    def forward(self, ids: Tensor) -> Signal:
        return Signal.tokens(ids.float().unsqueeze(-1))  # [B, C, 1]


@ENCODERS.register("target", kinds=("category",))
class TargetEncoder(Encoder):
    """A small embedding that starts at zero, so that a word says nothing until the target has taught it."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Encoder.Config):
        grouped: ClassVar[bool] = True
        output_size: int = param(1, min=1, help="Size of an embedding.")

    def __init__(self, config: Config, facts: Sequence[CategoryFacts]) -> None:
        super().__init__(config, facts)
        self.table = CategoryTable(_sizes(facts), config.output_size, initializer="zeros")
        self.shape = Shape("tokens", config.output_size, len(facts))

    def forward(self, ids: Tensor) -> Signal:
        return Signal.tokens(self.table(ids))  # [B, C, H]


@ENCODERS.register("hash", kinds=("category",))
class HashEncoder(Encoder):
    """An embedding of the bucket that a word's hash falls into, so that a large vocabulary needs a small table.

    Source: Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask Learning", arXiv:0902.2206. The hash is
    the CRC-32 of the word in UTF-8.
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Encoder.Config):
        num_hash_buckets: int = param(1024, min=1, help="How many buckets there are.")
        embedding_size: int = param(50, min=1, help="Size of an embedding.")

    buckets: Tensor  # [V]

    def __init__(self, config: Config, facts: Sequence[CategoryFacts]) -> None:
        super().__init__(config, facts)
        hashes = [zlib.crc32(word.encode()) % config.num_hash_buckets for word in facts[0].vocabulary.words]
        self.register_buffer("buckets", torch.tensor(hashes))
        self.table = nn.Embedding(config.num_hash_buckets, config.embedding_size)
        initialize(self.table.weight, "uniform")
        self.shape = Shape("vector", config.embedding_size)

    def forward(self, ids: Tensor) -> Signal:
        return Signal.vector(self.table(self.buckets[ids.long()]))  # [B, H]
