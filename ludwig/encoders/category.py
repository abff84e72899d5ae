"""Encoders of category columns.

B = rows of the batch, C = columns of the group, V = categories of a column, H = size of a token
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.encoders.embeddings import EmbeddingDropoutOptions, TableOptions
from ludwig.encoders.word_vectors import load_word_vectors
from ludwig.features.category import CategoryFacts
from ludwig.nn.dropout import Dropout
from ludwig.nn.embedding import CategoryTable
from ludwig.nn.initializer import InitializerSpec, initialize
from ludwig.nn.signal import Shape, Signal
from ludwig.schema import param

NEAR_ZERO: InitializerSpec = {
    "type": "normal",
    "std": 0.01,
}  # at zero itself a ReLU that follows would give no gradient


def _sizes(facts: Sequence[CategoryFacts]) -> list[int]:
    return [len(fact.vocabulary) for fact in facts]


def _power_of_two(number: int) -> int:
    """The least power of two that is not below a number, which is 1 or more."""
    return 1 << (number - 1).bit_length()


@ENCODERS.register("dense", kinds=("category",), aliases=("embed",))
class DenseEncoder(Encoder):
    """A trainable embedding of each category. Columns of one size share one table, each with rows of its own.

    Use it as the first choice: categories that act alike come to lie side by side. It costs `embedding_size` weights a
    category. In a column of few categories an embedding is no larger than their number, rounded up to a power of two.

    Takes ids of a group of columns [B, C]; gives tokens [B, C, H].

    Source: Guo & Berkhahn 2016, "Entity Embeddings of Categorical Variables", arXiv:1604.06737.

    ```yaml
    name: city
    type: category
    encoder:
      type: dense
      embedding_size: 16
      dropout: 0.1
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(EmbeddingDropoutOptions, TableOptions, Encoder.Config):
        grouped: ClassVar[bool] = True
        embedding_size: int = param(
            8,
            min=1,
            help="Size of an embedding; in a column of few categories at most their number, rounded up to a power of "
            "two. Raise it for large vocabularies, lower it for little data.",
        )
        embedding_initializer: InitializerSpec | None = param(
            None, help="Initializer of the embeddings; null for uniform within 1 / sqrt(embedding_size)."
        )
        embeddings_trainable: bool = param(True, help="Whether the embeddings are trained; false freezes them.")

        def size_of_token(self, facts: CategoryFacts) -> int:
            if self.pretrained_embeddings:
                return self.embedding_size
            return min(self.embedding_size, _power_of_two(len(facts.vocabulary)))

    config: Config

    def __init__(self, config: Config, facts: Sequence[CategoryFacts]) -> None:
        super().__init__(config, facts)
        size = config.size_of_token(facts[0])  # that of all columns of the group
        self.table = CategoryTable(
            _sizes(facts),
            size,
            trainable=config.embeddings_trainable,
            on_cpu=config.embeddings_on_cpu,
            initializer=config.embedding_initializer,
        )
        self.dropout = Dropout(config.dropout) if config.dropout else nn.Identity()
        self.shape = Shape("tokens", size, len(facts))

    def start(self, facts: Sequence[CategoryFacts]) -> None:
        if self.config.pretrained_embeddings:
            for fact, rows in zip(facts, torch.split(self.table.weight.data, _sizes(facts)), strict=True):
                load_word_vectors(self.config.pretrained_embeddings, fact.vocabulary.ids, rows)

    def row_counts(self, name: str, weight: Tensor, facts: Sequence[CategoryFacts]) -> list[int]:
        return _sizes(facts)

    def forward(self, ids: Tensor) -> Signal:
        return Signal.tokens(self.dropout(self.table(ids)))  # [B, C, H]


@ENCODERS.register("onehot", kinds=("category",))
class OneHotEncoder(Encoder):
    """One-hot encoding: 1 at the place of the category, 0 elsewhere.

    Use it for few categories, and where a model shall be easy to explain. It has no weights of its own, and gives the
    next layer an input as wide as the vocabulary.

    Takes ids [B]; gives a vector [B, V].

    ```yaml
    name: colour
    type: category
    encoder: onehot
    ```
    """

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
    """An embedding as large as the vocabulary, which starts as one-hot codes.

    Use it in place of `onehot` where the codes shall be trained or come with dropout. It costs as many weights as the
    vocabulary has entries, squared, so keep it to small ones.

    Takes ids [B]; gives a vector [B, V].

    ```yaml
    name: colour
    type: category
    encoder:
      type: sparse
      embeddings_trainable: true
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(EmbeddingDropoutOptions, TableOptions, Encoder.Config):
        embedding_initializer: InitializerSpec | None = param(
            None, help="Initializer of the embeddings; null for one-hot codes."
        )
        embeddings_trainable: bool = param(False, help="Whether the embeddings are trained; false freezes them.")

    config: Config

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
        self.dropout = Dropout(config.dropout) if config.dropout else nn.Identity()
        self.shape = Shape("vector", len(vocabulary))

    def start(self, facts: Sequence[CategoryFacts]) -> None:
        if self.config.pretrained_embeddings:
            load_word_vectors(self.config.pretrained_embeddings, facts[0].vocabulary.ids, self.table.weight.data)

    def forward(self, ids: Tensor) -> Signal:
        return Signal.vector(self.dropout(self.table(ids.unsqueeze(1))).squeeze(1))  # [B, V]


