"""Texts as vectors of the weights of their n-grams.

B = rows of the batch, T = steps, S = n-grams of one length in a text, V = n-grams that count, M = those of one length
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ludwig.columns.ragged import Padded
from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.error import ConfigValidationError
from ludwig.features.ngrams import Documents
from ludwig.features.tokens import TokenFacts
from ludwig.nn.signal import Shape, Signal
from ludwig.schema import param


class NgramTable(nn.Module):
    """Where the n-grams of one length stand in the vector. An n-gram's key is the number that its ids are digits of."""

    keys: Tensor  # [M], in ascending order
    places: Tensor  # [M]

    def __init__(self, ngrams: Sequence[tuple[int, ...]], places: Sequence[int], base: int) -> None:
        """`base`: how many ids tokens may have. Keys of very long n-grams wrap around, as those of a hash do."""
        super().__init__()
        self.length, self.base = len(ngrams[0]), base
        keys, order = self._keys(torch.tensor(ngrams)).sort()
        self.register_buffer("keys", keys, persistent=False)
        self.register_buffer("places", torch.tensor(places)[order], persistent=False)

    def _keys(self, ngrams: Tensor) -> Tensor:
        """[..., length] -> [...]"""
        keys = torch.zeros_like(ngrams[..., 0])
        for digit in ngrams.unbind(-1):
            keys = keys * self.base + digit
        return keys

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The place of each n-gram of the texts, and whether it has one: [B, T], [B, T] -> [B, S], [B, S]."""
        if self.length > ids.shape[1]:
            return ids[:, :0], mask[:, :0]
        keys = self._keys(ids.unfold(1, self.length, 1)).contiguous()  # [B, S]
        found = torch.searchsorted(self.keys, keys).clamp_max(len(self.keys) - 1)
        return self.places[found], (self.keys[found] == keys) & mask.unfold(1, self.length, 1).all(-1)


@ENCODERS.register("tf_idf", kinds=("text",))
class TfIdfEncoder(Encoder):
    """Tf-idf: how often each word or n-gram occurs in the text, times the logarithm of how few texts of the training
    split have it, scaled to unit length.

    Use it as a baseline for topics and for long texts of few words that matter; `ngrams` starts from the same and
    trains the weights. It has no weights of its own, and the vector is as wide as the vocabulary, which
    `preprocessing.most_common`, `min_df` and `max_df` bound: the first layer after it costs so many weights for each of
    its outputs.

    Takes token ids [B, T]; gives a vector [B, V].

    Source: Spärck Jones 1972, "A statistical interpretation of term specificity and its application in retrieval", as
    scikit-learn's TfidfVectorizer computes it by default.

    ```yaml
    name: review
    type: text
    preprocessing:
      lowercase: true
      most_common: 5000
    encoder:
      type: tf_idf
      ngram_range: [1, 2]
      min_df: 2
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Encoder.Config):
        ngram_range: list[int] = param(
            lambda: [1, 1], min=1, length=2, help="N-gram lengths: that of the shortest and of the longest n-grams."
        )
        max_df: float = param(
            1.0, min=0, max=1, help="Maximum document frequency: n-grams in a larger share of the texts are left out."
        )
        min_df: int = param(
            1, min=0, help="Minimum document frequency: n-grams that occur in fewer texts are left out."
        )

        @property
        def suggested_learning_rate(self) -> float:
            return 0.001

        def requires(self) -> Mapping[str, Any]:
            return {"counted_ngrams": tuple(self.ngram_range)}

        def faults(self) -> list[tuple[str, str]]:
            if self.ngram_range[0] <= self.ngram_range[1]:
                return []
            return [("ngram_range", f"Must begin with the shorter length. Received: {self.ngram_range}.")]

    weights: Tensor  # [V], the inverse document frequencies

    def __init__(self, config: Config, facts: Sequence[TokenFacts]) -> None:
        super().__init__(config, facts)
        documents = facts[0].documents
        kept = self._kept(config, documents)
        counts = torch.tensor([documents.counts[place] for place in kept], dtype=torch.float64)
        weights = torch.log((1 + documents.count) / (1 + counts)) + 1
        self.register_buffer("weights", weights.float(), persistent=False)
        by_length: dict[int, list[int]] = {}
        for place, source in enumerate(kept):
            by_length.setdefault(len(documents.ngrams[source]), []).append(place)
        self.tables = nn.ModuleList(
            NgramTable([documents.ngrams[kept[place]] for place in places], places, facts[0].ids)
            for _, places in sorted(by_length.items())
        )
        self.shape = Shape("vector", len(kept))

    @staticmethod
    def _kept(config: Config, documents: Documents) -> list[int]:
        """The n-grams whose document frequency lies within the bounds.

        Raises:
            ConfigValidationError: There are none.
        """
        most = config.max_df * documents.count
        kept = [place for place, count in enumerate(documents.counts) if config.min_df <= count <= most]
        if not kept:
            raise ConfigValidationError(
                f"encoder: of the {len(documents.counts)} n-grams of the training split none occurs in at least "
                f"{config.min_df} and at most {most:g} of its {documents.count} texts. Lower min_df or raise max_df."
            )
        return kept

    def forward(self, column: Padded) -> Signal:
        ids = column.values.long()  # [B, T]
        counts = self.weights.new_zeros(ids.shape[0], len(self.weights))  # [B, V]
        for table in self.tables:
            places, there = table(ids, column.mask)  # [B, S] each
            counts = counts.scatter_add(1, places, there.to(counts.dtype))
        return Signal.vector(functional.normalize(counts * self.weights))  # [B, V]
