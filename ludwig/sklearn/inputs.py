"""The columns of X: checked as scikit-learn checks them, and declared as input features.

N = rows, F = columns of X
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from ludwig.data.arrow import as_pandas
from ludwig.data.sources import ArrowTable
from ludwig.error import ArgumentError, ConfigValidationError, InputDataError, nearest

Inputs = pd.DataFrame | ArrowTable | ArrayLike
Section = dict[str, Any]

TEXT_WORDS = 3  # a column of strings is text where its cells have as many words on average, and where as many of
TEXT_DISTINCT = 0.5  # its cells are distinct; else it is a category


def table_of(X: Inputs, fewest_rows: int) -> pd.DataFrame:
    """X as a table, checked as scikit-learn checks arrays; missing cells may be."""
    checks = {"dtype": None, "ensure_all_finite": "allow-nan", "input_name": "X"}
    if not (hasattr(X, "__arrow_c_stream__") and hasattr(X, "columns")):
        return pd.DataFrame(check_array(X, ensure_min_samples=fewest_rows, **checks)).infer_objects()
    table = X if isinstance(X, pd.DataFrame) else as_pandas(pa.table(X))
    for found, fewest, what in zip(table.shape, (fewest_rows, 1), ("sample", "feature"), strict=True):
        if found < fewest:
            shape = f"(shape={table.shape})"
            raise InputDataError(f"Found array with {found} {what}(s) {shape} while a minimum of {fewest} is required.")
    numbers = table.select_dtypes("number", exclude="timedelta")
    if len(numbers.columns):
        check_array(numbers, **checks)
    return table


def names_of(table: pd.DataFrame) -> list[str]:
    """The names of the columns, as features have them; x0, x1 ... where these are not all texts."""
    if all(isinstance(name, str) for name in table.columns):
        return [*table.columns]
    return [f"x{place}" for place in range(len(table.columns))]


def is_list_of_sections(value: Any) -> bool:
    """Whether it is what the config has for features."""
    return isinstance(value, Sequence) and all(isinstance(entry, Mapping) for entry in value)


def inferred(table: pd.DataFrame, besides: set[str | None]) -> list[Section]:
    """A feature for each column that has a value."""
    names = [name for name in table.columns if name not in besides]
    features = [{"name": name, "type": _type_of(table[name])} for name in names if table[name].notna().any()]
    if not features:
        raise InputDataError("No column of X has a value that is not missing, so that there is nothing to train on.")
    return features


def typed(given: Any, table: pd.DataFrame) -> list[Section]:
    """The features of the config; where one has no type, it is inferred."""
    if not is_list_of_sections(given):
        raise ConfigValidationError(f"input_features must be a list of sections. Received: {given!r:.200}.")
    typed = []
    for feature in given:
        column = feature.get("column") or feature.get("name")
        if not isinstance(column, str) or column not in table.columns:
            known = ", ".join(table.columns[:20])
            raise ConfigValidationError(
                f"X has no column '{column}', which input_features names.{nearest(column, table.columns)} "
                f"Its columns: {known}."
            )
        typed.append(dict(feature) if "type" in feature else {**feature, "type": _type_of(table[column])})
    return typed


def _type_of(column: pd.Series) -> str:
    """The type of an input feature, by the dtype of its column."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return "category"
    if pd.api.types.is_bool_dtype(dtype):
        return "category" if column.isna().any() else "binary"
    if pd.api.types.is_timedelta64_dtype(dtype):
        raise InputDataError(f"The column '{column.name}' holds durations. Turn them into numbers, such as seconds.")
    if pd.api.types.is_numeric_dtype(dtype):
        return "number"
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return "date"
    return "text" if _is_text(column) else "category"


def _is_text(column: pd.Series) -> bool:
    """Whether the cells are sentences, most of them different, and not words that recur."""
    cells = column.dropna()
    if pd.api.types.infer_dtype(cells) != "string":
        _refuse_collections(cells)
        return False
    return bool(cells.nunique() >= TEXT_DISTINCT * len(cells) and cells.str.count(r"\S+").mean() >= TEXT_WORDS)


def _refuse_collections(cells: pd.Series) -> None:
    """Raises where a cell is a list, a dict or the like."""
    odd = cells[~cells.map(pd.api.types.is_scalar).astype(bool)]
    if len(odd):
        raise ArgumentError(
            f"The column '{cells.name}' of X has a cell of the type {type(odd.iloc[0]).__name__}, where each argument "
            "must be a string or a number. To use vectors, sets or series, declare the column in input_features."
        )
