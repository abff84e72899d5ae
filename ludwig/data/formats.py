"""The formats of data files: their names, their extensions, and what reads them.

A reader gets a path and the wanted columns, and gives at least those of them that the file has. Formats that keep types
(Parquet, Excel, JSON ...) are read as they are; where everything is text (HTML, fixed width) the types are inferred
as for CSV.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from ludwig.data.arrow import Selection, as_pandas, refuse_twice, selected_names
from ludwig.data.compressed import is_compressed, opened
from ludwig.data.csv import read_csv
from ludwig.error import InputDataError

Reader = Callable[[Path, Selection | None], pd.DataFrame]  # None: all columns, as they come

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
PACKED = ("csv", "tsv", "json", "jsonl")  # formats whose files may be compressed


def _read_tsv(path: Path, columns: Selection | None) -> pd.DataFrame:
    return read_csv(path, columns, delimiter="\t")


def _read_parquet(path: Path, columns: Selection | None) -> pd.DataFrame:
    dataset = _dataset(path, ds.ParquetFileFormat())
    chosen = selected_names(dataset.schema.names, columns)
    texts = [name for name, textual in chosen.items() if textual and _is_text(dataset.schema.field(name).type)]
    as_words = ds.ParquetFileFormat(dictionary_columns=texts)
    return as_pandas(_dataset(path, as_words).to_table(columns=list(chosen)))


def _is_text(kind: pa.DataType) -> bool:
    return any(test(kind) for test in (pa.types.is_string, pa.types.is_large_string))


def _read_feather(path: Path, columns: Selection | None) -> pd.DataFrame:
    dataset = _dataset(path, "ipc")
    return as_pandas(dataset.to_table(columns=list(selected_names(dataset.schema.names, columns))))


def _read_orc(path: Path, columns: Selection | None) -> pd.DataFrame:
    dataset = _dataset(path, "orc")
    return as_pandas(dataset.to_table(columns=list(selected_names(dataset.schema.names, columns))))


def _dataset(path: Path, file_format: ds.FileFormat | str) -> ds.Dataset:
    """A file, or a folder of files, maybe in folders named `column=value`."""
    dataset = ds.dataset(path, format=file_format, partitioning="hive" if path.is_dir() else None)
    if not dataset.files:
        raise InputDataError(f"The folder '{path}' has no data files.")
    return dataset


def _read_json(path: Path, columns: Selection | None) -> pd.DataFrame:
    """Records, columns of values, columns of values by row, or pandas' `split` form."""
    with opened(path) as file:
        content = json.loads(file.read())
    if isinstance(content, dict) and set(content) == {"columns", "index", "data"}:
        return pd.DataFrame(content["data"], columns=content["columns"])
    if isinstance(content, list):
        return _records(content, path)
    if not isinstance(content, dict) or not all(isinstance(column, list | dict) for column in content.values()):
        raise InputDataError(f"'{path}' must hold a list of records, or columns with a list of values each.")
    return pd.DataFrame(content).reset_index(drop=True)


def _read_jsonl(path: Path, columns: Selection | None) -> pd.DataFrame:
    with opened(path) as file:
        lines = file.read().decode("utf-8-sig").split("\n")
    return _records([json.loads(line) for line in lines if line.strip()], path)


def _records(rows: list[Any], path: Path) -> pd.DataFrame:
    odd = next((place for place, row in enumerate(rows) if not isinstance(row, dict)), None)
    if odd is not None:
        raise InputDataError(
            f"'{path}' must hold records, one object of names and values each. Record {odd} is not one."
        )
    return pd.DataFrame(rows)


def _read_excel(path: Path, columns: Selection | None) -> pd.DataFrame:
    return pd.read_excel(path, dtype=object).infer_objects()


def _read_html(path: Path, columns: Selection | None) -> pd.DataFrame:
    """The first table of the page."""
    as_text: dict[Any, type] = dict.fromkeys(pd.read_html(path, flavor="lxml")[0].columns, str)
    return _as_csv(pd.read_html(path, flavor="lxml", converters=as_text)[0], columns)


def _read_fwf(path: Path, columns: Selection | None) -> pd.DataFrame:
    return _as_csv(pd.read_fwf(path, dtype=str), columns)


def _as_csv(texts: pd.DataFrame, columns: Selection | None) -> pd.DataFrame:
    """A table of texts with the types that CSV would have."""
    refuse_twice(list(map(str, texts.columns)))
    with tempfile.TemporaryDirectory(prefix="ludwig-") as folder:
        path = Path(folder) / "table.csv"
        texts.to_csv(path, index=False)
        return read_csv(path, columns, delimiter=",")


def _read_sas(path: Path, columns: Selection | None) -> pd.DataFrame:
    kind: Literal["xport", "sas7bdat"] = "xport" if path.suffix.lower() == ".xpt" else "sas7bdat"
    return pd.read_sas(path, format=kind, encoding="utf-8")


def _read_spss(path: Path, columns: Selection | None) -> pd.DataFrame:
    import pyreadstat

    try:
        return pd.read_spss(path)
    except pyreadstat.ReadstatError as error:
        raise ValueError(str(error)) from None


def _read_stata(path: Path, columns: Selection | None) -> pd.DataFrame:
    return pd.read_stata(path)


def _read_pickle(path: Path, columns: Selection | None) -> pd.DataFrame:
    """Only ever reached when the caller names the format: a pickle runs whatever code is in it."""
    try:
        return pd.DataFrame(pd.read_pickle(path))
    except Exception as error:  # whatever that code raises, and the reader itself where bytes are damaged
        raise ValueError(f"{type(error).__name__}: {error}") from error


READERS: dict[str, Reader] = {
    "csv": read_csv,
    "tsv": _read_tsv,
    "json": _read_json,
    "jsonl": _read_jsonl,
    "excel": _read_excel,
    "parquet": _read_parquet,
    "feather": _read_feather,
    "fwf": _read_fwf,
    "html": _read_html,
    "orc": _read_orc,
    "sas": _read_sas,
    "spss": _read_spss,
    "stata": _read_stata,
    "pickle": _read_pickle,
}


def format_of_name(path: Path) -> str | None:
    """The format of the extension; None where it is not known."""
    packed = is_compressed(path)
    suffix = (path.with_suffix("") if packed else path).suffix.lower()
    found = next((name for name, extensions in EXTENSIONS.items() if suffix in extensions), None)
    return None if packed and found not in PACKED else found
