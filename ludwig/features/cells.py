"""The cells of one raw column, parsed but not yet encoded: numbers, labels, or objects such as images.

N = rows, U = distinct labels
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from ludwig.error import InputDataError
from ludwig.features.spelling import spelled, word_of

Index = NDArray[np.int64]
Flags = NDArray[np.bool_]


class Cells(Protocol):
    """What all parsed columns can do; so a missing cell is found and filled in one way for all types."""

    def __len__(self) -> int: ...

    def missing(self) -> Flags:
        """True where a cell is missing: [N]."""

    def take(self, index: Index) -> Self:
        """The cells at these positions, in this order."""


@dataclass(frozen=True)
class Numbers:
    """Numbers, or vectors of one size."""

    values: NDArray[np.floating]  # [N] or [N, S]; NaN where missing

    def __len__(self) -> int:
        return len(self.values)

    def missing(self) -> Flags:
        flags: Flags = np.isnan(self.values)
        return flags if flags.ndim == 1 else np.asarray(flags.any(axis=1))  # [N]

    def take(self, index: Index) -> Numbers:
        return Numbers(self.values[index])


@dataclass(frozen=True)
class Objects:
    """Things that are no text and no number, such as images in memory."""

    values: NDArray[np.object_]  # [N]; None where missing

    def __len__(self) -> int:
        return len(self.values)

    def missing(self) -> Flags:
        return np.fromiter((value is None for value in self.values), bool, len(self.values))

    def take(self, index: Index) -> Objects:
        return Objects(self.values[index])


@dataclass(frozen=True)
class Labels:
    """Text cells by their distinct values, so that whatever is done with a text is done once."""

    codes: NDArray[np.int32]  # [N], place in words; -1 where missing
    words: NDArray[np.object_]  # [U], distinct strings in the order in which they first occur

    def __len__(self) -> int:
        return len(self.codes)

    def missing(self) -> Flags:
        return self.codes < 0

    def take(self, index: Index) -> Labels:
        return Labels(self.codes[index], self.words)

    def counts(self) -> NDArray[np.int64]:
        """How often each word occurs: [U]."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.words))

    def filled(self, flags: Flags, word: str) -> Labels:
        """The word in place of the flagged cells."""
        places = np.flatnonzero(self.words == word)
        words = self.words if len(places) else np.append(self.words, word)
        code = places[0] if len(places) else len(words) - 1
        return Labels(np.where(flags, np.int32(code), self.codes), words)

    @staticmethod
    def of(column: pd.Series, lowercase: bool = False) -> Labels:
        """Parses a column of any dtype; only distinct values are turned into text."""
        codes, words = _distinct(column)
        if lowercase:
            words = [word.lower() for word in words]
        place: dict[str, int] = {}
        spots = np.fromiter((place.setdefault(word, len(place)) for word in words), np.int32, len(words))
        if len(place) < len(words):  # values that read alike: 1 and "1", or "A" and "a" in lower case
            codes = np.append(spots, np.int32(-1))[codes]
        distinct = np.empty(len(place), dtype=object)
        distinct[:] = list(place)
        return Labels(codes, distinct)


def _distinct(column: pd.Series) -> tuple[NDArray[np.int32], list[str]]:
    """The place of each cell among the distinct ones, -1 where it is missing, and those as words."""
    if pd.api.types.is_string_dtype(column.dtype) and column.dtype != object:
        encoded = pa.array(column, from_pandas=True).dictionary_encode()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.unify_dictionaries().combine_chunks()
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return np.asarray(codes, np.int32), encoded.dictionary.to_pylist()
    if column.dtype == object and pd.api.types.infer_dtype(column).startswith("mixed"):
        column = column.map(_truth_as_word)
    try:
        places, values = pd.factorize(column)  # of a categorical column the words that occur, and no others
    except TypeError:  # a list, a dict or an array is no value that can be looked up
        raise _no_single_values(column) from None
    words = spelled(values, column.dtype)
    _refuse_half_characters(words, column.name)
    return np.asarray(places, np.int32), words


def _no_single_values(column: pd.Series) -> InputDataError:
    row = next((place for place, cell in enumerate(column) if not isinstance(cell, Hashable)), 0)
    return InputDataError(
        f"The column '{column.name}' has a {type(column.iloc[row]).__name__} in row {row}, and single values are "
        "expected. Declare the feature as vector, timeseries, set or sequence, or turn the cells into text."
    )


def _refuse_half_characters(words: list[str], name: object) -> None:
    """No file can hold half of a pair of surrogates."""
    try:
        "".join(words).encode()
    except UnicodeEncodeError:
        word = next(word for word in words if any("\ud800" <= sign <= "\udfff" for sign in word))
        raise InputDataError(
            f"The column '{name}' has {word!a:.80}, which is not valid text: half of a character. Clean the cells."
        ) from None


def _truth_as_word(value: Any) -> Any:
    """True and 1 are equal, and would be taken for one value."""
    return word_of(value) if isinstance(value, bool | np.bool_) else value
