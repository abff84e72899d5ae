"""Raw data of any format as one table.

Cells are read column by column: no Python object is made of a cell. A textual column is read exactly as it is written
("01" stays "01"), as distinct words and their places.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import feather, orc

from ludwig.data.csv import read_csv
from ludwig.data.names import sanitize
from ludwig.error import InputDataError, MissingExtraError, nearest

Source = str | Path | Mapping[str, Any] | list[dict[str, Any]] | pd.DataFrame
Wanted = Mapping[str, bool] | None  # column -> whether it is textual; None for all columns as they come

COMPRESSIONS = (".gz", ".bz2", ".xz", ".zst", ".zip")
EXTENSIONS = {
    "csv": (".csv", ".txt"),
    "tsv": (".tsv",),
    "json": (".json",),
    "jsonl": (".jsonl", ".ndjson"),
    "excel": (".xlsx", ".xls", ".xlsm", ".xlsb", ".odf", ".ods", ".odt"),
    "parquet": (".parquet", ".pq"),
    "feather": (".feather", ".arrow"),
    "fwf": (".fwf",),
    "html": (".html", ".htm"),
    "orc": (".orc",),
    "sas": (".sas7bdat", ".sas", ".xpt"),
    "spss": (".sav", ".spss"),
    "stata": (".dta", ".stata"),
    "hdf5": (".hdf5", ".h5"),
}
SYNONYMS = {"dictionary": "dict", "dataframe": "df", "h5": "hdf5"}
FORMATS = ("df", "dict", *EXTENSIONS, "pickle")


def format_of(source: Any, data_format: str | None = None) -> str:
    """The format of a source: as named, else by its kind or its extension.

    Raises:
        InputDataError: The name is not known, or the extension tells nothing.
    """
    if data_format not in (None, "auto"):
        name = SYNONYMS.get(str(data_format), str(data_format))
        if name not in FORMATS:
            raise InputDataError(
                f"There is no data_format '{data_format}'.{nearest(data_format, FORMATS)} "
                f"Choose one of: auto, {', '.join(FORMATS)}."
            )
        if not isinstance(source, str | Path):
            return "df" if isinstance(source, pd.DataFrame) else "dict"
        return name
    if isinstance(source, pd.DataFrame):
        return "df"
    if isinstance(source, Mapping | list):
        return "dict"
    if not isinstance(source, str | Path):
        raise InputDataError(
            f"The data must be a path, a DataFrame, a dict of columns or a list of records. Received: {type(source)}."
        )
    return _format_of_path(Path(source))


def _format_of_path(path: Path) -> str:
    if path.is_dir():
        return "parquet"
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSIONS:
        suffixes.pop()
    for name, extensions in EXTENSIONS.items():
        if suffixes and suffixes[-1] in extensions:
            return name
    raise InputDataError(
        f"The format of '{path}' cannot be told from its name. Say it: data_format= one of {', '.join(FORMATS)}."
    )


def folder_of(source: Any) -> Path | None:
    """Where a data file lies; None for data in memory."""
    return Path(source).absolute().parent if isinstance(source, str | Path) else None


def read_table(source: Any, data_format: str | None = None, columns: Wanted = None) -> pd.DataFrame:
    """Reads a source as a table with sanitised column names; the source itself is never changed.

    Args:
        columns: The wanted columns by sanitised name, and whether each is textual. A wanted column that is not there
            is simply missing from the result.

    Raises:
        FileNotFoundError: There is no such file.
        InputDataError: The source cannot be read as a table.
    """
    name = format_of(source, data_format)
    if name == "df":
        table = pd.DataFrame(source)
    elif name == "dict":
        table = _from_memory(source)
    else:
        table = _from_file(source, name, columns)
    return _with_clean_names(table, columns)


def _with_clean_names(table: pd.DataFrame, columns: Wanted) -> pd.DataFrame:
    names = [sanitize(name) for name in table.columns]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise InputDataError(f"The data has two columns named '{twice[0]}'. Rename one of them.")
    if columns is not None and set(names) - set(columns):
        places = [place for place, name in enumerate(names) if name in columns]
        table, names = table.iloc[:, places], [names[place] for place in places]
    return table if names == list(table.columns) else table.set_axis(names, axis=1)


def _from_memory(source: Any) -> pd.DataFrame:
    if isinstance(source, Mapping) and source and not any(_is_column(values) for values in source.values()):
        raise InputDataError("A dict must hold columns: a list of values for each name. For one row, put it in lists.")
    try:
        return pd.DataFrame(source if isinstance(source, list) else dict(source))
    except (ValueError, TypeError) as error:
        raise InputDataError(f"The data in memory is no table: {error}.") from None


def _is_column(values: Any) -> bool:
    return isinstance(values, Sequence | np.ndarray | pd.Series | pd.Index) and not isinstance(values, str | bytes)


def _from_file(source: Any, name: str, columns: Wanted) -> pd.DataFrame:
    if name == "hdf5":
        raise InputDataError(f"'{source}' is a file of preprocessed data, which is no table.")
    text = str(source)
    if "://" in text:
        return _READERS[name](_downloaded(text), columns)
    path = Path(source)
    if not path.exists():
        raise FileNotFoundError(f"There is no data file '{path}'.")
    if path.is_file() and path.stat().st_size == 0:
        raise InputDataError(f"The data file '{path}' is empty.")
    try:
        return _READERS[name](path, columns)
    except InputDataError:
        raise
    except ImportError as error:
        raise MissingExtraError(str(error.name), "excel" if name == "excel" else "formats", f"Reading {name}") from None
    except (ValueError, OSError, KeyError, pa.ArrowException) as error:
        raise InputDataError(f"'{path}' cannot be read as {name}: {error}") from None


def _downloaded(url: str) -> Path:
    """A copy of a remote file in a folder that goes away with the process."""
    try:
        import fsspec
    except ImportError:
        raise MissingExtraError("fsspec", "full", "Reading remote data") from None
    folder = Path(tempfile.mkdtemp(prefix="ludwig-"))
    target = folder / Path(url).name
    with fsspec.open(url, "rb") as remote:
        target.write_bytes(remote.read())
    return target


def _from_arrow(table: pa.Table) -> pd.DataFrame:
    """Text stays in Arrow's memory; lists stay Arrow lists, so that no cell becomes a Python object."""
    lists = {field.type: pd.ArrowDtype(field.type) for field in table.schema if pa.types.is_list(field.type)}
    frame: pd.DataFrame = table.to_pandas(types_mapper=lists.get)
    return frame


