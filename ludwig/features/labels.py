"""What categories, sets and sequences share: words, their ids, and how often they occur."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ludwig.features.base import UNKNOWN, Tally
from ludwig.features.cells import Flags, Labels
from ludwig.features.spelling import value_of


@dataclass(frozen=True)
class Vocabulary:
    """Words by id, the most frequent first. Where there is an unknown word, its id is 0."""

    words: tuple[str, ...]
    counts: tuple[int, ...]

    @staticmethod
    def of(
        counts: Mapping[str, int], *, with_unknown: bool, most_common: int | None = None, min_count: int = 1
    ) -> Vocabulary:
        """Words by descending count, ties in the order of their code points; rare ones are unknown."""
        known = {word: count for word, count in counts.items() if count > 0 and word != UNKNOWN}
        ranked = by_frequency(known)
        kept = [word for word in ranked[:most_common] if known[word] >= min_count]
        unknown = counts.get(UNKNOWN, 0) + sum(known[word] for word in ranked[len(kept) :])
        if with_unknown or unknown:
            return Vocabulary((UNKNOWN, *kept), (unknown, *(known[word] for word in kept)))
        return Vocabulary(tuple(kept), tuple(known[word] for word in kept))

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def ids(self) -> dict[str, int]:
        """Id by word."""
        return {word: place for place, word in enumerate(self.words)}

    @cached_property
    def _ids_by_value(self) -> dict[Hashable, int]:
        """Id by the value that a word stands for; of several words for one value the most frequent."""
        values: dict[Hashable, int] = {}
        for place, word in enumerate(self.words):
            value = value_of(word)
            if value is not None:
                values.setdefault(value, place)
        return values

    def find(self, word: str) -> int | None:
        """The id of a word, or of another way to write the value that it stands for; None where it is not listed."""
        place = self.ids.get(word)
        if place is None and (value := value_of(word)) is not None:
            place = self._ids_by_value.get(value)
        return place

    @property
    def unknown_id(self) -> int:
        """The id of a word that is not listed; -1 where none is reserved."""
        return self.ids.get(UNKNOWN, -1)

    def encode(self, cells: Labels) -> NDArray[np.integer]:
        """The id of each cell: [N]; a missing cell is unknown. Only distinct words are looked up."""
        found = self._found(cells)
        table = np.where(found < 0, np.int32(self.unknown_id), found)
        return np.append(table, np.int32(self.unknown_id)).astype(self.dtype)[cells.codes]

    def unseen(self, cells: Labels) -> Flags | None:
        """Which cells have a word that is not listed: [N]; None where there is none. A missing cell has no word."""
        unlisted = self._found(cells) < 0
        return np.append(unlisted, False)[cells.codes] if unlisted.any() else None

    def _found(self, cells: Labels) -> NDArray[np.int32]:
        """The id of each distinct word, -1 where it is not listed: [U]."""
        places = (self.find(word) for word in cells.words)
        return np.fromiter((-1 if place is None else place for place in places), np.int32, len(cells.words))

    @property
    def dtype(self) -> type[np.integer]:
        """The smallest integers that hold all ids."""
        return np.int8 if len(self) <= 127 else np.int16 if len(self) <= 32767 else np.int32

    def to_json(self) -> dict[str, Any]:
        return {
            "idx2str": list(self.words),
            "str2idx": dict(self.ids),
            "str2freq": dict(zip(self.words, self.counts, strict=True)),
            "vocab_size": len(self.words),
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        words = tuple(raw["idx2str"])
        return cls(words, tuple(raw["str2freq"][word] for word in words))


def by_frequency(counts: Mapping[str, int]) -> list[str]:
    """The words by descending count, ties in the order of their code points: the order of rows does not show."""
    return sorted(sorted(counts), key=counts.__getitem__, reverse=True)  # sorting is stable, in reverse as well


class WordTally(Tally):
    """How often each word occurs."""

    def __init__(self, counts: Counter[str], missing: int) -> None:
        self.counts, self.missing = counts, missing

    def merge(self, other: Self) -> Self:
        return type(self)(self.counts + other.counts, self.missing + other.missing)

    @staticmethod
    def of(cells: Labels) -> WordTally:
        seen = Counter({word: count for word, count in zip(cells.words, cells.counts().tolist(), strict=True) if count})
        return WordTally(seen, int(cells.missing().sum()))

    def mode(self) -> str:
        """The most frequent word, the first by code points of several; an unknown one where there is none."""
        return most_frequent(self.counts)


def most_frequent(counts: Mapping[str, int]) -> str:
    """The most frequent word, the first by code points of several; an unknown one where there is none."""
    return min(counts, key=lambda word: (-counts[word], word), default=UNKNOWN)


def fill_word(word: str, lowercase: bool) -> str:
    """What fills missing cells, read as the cells are; the unknown word stays as it is."""
    return word.lower() if lowercase and word != UNKNOWN else word


def as_tensor(values: NDArray[Any]) -> Tensor:
    """A tensor over the same memory; a copy where that memory may not be written."""
    return torch.from_numpy(values if values.flags.writeable else values.copy())
