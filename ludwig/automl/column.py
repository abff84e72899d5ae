"""What is seen of one column: a sample of its cells, as numbers and as words.

N = rows of the sample, P = cells that are present, U = distinct words
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ludwig.features.cells import Labels
from ludwig.features.member_cells import LISTS

SAMPLE = 20_000  # rows that are looked at
FIRST = 1000  # cells whose Python types are looked at
MARKERS = frozenset({"", "na", "n/a", "nan", "none", "null", "nil", "missing", "?", "-", "--", "."})  # of missing cells
SHOWN = 40  # characters of a cell in a reason


@dataclass(frozen=True)
class Finding:
    """What a column is: the type of its feature, None where it is left out, and why."""

    type: str | None
    reason: str
    preprocessing: Mapping[str, Any] = field(default_factory=dict)
    is_predictable: bool = True  # as a target


class Column:
    """A sample of one column of a table."""

    def __init__(self, name: str, cells: pd.Series) -> None:
        self.name, self.rows = name, len(cells)
        self.cells = cells.dropna()  # [P]

    @functools.cached_property
    def kinds(self) -> frozenset[type]:
        """The Python types of the first cells of a column of objects; none of other columns."""
        is_object = self.cells.dtype == object
        return frozenset(map(type, self.cells.iloc[:FIRST].tolist())) if is_object else frozenset()

    @property
    def is_nested(self) -> bool:
        """Whether cells are lists, dicts or the like."""
        return any(issubclass(kind, (*LISTS, dict)) for kind in self.kinds)

    @property
    def is_numeric(self) -> bool:
        """Whether the table holds numbers, not texts of them."""
        dtype = self.cells.dtype
        return pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)

    @functools.cached_property
    def _labels(self) -> Labels:
        return Labels.of(self.cells)

    @functools.cached_property
    def _is_marker(self) -> NDArray[np.bool_]:
        """Which words stand for a missing cell: [all words]."""
        lower = pd.Series(self._labels.words, dtype=object).astype(str).str.strip().str.lower()
        return lower.isin(MARKERS).to_numpy(bool)

    @functools.cached_property
    def written(self) -> pd.Series:
        """The distinct words as they are written, without those for a missing cell: [U]."""
        return pd.Series(self._labels.words[~self._is_marker], dtype=object).astype(str)

    @functools.cached_property
    def words(self) -> pd.Series:
        """The same without white space around them: [U]."""
        return self.written.str.strip()

    @functools.cached_property
    def counts(self) -> NDArray[np.int64]:
        """How often each word occurs: [U]."""
        return self._labels.counts()[~self._is_marker]

    @property
    def present(self) -> int:
        """Cells that hold something."""
        return len(self.cells) if self.is_nested else int(self.counts.sum())

    @property
    def distinct(self) -> int:
        """How many different words there are."""
        return len(self.words)

    @property
    def missing_share(self) -> float:
        """The share of the cells that hold nothing, by a marker such as '?' too."""
        return 1 - self.present / self.rows if self.rows else 1.0

    @property
    def all_differ(self) -> bool:
        """Whether hardly any cell repeats another one."""
        return self.distinct >= max(20, 0.95 * self.present)

    @functools.cached_property
    def values(self) -> NDArray[np.float64]:
        """Each word as a number, NaN where it is none: [U]."""
        if not self.distinct:
            return np.empty(0)
        numbers = pd.to_numeric(self.words, errors="coerce").to_numpy(np.float64, na_value=np.nan)
        return np.where(np.isfinite(numbers), numbers, np.nan)

    def share(self, words: NDArray[np.bool_] | pd.Series) -> float:
        """The share of the present cells whose words are flagged: [U]."""
        return float(self.counts[np.asarray(words, bool)].sum() / max(self.present, 1))

    def like(self, pattern: str) -> pd.Series:
        """Which words are of the form of a regular expression: [U]."""
        return self.words.str.fullmatch(pattern)

    def mean(self, of_words: pd.Series) -> float:
        """The mean over the cells of what there is for each word: [U]."""
        return float(np.average(of_words.to_numpy(np.float64), weights=self.counts))

    def with_unreadable(self, share: float) -> dict[str, Any]:
        """The option that lets a number or a date have cells such as '?', and so large a share of others that cannot
        be read; the whole table may have a few more than the sample."""
        marked = int(self._labels.counts()[self._is_marker].sum()) / max(self.rows, 1)
        whole = marked + share
        return {"max_invalid_share": min(math.ceil(120 * whole + 1) / 100, 1.0)} if whole else {}

    def example(self, words: NDArray[np.bool_] | pd.Series | None = None) -> str:
        """A word, the most frequent of the flagged ones, as a reason shows it."""
        counts = self.counts if words is None else np.where(np.asarray(words, bool), self.counts, -1)
        word = self.words.iloc[int(counts.argmax())]
        return repr(word if len(word) <= SHOWN else word[: SHOWN - 3] + "...")

    @property
    def seen(self) -> str:
        """In a few words what there is."""
        if self.is_nested:
            return f"{self.present:,} cells"
        missing = self.rows - self.present
        return f"{self.distinct:,} distinct" + (f", {missing:,} missing" if missing else "")
