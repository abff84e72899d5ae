"""Who is in which fold, and which rows of a fold are held out for validation.

N = rows of the table
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
import pandas as pd

from ludwig.data.balance import sample
from ludwig.data.encoding import Parsed, Spec
from ludwig.data.names import sanitize
from ludwig.data.preprocess import FEWEST_ROWS, Preprocessing, warn_of_overlap
from ludwig.data.split import Index, Shares, SplitIndex
from ludwig.data.split import Splitter as SplitRule
from ludwig.error import ArgumentError, InputDataError, counted, first_line, nearest
from ludwig.kfold.fold_types import FOLD_TYPES, FoldType, Keys, Pairs
from ludwig.runtime.arguments import whole_number
from ludwig.runtime.seed import seeded

IN_ORDER = "Pass fold_type='time' with a fold_column."


class Splitter(Protocol):
    """A splitter of scikit-learn, or an object like one."""

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterable[tuple[Any, Any]]: ...  # noqa: N803


@dataclasses.dataclass(frozen=True)
class Folding:
    """How rows are dealt to folds, as the caller wants it; checked before any data is read."""

    count: int
    fold_type: str | None = None
    column: str | None = None
    splitter: Splitter | None = None

    def __post_init__(self) -> None:
        whole_number("num_folds", self.count, 2)
        if self.column is not None and (not isinstance(self.column, str) or not self.column):
            raise ArgumentError(f"fold_column must be the name of a column. Received: {self.column!r:.100}.")
        if self.splitter is not None:
            _refuse_odd_splitter(self.splitter, self.fold_type)
        elif self.fold_type is not None:
            self._refuse_odd_type(self.fold_type)
        elif self.column is not None:
            raise ArgumentError("fold_column needs fold_type='group', 'time' or 'stratified', or a splitter.")

    def _refuse_odd_type(self, name: str) -> None:
        if not isinstance(name, str) or name not in FOLD_TYPES:
            hint = nearest(name, FOLD_TYPES)
            raise ArgumentError(f"There is no fold_type {name!r:.100}.{hint} Choose one of: {', '.join(FOLD_TYPES)}.")
        if FOLD_TYPES[name].needs_column and self.column is None:
            raise ArgumentError(f"fold_type='{name}' needs fold_column, the name of a column of the data.")
        if not FOLD_TYPES[name].takes_column and self.column is not None:
            raise ArgumentError(f"fold_type='{name}' depends on no column. Remove fold_column.")

    @property
    def sanitized_column(self) -> str | None:
        """The column under the name that it has once the table is read."""
        return None if self.column is None else sanitize(self.column)

    @property
    def is_textual(self) -> bool:
        """Whether the cells of the column are read from a file as they are written."""
        return self.fold_type is None or FOLD_TYPES[self.fold_type].is_textual

    def folds(self, parsed: Parsed, config: Preprocessing, seed: int) -> list[SplitIndex]:
        """The rows of each fold: positions among all N rows, ascending.

        Raises:
            InputDataError: The data has too few rows, classes, groups or moments, or the splitter does not fit.
        """
        kept = sample(len(parsed.table), config.sample_ratio, config.sample_size, seed)
        table = parsed.table if kept is None else parsed.table.iloc[kept]
        if len(table) < self.count:
            raise InputDataError(f"The data has {counted(len(table), 'row')}, fewer than the {self.count} folds.")
        rule, column = self._rule(table, parsed.specs)
        if self.splitter is None and not rule.keeps_order:
            warn_of_overlap(parsed.specs, IN_ORDER, [self.sanitized_column] if rule.keeps_groups else [])
        keys = rule.keys(column)
        pairs = rule.deal(column, keys, self.count, seed) if self.splitter is None else self._split(table, column, seed)
        folds = [_with_validation(*pair, table, rule, keys, config.split, seed) for pair in pairs]
        for number, fold in enumerate(folds, start=1):
            if len(fold.training) < FEWEST_ROWS:
                raise InputDataError(
                    f"fold_{number} has {counted(len(fold.training), 'row')} to train on, and {FEWEST_ROWS} are needed "
                    "at least. Give more data, or lower the share of validation in preprocessing.split."
                )
        return folds if kept is None else [_mapped(fold, kept) for fold in folds]

    def _rule(self, table: pd.DataFrame, specs: Iterable[Spec]) -> tuple[FoldType, pd.Series]:
        """The rule and the column that it deals by: by default stratified where the first output is a class.

        A splitter gets the first output as `y`, and validation rows are drawn at random beside it.
        """
        output = next(spec for spec in specs if spec.feature.target)
        target = table[output.column]
        if self.splitter is not None:
            return FOLD_TYPES["random"], target
        name = self.fold_type or ("stratified" if output.feature.has_classes else "random")
        if name == "stratified" and self.column is None and not output.feature.has_classes:
            raise ArgumentError(
                f"fold_type='stratified' needs classes, and the {output.feature.where} has none. Pass fold_column, a "
                "column of classes, or remove fold_type."
            )
        return FOLD_TYPES[name], target if self.column is None else table[self.sanitized_column]

    def _split(self, table: pd.DataFrame, target: pd.Series, seed: int) -> Pairs:
        """The folds of the splitter, which draws from the seed where it has none of its own."""
        assert self.splitter is not None
        groups = None if self.column is None else table[self.sanitized_column].to_numpy()
        try:
            with seeded(seed):
                found = list(self.splitter.split(table, target.to_numpy(), groups))
                pairs = [(_positions(one), _positions(other)) for one, other in found]
        except (ValueError, TypeError) as error:
            raise InputDataError(f"The splitter does not fit the data: {first_line(error)}") from None
        _check_pairs(pairs, self.count, len(table))
        return pairs


def _refuse_odd_splitter(splitter: object, fold_type: str | None) -> None:
    if fold_type is not None:
        raise ArgumentError("Give either fold_type or splitter, not both.")
    if inspect.isclass(splitter) or not hasattr(splitter, "split") or isinstance(splitter, str):
        raise ArgumentError(
            "splitter must be an object with a method `split`, such as sklearn.model_selection.KFold(5). "
            f"Received: {splitter!r:.100}."
        )


def _positions(rows: Any) -> Index:
    array = np.asarray(rows)
    if array.ndim != 1 or (array.dtype.kind not in "iu" and len(array)):
        raise TypeError(f"it gives rows as {array.dtype} of {array.ndim} dimensions, and not as positions")
    return np.sort(array.astype(np.int64))


def _check_pairs(pairs: Pairs, count: int, rows: int) -> None:
    """Raises where the splitter gives folds of which a model cannot be trained and tested."""
    if len(pairs) != count:
        raise ArgumentError(f"The splitter makes {counted(len(pairs), 'fold')}. Set num_folds to that: it is {count}.")
    for number, (training, test) in enumerate(pairs, start=1):
        where = f"The splitter gives fold_{number}"
        for name, part in (("training", training), ("test", test)):
            if len(part) == 0:
                raise InputDataError(f"{where} no {name} rows. Give it other parameters, or more data.")
            if part[0] < 0 or part[-1] >= rows:
                raise InputDataError(f"{where} a {name} row that is not there: the data has {counted(rows, 'row')}.")
        both = np.intersect1d(training, test)
        if len(both):
            raise InputDataError(
                f"{where} rows to train on that it tests as well, such as row {both[0]}: scores would be too good."
            )


def _with_validation(
    training: Index, test: Index, table: pd.DataFrame, rule: FoldType, keys: Keys, split: SplitRule.Config, seed: int
) -> SplitIndex:
    """The fold with the validation rows among its training rows.

    They are those of the config's split, its test share left aside: a split by a column is made of the training rows as
    it is, and one at random is made in the way of the folds.
    """
    shares = split.without_test()
    if isinstance(shares, Shares) and not split.columns:
        parts = rule.validation(keys[training], shares, seed)
    else:
        there = [name for name in split.columns if name in table.columns]
        parts = shares.build().split(table[there or table.columns[:0]].iloc[training], seed)
    own = np.sort(np.concatenate([parts.training, parts.test]))
    return SplitIndex(training[own], training[parts.validation], test)


def _mapped(fold: SplitIndex, kept: Index) -> SplitIndex:
    return SplitIndex(kept[fold.training], kept[fold.validation], kept[fold.test])
