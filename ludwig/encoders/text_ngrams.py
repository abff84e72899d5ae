"""Bags of n-grams: which words and which pairs of words a text has.

B = rows of the batch, T = steps, N = n-grams of a text, V = ids of tokens, H = size of an embedding
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ludwig.columns.ragged import Padded
from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.features.labels import Vocabulary
from ludwig.features.tokens import TokenFacts
from ludwig.nn.embedding import Table
from ludwig.nn.signal import Shape, Signal
from ludwig.schema import param

COMMON = 1e-3  # share of all tokens from which a word weighs less
NETWORK_SCALE = 0.001  # of what goes into the network, which else fits rare words by heart
START = 0.01  # standard deviation of the embeddings before training
SMALL_BATCH = 64  # rare words come up in few batches; smaller ones took less time and ended with less loss
BUCKETS = (2**12, 2**16)  # bounds of an automatic number
FACTORS = (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F)  # odd ones of 32 bits, of an n-gram's places
UNKNOWN_ID = 1  # of a fitted vocabulary


@ENCODERS.register("ngrams", kinds=("text",))
class NgramsEncoder(Encoder):
    """Bag of n-grams: trained embeddings of a text's words and runs of words, added up and scaled to unit weight. The
    outputs read it by a linear layer of their own, past the combiner, which reads it too.

    Use it as the default of texts: it is fast, and on a few thousand texts it did at least as well as encoders that
    read them in order, and as logistic regression on tf-idf (docs/quality.md). Runs of words share the rows of a table
    of hashes; frequent words weigh less. It costs one look-up an n-gram, and its weights are the table: `(vocabulary +
    num_buckets) * embedding_size`.

    Takes token ids [B, T]; gives a vector [B, embedding_size], twice: for the combiner and for linear layers.

    Sources: Joulin et al. 2017, "Bag of Tricks for Efficient Text Classification" (fastText), arXiv:1607.01759; weights
    by frequency as in Mikolov et al. 2013, arXiv:1310.4546, section 2.3, and Arora et al. 2017, "A Simple but
    Tough-to-Beat Baseline for Sentence Embeddings"; the linear part beside a network as in Cheng et al. 2016, "Wide &
    Deep Learning", arXiv:1606.07792.

    ```yaml
    name: review
    type: text
    encoder:
      type: ngrams
      embedding_size: 16
      max_ngram: 3
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Encoder.Config):
        embedding_size: int = param(32, min=1, help="Size of the embedding of an n-gram.")
        max_ngram: int = param(
            2, min=1, max=len(FACTORS), help="Longest n-gram in words; 1 for single words only, 2 for pairs too."
        )
        num_buckets: int | None = param(
            None,
            min=1,
            help="Number of hash buckets for n-grams of several words; null takes as many as the training split has "
            "tokens, between 4096 and 65536.",
        )
        ignore_case: bool = param(True, help="Whether words that differ in upper and lower case are one.")

        @property
        def suggested_learning_rate(self) -> float:
            return 0.001

        @property
        def suggested_batch_size(self) -> int:
            return SMALL_BATCH

    word: Tensor  # [V], the id that stands for each id
    weight: Tensor  # [V], how much a token of each id counts

    config: Config

    def __init__(self, config: Config, facts: Sequence[TokenFacts]) -> None:
        super().__init__(config, facts)
        vocabulary = facts[0].vocabulary
        self.buckets = 0 if config.max_ngram == 1 else config.num_buckets or _buckets(vocabulary)
        self.table = Table(facts[0].ids + self.buckets, config.embedding_size)
        nn.init.normal_(self.table.weight, std=START)  # near zero, so that what training has not seen adds nothing
        word = _folded(vocabulary, facts[0].ids) if config.ignore_case else torch.arange(facts[0].ids)
        self.register_buffer("word", word, persistent=False)
        self.register_buffer("weight", _weights(vocabulary, word), persistent=False)
        self.reads_unknown = not len(vocabulary)  # the ids of a pretrained tokenizer are all known
        self.shape = Shape("vector", config.embedding_size, linear=config.embedding_size)

    def forward(self, column: Padded) -> Signal:
        ids = self.word[column.values.long()]  # [B, T]
        weights = torch.where(column.mask, self.weight[ids], 0.0)  # [B, T]
        known = column.mask if self.reads_unknown else column.mask & (ids != UNKNOWN_ID)
        rows, counted = [ids], [weights]
        for length in range(2, min(self.config.max_ngram, ids.shape[1]) + 1):
            rows.append(self._hashed(ids, length))
            there = known.unfold(1, length, 1).all(-1)  # [B, T - length + 1]
            counted.append(weights.unfold(1, length, 1).mean(-1) * there)
        values = self._added(torch.cat(rows, dim=1), torch.cat(counted, dim=1))  # [B, H]
        return dataclasses.replace(Signal.vector(values * NETWORK_SCALE), linear=values)

    def _hashed(self, ids: Tensor, length: int) -> Tensor:
        """The row of each n-gram of this length: [B, T] -> [B, T - length + 1]."""
        parts = [ids[:, place : ids.shape[1] - length + 1 + place] * FACTORS[place] for place in range(length)]
        mixed = torch.stack(parts).sum(0) & 0xFFFFFFFF
        return len(self.word) + (mixed ^ (mixed >> 15)) % self.buckets

    def _added(self, rows: Tensor, weights: Tensor) -> Tensor:
        """The sum of the embeddings by their weights, over the root of the sum of their squares: [B, N] -> [B, H]."""
        unit = weights / weights.square().sum(1, keepdim=True).sqrt().clamp_min(1e-6)
        table = self.table.weight
        if rows.shape[1] == 0:
            return table.new_zeros(len(rows), table.shape[1])
        return functional.embedding_bag(rows, table, per_sample_weights=unit.to(table), mode="sum")


def _buckets(vocabulary: Vocabulary) -> int:
    """A power of two for the tokens that were counted; the most where a pretrained tokenizer counts none."""
    low, high = BUCKETS
    tokens = sum(vocabulary.counts) if len(vocabulary) else high
    return min(max(1 << math.ceil(math.log2(max(tokens, 1))), low), high)


def _folded(vocabulary: Vocabulary, ids: int) -> Tensor:
    """For each id the first one of a word that differs in case only: [V]."""
    first: dict[str, int] = {}
    known = [first.setdefault(word.casefold(), place) for place, word in enumerate(vocabulary.words)]
    return torch.tensor([*known, *range(len(known), ids)])


def _weights(vocabulary: Vocabulary, word: Tensor) -> Tensor:
    """How much a token of each id counts: frequent words little: [V]. Unknown words count, so that a text of many of
    them has a short vector."""
    if not len(vocabulary):
        return torch.ones(len(word))
    counts = torch.zeros(len(word)).index_add(0, word, torch.tensor(vocabulary.counts, dtype=torch.float32))
    return (1 + counts / counts.sum().clamp_min(1) / COMMON).rsqrt()[word]
