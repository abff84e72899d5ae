"""Which rows are for training, for validation and for test.

N = rows
"""

from __future__ import annotations

import dataclasses
import math
import zlib
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ludwig.error import InputDataError, counted, nearest
from ludwig.features.base import Feature, first_few
from ludwig.features.cells import Labels
from ludwig.features.times import times_of
from ludwig.runtime.console import logger_of, warn
from ludwig.schema import Component, Registry, param

logger = logger_of(__name__)

Index = NDArray[np.int64]
FEWEST = 3  # rows that a wanted part gets where the table has enough
ENOUGH = 3 * FEWEST
DEFAULT_COLUMN = "split"
MOST_ODD = 0.5  # share of other values up to which a column of that name was meant for the split
GOLDEN_RATIO = (1 + math.sqrt(5)) / 2
WORDS = {"0": 0, "1": 1, "2": 2, "0.0": 0, "1.0": 1, "2.0": 2}
WORDS |= {"train": 0, "training": 0, "valid": 1, "val": 1, "validation": 1, "test": 2}


@dataclasses.dataclass(frozen=True)
class SplitIndex:
    """The positions of the rows of each part, ascending."""

    training: Index
    validation: Index
    test: Index

    @staticmethod
    def of(parts: NDArray[np.integer]) -> SplitIndex:
        """From 0, 1 or 2 for each row: [N]."""
        return SplitIndex(*(np.flatnonzero(parts == part) for part in range(3)))

    def count(self) -> int:
        """How many rows have a part."""
        return len(self.training) + len(self.validation) + len(self.test)


class Splitter(Component, ABC):
    """A rule that gives each row its part."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Component.Config):
        keeps_order: ClassVar[bool] = False  # whether rows that follow each other in time may stay in one part

        @property
        def columns(self) -> tuple[str, ...]:
            """The columns that the rule reads."""
            return ()

        @property
        def columns_kept_whole(self) -> tuple[str, ...]:
            """The columns of which all rows of one value are in one part."""
            return ()

        def takes_column_of(self, feature: type[Feature[Any, Any, Any]]) -> bool:
            """Whether the rule can read a column that is a feature of this type."""
            return True

        def without_test(self) -> Self:
            """The rule for rows of which none are for test; a rule of no shares is as it is."""
            return self

        def faults(self) -> list[tuple[str, str]]:
            """(parameter, message) of options that do not go together."""
            return []

    def __init__(self, config: Config) -> None:
        self.config = config

    @abstractmethod
    def split(self, table: pd.DataFrame, seed: int) -> SplitIndex:
        """The parts of a table."""


SPLITTERS: Registry[Splitter] = Registry("split")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shares:
    """How large the parts are."""

    probabilities: list[float] = param(
        lambda: [0.7, 0.1, 0.2],
        min=0,
        max=1,
        length=3,
        help="Fractions of the rows for training, validation and test, which sum to 1.",
    )

    def share_faults(self) -> list[tuple[str, str]]:
        total = sum(self.probabilities)
        if abs(total - 1) > 1e-6:
            return [("probabilities", f"Must sum to 1. Received: {self.probabilities}, which sum to {total:g}.")]
        if self.probabilities[0] == 0:
            return [("probabilities", "The training share must be more than 0.")]
        return []

    def without_test(self) -> Self:
        """The shares of training and validation, in the same ratio."""
        training, validation, _ = self.probabilities
        together = training + validation
        return dataclasses.replace(self, probabilities=[training / together, validation / together, 0.0])

    def counts(self, rows: int) -> tuple[int, int, int]:
        """How many rows each part gets; a wanted small part is topped up where there is enough."""
        training_share, validation_share, test_share = self.probabilities
        training = min(math.ceil(round(training_share * rows, 9)), rows)
        validation = math.floor(round(validation_share * rows, 9)) if test_share else rows - training
        parts = [training, validation, rows - training - validation]
        for part, share in ((1, validation_share), (2, test_share)):
            if share and rows >= ENOUGH and parts[part] < FEWEST:
                more = min(FEWEST - parts[part], parts[0] - 1)  # training is never left empty
                parts[0] -= more
                parts[part] += more
        return parts[0], parts[1], parts[2]

    def cut(self, order: Index, at_least: int = 0) -> SplitIndex:
        """The rows in this order, cut into the parts; training gets the first `at_least` rows whatever its share is."""
        training, validation, test = self.counts(len(order))
        if at_least > training:
            training = at_least
            validation = round((len(order) - training) * validation / max(validation + test, 1))
        pieces = np.split(order, [training, training + validation])
        return SplitIndex(*(np.sort(piece) for piece in pieces))


@SPLITTERS.register("random")
class RandomSplitter(Splitter):
    """Random split: the rows are shuffled with the random seed.

    Use it where rows are independent of each other. A small wanted part gets at least three rows where there are
    enough.

    ```yaml
    preprocessing:
      split:
        type: random
        probabilities: [0.8, 0.1, 0.1]
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Shares, Splitter.Config):
        def faults(self) -> list[tuple[str, str]]:
            return self.share_faults()

    config: Config

    def split(self, table: pd.DataFrame, seed: int) -> SplitIndex:
        return self.config.cut(np.random.default_rng(seed).permutation(len(table)))


@SPLITTERS.register("fixed")
class FixedSplitter(Splitter):
    """Fixed split: a column assigns each row, 0 to training, 1 to validation and 2 to test.

    Use it to compare with published results, or where the split is made elsewhere. Other values are left out, with a
    warning.

    ```yaml
    preprocessing:
      split:
        type: fixed
        column: split
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Splitter.Config):
        keeps_order: ClassVar[bool] = True

        column: str = param(DEFAULT_COLUMN, help="Split column: 0 is training, 1 validation, 2 test.")

        @property
        def columns(self) -> tuple[str, ...]:
            return (self.column,)

    config: Config

    def split(self, table: pd.DataFrame, seed: int) -> SplitIndex:
        parts = _parts(_column(table, self.config.column))
        odd = int((parts < 0).sum())
        if odd:
            warn(f"Left out where '{self.config.column}' is not 0, 1 or 2: {counted(odd, 'row')}.")
        return SplitIndex.of(parts)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ByColumn(Shares):
    """A rule that reads one column."""

    column: str | None = param(None, help="Column that the split depends on.")

    @property
    def columns(self) -> tuple[str, ...]:
        return () if self.column is None else (self.column,)

    def faults(self) -> list[tuple[str, str]]:
        missing = [("column", "Missing: set the column that the split depends on.")] if self.column is None else []
        return missing + self.share_faults()


