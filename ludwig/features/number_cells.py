"""One number a cell, whatever the type of the column.

N = rows
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ludwig.error import InputDataError
from ludwig.features.base import first_few


def floats_of(column: pd.Series, where: str) -> NDArray[np.float64]:
    """One number a cell, NaN where it is missing: [N].

    Raises:
        InputDataError: Cells are not numbers; the message counts them and shows the first few.
    """
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy(np.float64, na_value=np.nan)
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)  # categories that are integers cannot take up missing cells
    numbers = pd.to_numeric(column, errors="coerce")
    unreadable = (numbers.isna() & column.notna()).to_numpy()
    if unreadable.any():
        raise InputDataError(
            f"The {where} has {unreadable.sum()} cells of {len(column)} that are not numbers: "
            f"{first_few(column[unreadable].tolist())}. Clean them, or declare the feature as category or text."
        )
    return numbers.to_numpy(np.float64, na_value=np.nan)
