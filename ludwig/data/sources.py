"""Raw data of any format as one table.

Cells are read column by column: no Python object is made of a cell. A textual column is read exactly as it is written
("01" stays "01"), as distinct words and their places.
"""

from __future__ import annotations

import csv
import lzma
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
import pyarrow as pa

from ludwig.data.arrow import Selection, as_pandas, selected_names
from ludwig.data.formats import EXTENSIONS, READERS, format_of_name
from ludwig.data.names import sanitize
from ludwig.error import InputDataError, MissingExtraError, NoSuchFileError, nearest


class ArrowTable(Protocol):
    """A table of pyarrow, polars or another library that hands its columns on in Arrow's form."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


Source = str | Path | Mapping[str, Any] | list[dict[str, Any]] | pd.DataFrame | ArrowTable

SYNONYMS = {"dictionary": "dict", "dataframe": "df", "h5": "hdf5"}
IN_MEMORY = ("df", "dict")
FORMATS = (*IN_MEMORY, *EXTENSIONS, "pickle")
DAMAGE = (ValueError, OSError, EOFError, LookupError, csv.Error, lzma.LZMAError, zipfile.BadZipFile, pa.ArrowException)
OPTIONAL_PACKAGES = {
    **dict.fromkeys(("openpyxl", "xlrd", "odfpy", "pyxlsb"), "excel"),
    **dict.fromkeys(("lxml", "pyreadstat"), "formats"),
}


def format_of(source: Any, data_format: str | None = None) -> str:
    """The format of a source: as named, else by its kind or its extension.

    Raises:
        NoSuchFileError: There is no such file, and its name has no known extension.
        InputDataError: The name is not known, does not fit the source, or the extension is not known.
    """
    name = None if data_format in (None, "auto") else SYNONYMS.get(str(data_format), str(data_format))
    if name is not None and name not in FORMATS:
        raise InputDataError(
            f"There is no data_format '{data_format}'.{nearest(data_format, FORMATS)} "
            f"Choose one of: auto, {', '.join(FORMATS)}."
        )
    if not isinstance(source, str | Path):
        return _format_in_memory(source)
    _refuse_odd_path(source)
    if name in IN_MEMORY:
        raise InputDataError(
            f"data_format is '{data_format}', and the data is the path '{source}'. Remove data_format."
        )
    return name or _format_of_path(source)


def _refuse_odd_path(source: str | Path) -> None:
    """Raises for what no system takes as a path."""
    if not str(source).strip():
        raise InputDataError("The path of the data is empty.")
    try:
        if not _is_remote(source):
            Path(source).exists()
    except OSError as error:
        raise InputDataError(f"'{source!s:.100}' cannot be read as a path: {error.strerror}.") from None


def _format_in_memory(source: Any) -> str:
    if isinstance(source, Mapping | list):
        return "dict"
    if isinstance(source, pd.Series):
        raise InputDataError("The data must be a table. Received: a Series. Pass series.to_frame() in its place.")
    if isinstance(source, pd.DataFrame) or hasattr(source, "__arrow_c_stream__"):
        return "df"
    raise InputDataError(
        "The data must be a path, a DataFrame, a dict of columns or a list of records. "
        f"Received: {type(source).__name__}."
    )


def _format_of_path(source: str | Path) -> str:
    path = Path(str(source).split("?")[0]) if _is_remote(source) else Path(source)
    if path.is_dir():
        return "parquet"
    name = format_of_name(path)
    if name is None and not _is_remote(source) and not path.exists():
        raise _no_file(path)
    if name is None:
        raise InputDataError(
            f"The format of '{source}' cannot be inferred from its name. "
            f"Pass data_format=..., one of: {', '.join(FORMATS)}."
        )
    return name


def folder_of(source: Any) -> Path | None:
    """Where a data file lies; None for data in memory or elsewhere."""
    if not isinstance(source, str | Path) or _is_remote(source):
        return None
    return Path(source).absolute().parent


def read_table(source: Source, data_format: str | None = None, columns: Selection | None = None) -> pd.DataFrame:
    """Reads a source as a table with sanitised column names; the source itself is never changed.

    Args:
        columns: Those to read; None reads all. One that is not there and that nobody needs is simply missing from the
            result, which then has the column of the nearest name.

    Raises:
        NoSuchFileError: There is no such file.
        InputDataError: The source cannot be read as a table, or lacks a column that is needed.
        MissingExtraError: The format needs a package that is not installed.
    """
    name = format_of(source, data_format)
    if name == "hdf5":
        raise InputDataError(
            f"'{source}' is a file of preprocessed data, not a table. Only training can start from it."
        )
    if isinstance(source, str | Path):
        table = _from_remote(str(source), name, columns) if _is_remote(source) else _from_file(source, name, columns)
    else:
        table = _from_memory(source)
    return _with_clean_names(table, columns)


def _with_clean_names(table: pd.DataFrame, columns: Selection | None) -> pd.DataFrame:
    names = [sanitize(name) for name in table.columns]
    kept = set(selected_names(names, columns))
    if len(kept) < len(names):
        places = [place for place, name in enumerate(names) if name in kept]
        table, names = table.iloc[:, places], [names[place] for place in places]
    return table if names == list(table.columns) else table.set_axis(names, axis=1)


def _from_memory(source: Any) -> pd.DataFrame:
    if isinstance(source, pd.DataFrame):
        if isinstance(source.columns, pd.MultiIndex):
            raise InputDataError(
                f"The names of the columns have several levels, as in {source.columns[0]!r:.100}, and must be texts. "
                "Join them first: table.columns = ['_'.join(map(str, name)) for name in table.columns]."
            )
        return pd.DataFrame(source)
    try:
        if isinstance(source, Mapping):
            return _from_columns(source)
        if isinstance(source, list):
            return _from_records(source)
        return as_pandas(pa.table(source))
    except (ValueError, TypeError, pa.ArrowException) as error:
        raise InputDataError(f"The data in memory is not a table: {error}") from None


def _from_columns(source: Mapping[str, Any]) -> pd.DataFrame:
    if source and not any(
        hasattr(values, "__len__") and not isinstance(values, str | bytes) for values in source.values()
    ):
        raise InputDataError("A dict must hold columns: a list of values for each name. For one row, put it in lists.")
    rows_of_arrays = {name for name, values in source.items() if getattr(values, "ndim", 1) > 1}
    return pd.DataFrame({name: list(cells) if name in rows_of_arrays else cells for name, cells in source.items()})


def _from_records(source: list[Any]) -> pd.DataFrame:
    odd = next((place for place, record in enumerate(source) if not isinstance(record, Mapping)), None)
    if odd is not None:
        raise InputDataError(
            f"A list must hold records: a dict of names and values for each row. Entry {odd} is {source[odd]!r:.80}."
        )
    return pd.DataFrame(source)


def _from_file(source: str | Path, name: str, columns: Selection | None) -> pd.DataFrame:
    path = Path(source)
    if not path.exists():
        raise _no_file(path)
    if path.is_file() and path.stat().st_size == 0:
        raise InputDataError(f"The data file '{path}' is empty.")
    if path.is_dir() and name not in ("parquet", "feather", "orc"):
        raise InputDataError(f"'{path}' is a folder; as {name} it must be a file.")
    try:
        return READERS[name](path, columns)
    except InputDataError:
        raise
    except ImportError as error:
        package = next((package for package in OPTIONAL_PACKAGES if package in str(error)), None)
        if package is None:
            raise
        raise MissingExtraError(package, OPTIONAL_PACKAGES[package], f"Reading '{path}'") from None
    except DAMAGE as error:
        raise InputDataError(f"'{path}' cannot be read as {name}: {error}") from None


def _no_file(path: Path) -> NoSuchFileError:
    beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
    return NoSuchFileError(f"There is no data file '{path}'.{nearest(path.name, beside)}")


def _is_remote(source: str | Path) -> bool:
    return isinstance(source, str) and "://" in source


def _from_remote(url: str, name: str, columns: Selection | None) -> pd.DataFrame:
    """Reads a copy, which is then deleted."""
    try:
        import fsspec
    except ImportError:
        raise MissingExtraError("fsspec", "full", f"Reading '{url}'") from None
    with tempfile.TemporaryDirectory(prefix="ludwig-") as folder:
        target = Path(folder) / (Path(url.split("?")[0]).name or "data")
        try:
            files, place = fsspec.core.url_to_fs(url)
            files.get(place, str(target), recursive=files.isdir(place))
        except FileNotFoundError:
            raise NoSuchFileError(f"There is no data at '{url}'.") from None
        except (ImportError, ValueError, OSError) as error:
            raise InputDataError(f"'{url}' cannot be fetched: {error}") from None
        return _from_file(target, name, columns)
