"""Arrow tables as pandas tables, without a Python object per cell; and which columns of a file are read at all."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping, Sequence

import pandas as pd
import pyarrow as pa

from ludwig.data.names import refuse_absent, sanitize
from ludwig.error import InputDataError

INDEX_COLUMNS = "__index_level_"  # how pandas names an index without a name in a file


@dataclasses.dataclass(frozen=True)
class Selection:
    """The columns of a source that are read, by their sanitised names, and which of their cells are missing."""

    textual: Mapping[str, bool] | None = None  # whether the cells of a column are read as written; None for all columns
    needed: Mapping[str, str] = dataclasses.field(default_factory=dict)  # who needs a column that must be there
    missing: Sequence[str] | None = None  # words of a file of texts that mean a missing cell; None for the usual ones
    watched: Mapping[str, float] = dataclasses.field(default_factory=dict)  # share that words may make missing untold
    written: Mapping[str, str] = dataclasses.field(default_factory=dict)  # names before they were sanitised


def selected_names(names: Sequence[str], columns: Selection | None) -> dict[str, bool]:
    """The columns of a file that are read, by their names in the file, and whether each is textual; None reads all.

    For a column that may be absent, and is, the nearest one is read instead, so that a message can name it.

    Raises:
        InputDataError: A column that is needed is not there, or two have one name.
    """
    there = [name for name in names if not name.startswith(INDEX_COLUMNS)]
    if columns is None or columns.textual is None:
        refuse_twice(there)
        return dict.fromkeys(there, False)
    textual = columns.textual
    clean = {name: sanitize(name) for name in names}
    refuse_absent(columns.needed, clean.values(), columns.written)
    known = {*clean.values()}
    absent = [column for column in textual if column not in known]
    spare = sorted(known - {*textual})
    near = {name for column in absent for name in difflib.get_close_matches(column, spare, 1)}
    chosen = [name for name in names if clean[name] in textual or clean[name] in near]
    refuse_twice(chosen)
    return {name: textual.get(clean[name], False) for name in chosen}


def refuse_twice(names: Sequence[str]) -> None:
    """Raises when two columns have one name."""
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        which = f"named '{twice}'" if twice else "without a name"
        raise InputDataError(f"The data has two columns {which}. Rename or remove one of them.")


def as_pandas(table: pa.Table) -> pd.DataFrame:
    """The table in pandas' types.

    Dictionaries become categories, whole numbers with missing cells and decimals become floats, dates become
    datetimes. Times of day become text. Lists of any size stay Arrow lists (`pd.ArrowDtype`).
    """
    table = table.cast(pa.schema([field.with_type(_plain(field.type)) for field in table.schema]))
    lists = {field.type: pd.ArrowDtype(field.type) for field in table.schema if _is_list(field.type)}
    frame: pd.DataFrame = table.to_pandas(types_mapper=lists.get, date_as_object=False, ignore_metadata=True)
    return frame


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_decimal(kind) or pa.types.is_null(kind):
        return pa.float64()
    return pa.string() if pa.types.is_time(kind) else kind


def _is_list(kind: pa.DataType) -> bool:
    return any(test(kind) for test in (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list))