def _read_parquet(path: Path, columns: Wanted) -> pd.DataFrame:
    dataset = ds.dataset(path, format="parquet")
    names = [n for n in dataset.schema.names if columns is None or sanitize(n) in columns]
    textual = [n for n in names if columns is not None and columns[sanitize(n)]]
    words = [n for n in textual if pa.types.is_string(dataset.schema.field(n).type)]
    table = ds.dataset(path, format=ds.ParquetFileFormat(dictionary_columns=words)).to_table(columns=names)
    return _from_arrow(table)


def _read_feather(path: Path, columns: Wanted) -> pd.DataFrame:
    return _from_arrow(feather.read_table(path))


def _read_orc(path: Path, columns: Wanted) -> pd.DataFrame:
    return _from_arrow(orc.read_table(path))


def _texts(columns: Wanted) -> dict[str, type[str]]:
    return {name: str for name, textual in (columns or {}).items() if textual}


def _read_excel(path: Path, columns: Wanted) -> pd.DataFrame:
    return pd.read_excel(path, dtype=_texts(columns))


def _read_json(path: Path, columns: Wanted) -> pd.DataFrame:
    return pd.read_json(path, dtype=_texts(columns) or True, convert_dates=False)


def _read_jsonl(path: Path, columns: Wanted) -> pd.DataFrame:
    return pd.read_json(path, lines=True, dtype=_texts(columns) or True, convert_dates=False)


def _read_html(path: Path, columns: Wanted) -> pd.DataFrame:
    return pd.read_html(str(path))[0]


def _read_fwf(path: Path, columns: Wanted) -> pd.DataFrame:
    return pd.read_fwf(path)


_READERS: dict[str, Callable[[Path, Wanted], pd.DataFrame]] = {
    "csv": lambda path, columns: read_csv(path, columns),
    "tsv": lambda path, columns: read_csv(path, columns, delimiter="\t"),
    "json": _read_json,
    "jsonl": _read_jsonl,
    "excel": _read_excel,
    "parquet": _read_parquet,
    "feather": _read_feather,
    "fwf": _read_fwf,
    "html": _read_html,
    "orc": _read_orc,
    "sas": lambda path, columns: pd.read_sas(path, encoding="utf-8"),
    "spss": lambda path, columns: pd.read_spss(path),
    "stata": lambda path, columns: pd.read_stata(path),
    "pickle": lambda path, columns: pd.read_pickle(path),  # only ever reached when the caller names the format
}