@SPLITTERS.register("stratify")
class StratifySplitter(Splitter):
    """Stratified split: each part gets the same shares of the classes of a column; classes of one row go to training.

    Use it for classification with rare classes.

    The rows stand class after class, shuffled, and row k is drawn at frac(k * golden ratio). Any run of such draws is
    spread evenly over [0, 1] (Weyl 1916; Kuipers and Niederreiter, "Uniform Distribution of Sequences", 1974, ch. 2),
    so cutting the rows in the order of their draws cuts each class, small ones too, in about the same shares.

    ```yaml
    preprocessing:
      split:
        type: stratify
        column: species
        probabilities: [0.7, 0.1, 0.2]
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(ByColumn, Splitter.Config):
        def takes_column_of(self, feature: type[Feature[Any, Any, Any]]) -> bool:
            return feature.has_classes

    config: Config

    def split(self, table: pd.DataFrame, seed: int) -> SplitIndex:
        classes, _ = pd.factorize(_column(table, str(self.config.column)), use_na_sentinel=False)
        sizes = np.bincount(classes)
        random = np.random.default_rng(seed)
        rows = random.permutation(len(table))
        by_class = rows[np.argsort(random.permutation(len(sizes))[classes[rows]], kind="stable")]
        alone = sizes[classes[by_class]] == 1
        crowd = by_class[~alone]
        draws = (random.random() + np.arange(len(crowd)) * GOLDEN_RATIO) % 1
        return self.config.cut(np.concatenate([by_class[alone], crowd[np.argsort(draws)]]), at_least=int(alone.sum()))


@SPLITTERS.register("datetime")
class DatetimeSplitter(Splitter):
    """Chronological split: the oldest rows train, the newest test.

    Use it for forecasting, and wherever the model will predict later rows than it was trained on.

    ```yaml
    preprocessing:
      split:
        type: datetime
        column: date
        datetime_format: "%Y-%m-%d"
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(ByColumn, Splitter.Config):
        keeps_order: ClassVar[bool] = True

        datetime_format: str | None = param(None, help="Date and time format as strftime codes; null infers it.")

        def takes_column_of(self, feature: type[Feature[Any, Any, Any]]) -> bool:
            return feature.may_hold_times

    config: Config

    def split(self, table: pd.DataFrame, seed: int) -> SplitIndex:
        column = _column(table, str(self.config.column))
        where, option = f"split column '{self.config.column}'", "preprocessing.split.datetime_format"
        times = times_of(column, self.config.datetime_format, where, option)
        unreadable = np.isnat(times)
        if unreadable.any():
            few = ", ".join(map(repr, column[unreadable].head(3).tolist()))
            raise InputDataError(
                f"The {where} has {counted(int(unreadable.sum()), 'cell')} of no date or time: {few}. Clean them, or "
                f"set {option}."
            )
        return self.config.cut(np.argsort(times, kind="stable"))


@SPLITTERS.register("hash")
class HashSplitter(Splitter):
    """Hash split: by the CRC-32 of a column's value, so that a row keeps its part when rows are added or removed.

    Use it for data that grows, with an id as column; rows of one value (a user, a patient) stay together, against
    leakage.

    ```yaml
    preprocessing:
      split:
        type: hash
        column: user_id
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(ByColumn, Splitter.Config):
        @property
        def columns_kept_whole(self) -> tuple[str, ...]:
            return self.columns

    config: Config

    def split(self, table: pd.DataFrame, seed: int) -> SplitIndex:
        values = Labels.of(_column(table, str(self.config.column)))
        words = [*values.words.tolist(), ""]  # a missing cell, whose code is -1, counts as an empty one
        hashes = np.array([zlib.crc32(word.encode()) for word in words], dtype=np.float64) / 2**32
        training, validation, test = self.config.probabilities
        limits = [training, training + validation if test else 1.0]
        return SplitIndex.of(np.searchsorted(limits, hashes, side="right")[values.codes])


