"""In how many texts each n-gram occurs.

U = distinct texts, M = places where an n-gram begins, R = distinct n-grams
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ludwig.features.tokenizer_base import END, Tokens

Ngram = tuple[Any, ...]  # its words, or the ids of its tokens where the tokenizer has a vocabulary
Lengths = tuple[int, int]  # of the shortest and of the longest n-grams


@dataclasses.dataclass(frozen=True)
class Documents:
    """How many texts there are, and in how many of them each n-gram occurs, the most frequent first."""

    count: int = 0
    ngrams: tuple[tuple[int, ...], ...] = ()  # the ids of their tokens
    counts: tuple[int, ...] = ()

    @classmethod
    def of(cls, count: int, seen: Mapping[Ngram, int], ids: Mapping[str, int] | None, most: int) -> Self:
        """The most frequent n-grams whose words all have an id; `ids`: None where n-grams are ids already."""
        known = {ngram: times for ngram, times in seen.items() if ids is None or all(word in ids for word in ngram)}
        kept = sorted(sorted(known), key=known.__getitem__, reverse=True)[:most]  # ties by their words
        return cls(count, tuple(_ids_of(kept, ids)), tuple(known[ngram] for ngram in kept))

    def to_json(self) -> dict[str, Any]:
        return {"count": self.count, "ngrams": [list(ngram) for ngram in self.ngrams], "counts": list(self.counts)}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        return cls(raw["count"], tuple(tuple(ngram) for ngram in raw["ngrams"]), tuple(raw["counts"]))


def _ids_of(ngrams: Sequence[Ngram], ids: Mapping[str, int] | None) -> Iterable[tuple[int, ...]]:
    return ngrams if ids is None else (tuple(ids[word] for word in ngram) for ngram in ngrams)


def document_counts(tokens: Tokens, times: NDArray[np.int64], lengths: Lengths) -> Counter[Ngram]:
    """In how many texts each n-gram of these lengths occurs, where the texts occur so many times: [U]."""
    text = np.repeat(np.arange(len(tokens.lengths)), tokens.lengths)
    _, ranks = np.unique(tokens.places, return_inverse=True)  # of the n-gram that begins at a place
    single = ranks
    counts: Counter[Ngram] = Counter()
    for length in range(1, lengths[1] + 1):
        begins = np.arange(len(text) - length + 1)
        begins = begins[text[begins] == text[begins + length - 1]] if len(begins) else begins[:0]  # [M]
        if length > 1:
            ranks = _ranked(ranks, single, begins, length, len(text))
        if length >= lengths[0] and len(begins):
            counts.update(_counted(tokens, times, text, ranks, begins, length))
    return counts


def _ranked(
    shorter: NDArray[np.int64], single: NDArray[np.int64], begins: NDArray[np.int64], length: int, total: int
) -> NDArray[np.int64]:
    """The rank of the n-gram at each place, from those of the n-gram without its last token and of that token."""
    pairs = shorter[begins] * (single.max(initial=0) + 1) + single[begins + length - 1]
    ranks = np.zeros(total, np.int64)
    ranks[begins] = np.unique(pairs, return_inverse=True)[1]
    return ranks


def _counted(
    tokens: Tokens,
    times: NDArray[np.int64],
    text: NDArray[np.int64],
    ranks: NDArray[np.int64],
    begins: NDArray[np.int64],
    length: int,
) -> dict[Ngram, int]:
    _, first = np.unique(ranks[begins], return_index=True)  # [R]
    once = np.unique(text[begins] * len(first) + ranks[begins])  # each n-gram of a text once
    counts = np.bincount(once % len(first), weights=times[once // len(first)], minlength=len(first)).astype(np.int64)
    shown = tokens.places[begins[first][:, None] + np.arange(length)]  # [R, length]
    words = tokens.words[shown].tolist() if len(tokens.words) else shown.tolist()
    return {tuple(ngram): count for ngram, count in zip(words, counts.tolist(), strict=True) if END not in ngram}
