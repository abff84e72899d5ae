"""Rules that deal rows to folds.

N = rows, K = folds
"""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ludwig.data.split import GroupSplitter, Index, RandomSplitter, Shares, SplitIndex, Splitter, StratifySplitter
from ludwig.error import InputDataError, counted
from ludwig.features.cells import Labels
from ludwig.features.times import times_of

KEY = "key"  # the column of a table of keys alone
Keys = NDArray[np.int64]  # [N]: class, group or moment of each row; -1 where it has none
Pairs = list[tuple[Index, Index]]  # training and test rows of each fold, ascending


class FoldType(ABC):
    """A rule that deals rows to folds by one key of each row."""

    takes_column: ClassVar[bool] = True  # whether it can deal by a column that the caller names
    needs_column: ClassVar[bool] = False  # whether it must be named
    is_textual: ClassVar[bool] = True  # whether the cells of its column are read from a file as they are written
    keeps_order: ClassVar[bool] = False  # whether all test rows come after the training rows
    keeps_groups: ClassVar[bool] = False  # whether all rows of one value of its column are in one fold

    @abstractmethod
    def keys(self, column: pd.Series) -> Keys:
        """What counts of the cells."""

    @abstractmethod
    def deal(self, column: pd.Series, keys: Keys, folds: int, seed: int) -> Pairs:
        """The folds.

        Args:
            column: The cells, for messages.

        Raises:
            InputDataError: There are too few rows, classes, groups or moments.
        """

    @abstractmethod
    def validation(self, keys: Keys, shares: Shares, seed: int) -> SplitIndex:
        """Rows of a fold that are held out for validation, in the same way."""


class Stratified(FoldType):
    """Each fold gets the same shares of the classes, to one row, and all folds are of one size, to one row."""

    def keys(self, column: pd.Series) -> Keys:
        return Labels.of(column).codes.astype(np.int64)

    def deal(self, column: pd.Series, keys: Keys, folds: int, seed: int) -> Pairs:
        self._refuse_rare(column, keys, folds)
        order = np.random.default_rng(seed).permutation(len(keys))
        order = order[np.argsort(keys[order], kind="stable")]  # class after class, each shuffled
        fold_of = np.empty(len(keys), np.int64)
        fold_of[order] = np.arange(len(keys)) % folds
        return _pairs(fold_of, folds)

    def validation(self, keys: Keys, shares: Shares, seed: int) -> SplitIndex:
        return _split_by(StratifySplitter.Config(column=KEY, probabilities=shares.probabilities), keys, seed)

    def _refuse_rare(self, column: pd.Series, keys: Keys, folds: int) -> None:
        rows = np.bincount(keys[keys >= 0])
        rare = int(rows.argmin()) if len(rows) else 0
        if len(rows) and rows[rare] < folds:
            count, value = int(rows[rare]), column.iloc[int(np.flatnonzero(keys == rare)[0])]
            advice = f"Set num_folds to {count} or less, merge" if count > 1 else "Merge"
            raise InputDataError(
                f"The class '{value!s:.80}' of '{column.name}' has {counted(count, 'row')}, fewer than the {folds} "
                f"folds, some of which would not test it. {advice} rare classes, or pass fold_type='random'."
            )


class Random(FoldType):
    """The rows are shuffled; all folds are of one size, to one row."""

    takes_column = False

    def keys(self, column: pd.Series) -> Keys:
        return np.zeros(len(column), np.int64)

    def deal(self, column: pd.Series, keys: Keys, folds: int, seed: int) -> Pairs:
        fold_of = np.empty(len(keys), np.int64)
        fold_of[np.random.default_rng(seed).permutation(len(keys))] = np.arange(len(keys)) % folds
        return _pairs(fold_of, folds)

    def validation(self, keys: Keys, shares: Shares, seed: int) -> SplitIndex:
        return _split_by(RandomSplitter.Config(probabilities=shares.probabilities), keys, seed)