@ENCODERS.register("passthrough", kinds=("category",))
class PassthroughEncoder(Encoder):
    """The id of the category as a number, a token of size 1 a column.

    Use it only where ids have an order that means something, or for another model that does its own encoding. It costs
    nothing and has no weights.

    Takes ids of a group of columns [B, C]; gives tokens [B, C, 1].

    ```yaml
    name: grade
    type: category
    encoder: passthrough
    ```
    """

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
    """A small embedding that starts near zero, so that a category has hardly any effect until training gives it one.

    Use it for large vocabularies with rare categories, which it keeps near zero and so near the mean of all. It costs
    `output_size` weights a category.

    Takes ids of a group of columns [B, C]; gives tokens [B, C, output_size].

    Source: the trained counterpart of target encoding, Micci-Barreca 2001, "A Preprocessing Scheme for
    High-Cardinality Categorical Attributes".

    ```yaml
    name: zip_code
    type: category
    encoder:
      type: target
      output_size: 2
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Encoder.Config):
        grouped: ClassVar[bool] = True
        output_size: int = param(
            1, min=1, help="Output size: that of the embedding of a category. Raise it for more than one effect."
        )

    def __init__(self, config: Config, facts: Sequence[CategoryFacts]) -> None:
        super().__init__(config, facts)
        self.table = CategoryTable(_sizes(facts), config.output_size, initializer=NEAR_ZERO)
        self.shape = Shape("tokens", config.output_size, len(facts))

    def row_counts(self, name: str, weight: Tensor, facts: Sequence[CategoryFacts]) -> list[int]:
        return _sizes(facts)

    def forward(self, ids: Tensor) -> Signal:
        return Signal.tokens(self.table(ids))  # [B, C, H]


@ENCODERS.register("hash", kinds=("category",))
class HashEncoder(Encoder):
    """A trainable embedding of the bucket that a category's hash falls into: a small table for a large vocabulary.

    Use it for vocabularies of millions, such as ids of users. It costs `num_hash_buckets * embedding_size` weights;
    categories of one bucket cannot be distinguished. The hash is the CRC-32 of the category in UTF-8.

    Takes ids [B]; gives a vector [B, embedding_size].

    Source: Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask Learning", arXiv:0902.2206.

    ```yaml
    name: user
    type: category
    encoder:
      type: hash
      num_hash_buckets: 4096
      embedding_size: 16
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Encoder.Config):
        num_hash_buckets: int = param(
            1024, min=1, help="Number of buckets. Raise it for fewer collisions, lower it for a smaller table."
        )
        embedding_size: int = param(50, min=1, help="Size of the embedding of a bucket.")

    buckets: Tensor  # [V]

    def __init__(self, config: Config, facts: Sequence[CategoryFacts]) -> None:
        super().__init__(config, facts)
        hashes = [zlib.crc32(word.encode()) % config.num_hash_buckets for word in facts[0].vocabulary.words]
        self.register_buffer("buckets", torch.tensor(hashes), persistent=False)
        self.table = nn.Embedding(config.num_hash_buckets, config.embedding_size)
        initialize(self.table.weight, "uniform")
        self.shape = Shape("vector", config.embedding_size)

    def forward(self, ids: Tensor) -> Signal:
        return Signal.vector(self.table(self.buckets[ids.long()]))  # [B, H]
