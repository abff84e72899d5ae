"""Cells of several tokens whose order does not matter: texts, lists, sets or arrays.

N = rows, U = distinct tokens, M = tokens of all rows, each once a row
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ludwig.features.cells import Flags, Index, Labels
from ludwig.features.tokenizer_base import Tokenizer

LISTS = (list, tuple, set, frozenset, np.ndarray)


@dataclass(frozen=True)
class Members:
    """The tokens of each row and how often each occurs in it, all rows end to end."""

    codes: NDArray[np.int64]  # [M], place in words, ascending within a row
    counts: NDArray[np.int64]  # [M]
    words: NDArray[np.object_]  # [U]
    offsets: Index  # [N + 1]
    gone: Flags  # [N], whether the cell is missing, which an empty one is not

    def __len__(self) -> int:
        return len(self.gone)

    def missing(self) -> Flags:
        return self.gone

    def take(self, index: Index) -> Members:
        lengths = np.diff(self.offsets)[index]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        places = np.arange(offsets[-1]) + np.repeat(self.offsets[:-1][index] - offsets[:-1], lengths)
        return Members(self.codes[places], self.counts[places], self.words, offsets, self.gone[index])

    @property
    def rows(self) -> Index:
        """The row of each token: [M]."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def sizes(self) -> NDArray[np.int64]:
        """How many tokens each row has, repeated ones included: [N]."""
        return np.bincount(self.rows, self.counts, minlength=len(self)).astype(np.int64)

    @staticmethod
    def of(codes: Index, words: NDArray[np.object_], lengths: Index, gone: Flags) -> Members:
        """From tokens as they stand in the cells: so many of each row."""
        rows = np.repeat(np.arange(len(lengths)), lengths)
        return Members.gathered(rows, codes, np.ones(len(codes), np.int64), words, gone)

    @staticmethod
    def gathered(
        rows: Index, codes: Index, counts: NDArray[np.int64], words: NDArray[np.object_], gone: Flags
    ) -> Members:
        """With one entry for each token of a row."""
        width = max(len(words), 1)
        keys, place = np.unique(rows * width + codes, return_inverse=True)
        totals = np.bincount(place, counts, minlength=len(keys)).astype(np.int64)
        lengths = np.bincount(keys // width, minlength=len(gone))
        return Members(keys % width, totals, words, np.concatenate([[0], np.cumsum(lengths)]), gone)


def members_of(column: pd.Series, tokenizer: Tokenizer, lowercase: bool) -> Members:
    """The tokens of a column of any dtype; each distinct text is tokenized once.

    Raises:
        InputDataError: A list has entries that are not single values.
    """
    if _has_lists(column):
        return _of_lists(column, tokenizer, lowercase)
    labels = Labels.of(column, lowercase)
    tokens = tokenizer.tokens(labels.words.tolist())
    distinct = Members.of(
        tokens.places,
        tokens.words,
        np.append(tokens.lengths, 0),  # the last for a missing cell
        np.arange(len(labels.words) + 1) == len(labels.words),
    )
    return distinct.take(np.where(labels.codes < 0, len(labels.words), labels.codes))


def _has_lists(column: pd.Series) -> bool:
    if isinstance(column.dtype, pd.ArrowDtype):
        return column.dtype.type in LISTS
    return column.dtype == object and any(isinstance(cell, LISTS) for cell in column.array)


def _of_lists(column: pd.Series, tokenizer: Tokenizer, lowercase: bool) -> Members:
    cells = [_entries(cell, tokenizer) for cell in column.tolist()]
    gone = np.array([cell is None for cell in cells], dtype=bool)
    lengths = np.array([len(cell or ()) for cell in cells], np.int64)
    flat = pd.Series(list(chain.from_iterable(cell or () for cell in cells)), dtype=object, name=column.name)
    labels = Labels.of(flat, lowercase)
    there = labels.codes >= 0  # a missing entry is none
    rows = np.repeat(np.arange(len(cells)), lengths)[there]
    codes = labels.codes[there].astype(np.int64)
    return Members.gathered(rows, codes, np.ones(len(codes), np.int64), labels.words, gone)


def _entries(cell: Any, tokenizer: Tokenizer) -> list[Any] | None:
    """What a cell holds; None where it is missing."""
    if isinstance(cell, np.ndarray):
        return list(cell.ravel().tolist())
    if isinstance(cell, LISTS):
        return list(cell)
    if isinstance(cell, str):
        tokens = tokenizer.tokens([cell])
        return list(tokens.words[tokens.places])
    return None if pd.isna(cell) is True or cell is None else [cell]