class Grouped(FoldType):
    """All rows of a group are in one fold; rows without a value are one group.

    The largest group comes first, each into the fold that is the smallest so far (Graham, "Bounds on multiprocessing
    timing anomalies", 1969), which keeps the folds of about one size.
    """

    needs_column = True
    keeps_groups = True

    def keys(self, column: pd.Series) -> Keys:
        return Labels.of(column).codes.astype(np.int64)

    def deal(self, column: pd.Series, keys: Keys, folds: int, seed: int) -> Pairs:
        groups, place, sizes = np.unique(keys, return_inverse=True, return_counts=True)
        if len(groups) < folds:
            raise InputDataError(
                f"'{column.name}' has {counted(len(groups), 'group')}, fewer than the {folds} folds. Lower num_folds, "
                "or name another fold_column."
            )
        order = np.random.default_rng(seed).permutation(len(groups))
        order = order[np.argsort(-sizes[order], kind="stable")]
        fold_of_group = np.empty(len(groups), np.int64)
        smallest = [(0, fold) for fold in range(folds)]
        for group, size in zip(order.tolist(), sizes[order].tolist(), strict=True):
            rows, fold = smallest[0]
            fold_of_group[group] = fold
            heapq.heapreplace(smallest, (rows + size, fold))
        return _pairs(fold_of_group[place], folds)

    def validation(self, keys: Keys, shares: Shares, seed: int) -> SplitIndex:
        return _split_by(GroupSplitter.Config(column=KEY, probabilities=shares.probabilities), keys, seed)


class Chronological(FoldType):
    """Rolling origin: the rows in order of time form K + 1 blocks; fold k trains on the first k, and tests the next.

    Rows of one moment stay together (Tashman, "Out-of-sample tests of forecasting accuracy", 2000).
    """

    needs_column = True
    is_textual = False
    keeps_order = True

    def keys(self, column: pd.Series) -> Keys:
        times = _moments(column)
        ranks: Keys = np.unique(times, return_inverse=True)[1].astype(np.int64)
        return ranks

    def deal(self, column: pd.Series, keys: Keys, folds: int, seed: int) -> Pairs:
        order = np.argsort(keys, kind="stable")
        moments = keys[order]
        ideal = moments[len(keys) * np.arange(1, folds + 1) // (folds + 1)]
        begins = [*np.searchsorted(moments, ideal).tolist(), len(keys)]  # of each test block, and the end
        if len({0, *begins}) < folds + 2:
            raise InputDataError(
                f"'{column.name}' has too few different times for {folds} folds: each tests rows that are later than "
                f"all it trains on, so {folds + 1} blocks of whole moments are needed. Lower num_folds."
            )
        blocks = zip(begins[:-1], begins[1:], strict=True)
        return [(np.sort(order[:begin]), np.sort(order[begin:end])) for begin, end in blocks]

    def validation(self, keys: Keys, shares: Shares, seed: int) -> SplitIndex:
        """The newest rows."""
        return shares.cut(np.argsort(keys, kind="stable"))


FOLD_TYPES: dict[str, FoldType] = {
    "random": Random(),
    "stratified": Stratified(),
    "group": Grouped(),
    "time": Chronological(),
}


def _split_by(rule: Splitter.Config, keys: Keys, seed: int) -> SplitIndex:
    parts: SplitIndex = rule.build().split(pd.DataFrame({KEY: keys}), seed)
    return parts


def _pairs(fold_of: NDArray[np.int64], folds: int) -> Pairs:
    """Each fold tests its own rows and trains on all others."""
    return [(np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)) for fold in range(folds)]


def _moments(column: pd.Series) -> NDArray[np.generic]:
    """Cells that can be ordered: numbers as they are, others as dates and times.

    Raises:
        InputDataError: A cell is missing or cannot be read.
    """
    where = f"fold column '{column.name}'"
    if pd.api.types.is_numeric_dtype(column.dtype):
        moments = column.to_numpy(np.float64, na_value=np.nan)
        odd = np.isnan(moments)
    else:
        moments = times_of(column, None, where, "the format by pandas.to_datetime(table[column], format=...)")
        odd = np.isnat(moments)
    if odd.any():
        few = ", ".join(map(repr, column[odd].head(3).tolist()))
        raise InputDataError(
            f"The {where} has {counted(int(odd.sum()), 'cell')} of no date or time: {few}. Clean them."
        )
    return moments
