"""A preprocessed split as users see it.

N = rows
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ludwig.columns.files import Files
from ludwig.columns.frame import Frame
from ludwig.columns.ragged import Ragged
from ludwig.error import ArgumentError, counted, nearest

FIRST_ROWS = 5  # that a notebook shows


class Dataset:
    """A frame, with its columns under the names that the config gives to preprocessed data."""

    def __init__(
        self, frame: Frame, proc_columns: Mapping[str, str], positions: NDArray[np.int64] | None = None
    ) -> None:
        """`proc_columns`: the preprocessed column of each feature; `positions`: where the rows stood in their table."""
        self.frame, self.features = frame, dict(proc_columns)
        self.index = pd.RangeIndex(len(frame)) if positions is None else pd.Index(positions)  # that of predictions

    @staticmethod
    def joined(parts: Sequence[Dataset]) -> Dataset:
        """The rows of all parts, one after the other."""
        return parts[0] if len(parts) == 1 else Dataset(Frame.joined([p.frame for p in parts]), parts[0].features)

    def __len__(self) -> int:
        return len(self.frame)

    def __repr__(self) -> str:
        return f"Dataset({counted(len(self), 'row')}: {', '.join(self.features)})"

    def _repr_html_(self) -> str:
        head = Dataset(self.frame.slice(0, min(len(self), FIRST_ROWS)), self.features).to_df()
        return f"<p>Dataset of {counted(len(self), 'row')}</p>\n{head.to_html()}"

    @property
    def size(self) -> int:
        """The number of rows."""
        return len(self.frame)

    @property
    def in_memory_size_bytes(self) -> int:
        return self.frame.nbytes

    @property
    def dataset(self) -> dict[str, NDArray[Any]]:
        """Each preprocessed column as an array of N rows."""
        return {proc: self._array(name) for name, proc in self.features.items() if name in self.frame}

    def get(self, proc_column: str, index: Any = slice(None)) -> NDArray[Any]:
        """Rows of one preprocessed column.

        Raises:
            ArgumentError: There is no such column.
        """
        by_column = {proc: name for name, proc in self.features.items()}
        if proc_column not in by_column:
            hint = nearest(proc_column, by_column)
            raise ArgumentError(f"There is no column '{proc_column}'.{hint} Columns: {', '.join(by_column)}.")
        rows: NDArray[Any] = self._array(by_column[proc_column])[index]
        return rows

    def to_df(self) -> pd.DataFrame:
        """The preprocessed columns as a table; a cell of several numbers is an array."""
        return pd.DataFrame({proc: _cells(values) for proc, values in self.dataset.items()})

    def to_scalar_df(self) -> pd.DataFrame:
        """The preprocessed columns as a table of scalars; a cell of several numbers becomes several columns."""
        table: dict[str, NDArray[Any]] = {}
        for proc, values in self.dataset.items():
            flat = (
                values.reshape(len(values), math.prod(values.shape[1:])) if values.dtype != object else values[:, None]
            )
            names = [proc] if flat.shape[1] == 1 else [f"{proc}_{place}" for place in range(flat.shape[1])]
            table |= dict(zip(names, flat.T, strict=True))
        return pd.DataFrame(table)

    def _array(self, name: str) -> NDArray[Any]:
        other = self.frame.others.get(name)
        if isinstance(other, Ragged):
            cells = np.empty(len(other), dtype=object)
            for row, (start, stop) in enumerate(pairwise(other.offsets.tolist())):
                cells[row] = other.values[start:stop].cpu().numpy()
            return cells
        if isinstance(other, Files):
            return other.sources
        return self.frame.columns((name,))[:, 0].cpu().numpy()


def _cells(values: NDArray[Any]) -> Any:
    return values if values.ndim == 1 else list(values)
