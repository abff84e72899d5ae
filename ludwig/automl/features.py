"""The features of a table: a type for each column, with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from tabulate import tabulate

from ludwig.automl.column import SAMPLE, Column, Finding
from ludwig.automl.infer import inferred, inferred_target
from ludwig.data.names import refuse_absent, sanitize
from ludwig.data.sources import Source, read_table
from ludwig.error import ArgumentError, InputDataError
from ludwig.runtime.arguments import seed_of

Section = dict[str, Any]
Targets = str | Sequence[str] | None


@dataclass(frozen=True)
class ColumnGuess:
    """What a column was found to be.

    Args:
        name: The column.
        type: The type of its feature; None where it is left out.
        reason: Why.
        seen: How many values differ and how many are missing, in a sample of the rows.
        is_target: Whether it is an output.
        preprocessing: Options of the feature that its cells need.
    """

    name: str
    type: str | None
    reason: str
    seen: str
    is_target: bool = False
    preprocessing: Mapping[str, Any] = field(default_factory=dict)

    @property
    def section(self) -> Section:
        """The feature in a config."""
        options = {"preprocessing": dict(self.preprocessing)} if self.preprocessing else {}
        return {"name": self.name, "type": self.type, **options}


def infer_types(
    dataset: Source, target: Targets = None, random_seed: int = 42, known: Mapping[str, str] | None = None
) -> list[ColumnGuess]:
    """The type of each column of a table, with the reason. At most 20,000 rows are looked at.

    Args:
        dataset: A path, a DataFrame, a dict of columns or a list of records.
        target: The columns to predict; None for a table of inputs alone.
        random_seed: Of the rows that are looked at in a larger table.
        known: Types that are given, by the names of the columns: those are not inferred.

    Returns:
        A guess for each column, in the order of the table.

    Raises:
        InputDataError: The table has no rows, nothing to predict from, or a target that cannot be predicted.

    Example:
        >>> table = {"id": range(30), "age": [20, 31, 45] * 10, "left": ["yes", "no"] * 15}
        >>> for guess in infer_types(table, "left"):
        ...     print(guess.name, guess.type, "-", guess.reason)
        id None - a key by its name: all values differ
        age number - whole numbers
        left binary - two values, 'no' and 'yes'
    """
    return types_of(read_table(dataset), targets_of(target), seed_of(random_seed), known or {})


def targets_of(target: Targets) -> list[str]:
    """The names of the targets, as features are called.

    Raises:
        ArgumentError: It is neither a name nor several.
    """
    names = [target] if isinstance(target, str) else [] if target is None else target
    is_list = isinstance(names, list | tuple)
    if not is_list or not all(isinstance(name, str) and name for name in names) or len({*names}) < len(names):
        raise ArgumentError(f"target must be the name of a column, or a list of them. Received: {target!r:.100}.")
    return [sanitize(name) for name in names]


def types_of(table: pd.DataFrame, targets: list[str], seed: int, known: Mapping[str, str]) -> list[ColumnGuess]:
    """The same for a table that has been read."""
    if not len(table):
        raise InputDataError("The data has no rows.")
    refuse_absent(dict.fromkeys(targets, "the argument target"), table.columns)
    if targets and len(table.columns) == len(targets):
        raise InputDataError(
            f"The data has no column besides {', '.join(targets)}, so there is nothing to predict from."
        )
    sample = table
    if len(table) > SAMPLE:
        rows = np.random.default_rng(seed).choice(len(table), SAMPLE, replace=False)
        sample = table.iloc[np.sort(rows)]
    guesses = [_guess(Column(str(name), sample[name]), str(name) in targets, known) for name in table.columns]
    if targets and not any(guess.type is not None for guess in guesses if not guess.is_target):
        reasons = "; ".join(f"{guess.name}: {guess.reason}" for guess in guesses[:5] if not guess.is_target)
        raise InputDataError(f"No column is of use as an input. {reasons}.")
    return guesses


def _guess(column: Column, is_target: bool, known: Mapping[str, str]) -> ColumnGuess:
    given = known.get(column.name)
    if given is not None:
        found = Finding(given, "as given")
    else:
        found = inferred_target(column) if is_target else inferred(column)
    return ColumnGuess(column.name, found.type, found.reason, column.seen, is_target, found.preprocessing)


def features_of(guesses: Sequence[ColumnGuess]) -> Section:
    """The sections `input_features` and `output_features`."""
    used = [guess for guess in guesses if guess.type is not None]
    return {
        "input_features": [guess.section for guess in used if not guess.is_target],
        "output_features": [guess.section for guess in used if guess.is_target],
    }


def table_of(guesses: Sequence[ColumnGuess], tablefmt: str = "simple") -> str:
    """The guesses as a table to read."""
    rows = [
        [guess.name, f"{guess.type or 'left out'}{' (target)' if guess.is_target else ''}", guess.seen, guess.reason]
        for guess in guesses
    ]
    return tabulate(rows, headers=["column", "type", "seen", "reason"], tablefmt=tablefmt, disable_numparse=True)
