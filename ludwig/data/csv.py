"""CSV files: the delimiter is told from the first lines, the cells are read by Arrow."""

from __future__ import annotations

import csv
import io
import lzma
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, cast

import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

from ludwig.data.names import sanitize
from ludwig.error import InputDataError

DELIMITERS = (",", ";", "\t", "|")
SNIFFED_BYTES = 100_000
MISSING = ["", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A"]
MISSING += ["NA", "NULL", "NaN", "None", "n/a", "nan", "null"]  # what pandas reads as missing
WORDS = pa.dictionary(pa.int32(), pa.string())


def read_csv(path: Path, columns: Mapping[str, bool] | None, delimiter: str | None = None) -> pd.DataFrame:
    """The wanted columns of a delimited file; textual ones as categories, the others as their cells say.

    Raises:
        InputDataError: The file is not UTF-8 text, or its rows are of different lengths.
    """
    head = _head(path)
    delimiter = delimiter or sniff(head)
    header = _header(head, delimiter)
    wanted = [name for name in header if columns is None or sanitize(name) in columns]
    types = {name: WORDS for name in wanted if columns is not None and columns[sanitize(name)]}
    if not wanted:
        return pd.DataFrame(columns=header)
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise InputDataError(f"The data has two columns named '{twice}'. Rename one of them.")
    try:
        table = _by_arrow(path, delimiter, wanted, types, multiline='"' in head)
    except pa.ArrowInvalid as error:
        return _by_pandas(path, delimiter, wanted, types, str(error))
    frame: pd.DataFrame = table.to_pandas()
    return frame


def sniff(head: str) -> str:
    """The delimiter that cuts the header and the first rows into equally many cells, and into the most."""
    best, most = ",", 1
    for delimiter in DELIMITERS:
        rows = [len(row) for row in csv.reader(io.StringIO(head), delimiter=delimiter) if row][:20]
        if rows and min(rows) == max(rows) and rows[0] > most:
            best, most = delimiter, rows[0]
    return best


def _header(head: str, delimiter: str) -> list[str]:
    return next((row for row in csv.reader(io.StringIO(head), delimiter=delimiter) if row), [])


def _head(path: Path) -> str:
    """The first whole lines."""
    with _opened(path) as file:
        raw = file.read(SNIFFED_BYTES)
    cut = raw if len(raw) < SNIFFED_BYTES else raw[: raw.rfind(b"\n") + 1] or raw
    try:
        return cut.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputDataError(
            f"'{path}' is not UTF-8 text (byte {error.start}). Save it as UTF-8, or read it yourself and pass a "
            "DataFrame."
        ) from None


def _opened(path: Path) -> IO[bytes]:
    suffix = path.suffix.lower()
    if suffix == ".zip":
        archive = zipfile.ZipFile(path)
        return archive.open(archive.namelist()[0])
    if suffix == ".xz":
        return cast(IO[bytes], lzma.open(path))
    return cast(IO[bytes], pa.input_stream(str(path), compression="detect"))


def _by_arrow(path: Path, delimiter: str, wanted: list[str], types: Mapping[str, Any], multiline: bool) -> pa.Table:
    convert = arrow_csv.ConvertOptions(
        include_columns=wanted, column_types=types, null_values=MISSING, strings_can_be_null=True
    )
    parse = arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=multiline)
    with _opened(path) as file:
        return arrow_csv.read_csv(file, parse_options=parse, convert_options=convert)


def _by_pandas(path: Path, delimiter: str, wanted: list[str], types: Mapping[str, Any], fault: str) -> pd.DataFrame:
    """The slower reader, which knows backslash escapes."""
    try:
        with _opened(path) as file:
            return pd.read_csv(
                file,
                sep=delimiter,
                usecols=wanted,
                dtype=dict.fromkeys(types, "category"),
                escapechar="\\",
                encoding="utf-8-sig",
            )[wanted]
    except (ValueError, UnicodeDecodeError) as error:
        raise InputDataError(f"'{path}' cannot be read as CSV: {fault.splitlines()[0]} ({error})") from None