@SPLITTERS.register("group")
class GroupSplitter(Splitter):
    """Group split: all rows with one value of a column are in one part.

    Use it where rows belong together, such as those of a customer, a patient or a device, and the model will meet new
    ones: a random split would let it recognise them, and flatter it. The groups are shuffled and cut near the shares of
    the rows; each wanted part gets a group where there are enough. Rows without a value are one group.

    ```yaml
    preprocessing:
      split:
        type: group
        column: customer_id
        probabilities: [0.7, 0.1, 0.2]
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(ByColumn, Splitter.Config):
        @property
        def columns_kept_whole(self) -> tuple[str, ...]:
            return self.columns

    config: Config

    def split(self, table: pd.DataFrame, seed: int) -> SplitIndex:
        codes = Labels.of(_column(table, str(self.config.column))).codes
        groups = np.unique(codes, return_inverse=True)[1].astype(np.int64)  # from 0, missing ones too
        order = np.random.default_rng(seed).permutation(groups.max(initial=-1) + 1)
        sizes = np.bincount(groups, minlength=len(order))[order]
        limits = np.cumsum(self.config.counts(len(table)))[:2]
        parts = np.searchsorted(limits, np.cumsum(sizes) - sizes / 2, side="right")  # by the middle of each group
        for part, share in enumerate(self.config.probabilities):
            largest = np.bincount(parts, minlength=3).argmax()
            if share and part not in parts and (parts == largest).sum() > 1:
                parts[np.flatnonzero(parts == largest)[-1]] = part
        part_of = np.empty_like(parts)
        part_of[order] = parts
        return SplitIndex.of(part_of[groups])


def default_split(config: Splitter.Config, table: pd.DataFrame) -> Splitter.Config:
    """The rule of the config; under the default rule, a column `split` of 0, 1 and 2 is used where there is one."""
    if DEFAULT_COLUMN not in table.columns:
        return config
    odd = _parts(table[DEFAULT_COLUMN]) < 0
    if DEFAULT_COLUMN in config.columns or odd.mean() > MOST_ODD:
        return config
    if config != RandomSplitter.Config():
        logger.warning("The data has a column 'split', which preprocessing.split overrides.")
        return config
    if odd.any():
        values = first_few(table[DEFAULT_COLUMN][odd].unique().tolist())
        warn(
            f"The column 'split' is not used, since it has {counted(int(odd.sum()), 'cell')} of {len(odd)} besides 0, "
            f"1 and 2 ({values}): the rows are split at random. Mend the cells, or set preprocessing.split.type to "
            "fixed, which leaves such rows out."
        )
        return config
    logger.info("The data has a column 'split' of 0, 1 and 2, which is used.")
    return FixedSplitter.Config()


def _parts(column: pd.Series) -> NDArray[np.integer]:
    """0, 1 or 2 for each row; -1 for anything else: [N]."""
    codes, values = pd.factorize(column)
    known = [WORDS.get(str(value).strip().lower(), -1) for value in values.tolist()]
    return np.array([*known, -1])[codes]


def _column(table: pd.DataFrame, name: str) -> pd.Series:
    if name not in table.columns:
        raise InputDataError(
            f"The data has no column '{name}', which preprocessing.split names.{nearest(name, map(str, table.columns))}"
        )
    return table[name]
