"""CSV files: the delimiter is inferred from the first lines, the cells are read by Arrow."""

from __future__ import annotations

import csv
import io
import mmap
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

from ludwig.data.arrow import Selection, as_pandas, selected_names
from ludwig.data.compressed import is_compressed, opened
from ludwig.data.names import sanitize
from ludwig.error import InputDataError, counted
from ludwig.runtime.console import warn

Content = bytes | mmap.mmap

DELIMITERS = (",", ";", "\t", "|")
SNIFFED_BYTES = 100_000
SNIFFED_ROWS = 20
LARGE_BLOCK = 1 << 28  # bytes; holds a row that is too long for the usual block
PAGE = 1 << 18  # bytes that are looked through at once
MISSING = ["", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A"]
MISSING += ["NA", "NULL", "NaN", "None", "n/a", "nan", "null"]  # what pandas reads as missing
WORDS = pa.dictionary(pa.int32(), pa.string())


def read_csv(path: Path, columns: Selection | None, delimiter: str | None = None) -> pd.DataFrame:
    """The wanted columns of a delimited file; textual ones as categories, the others with the type of their cells.

    Raises:
        InputDataError: The file is not UTF-8 text, or its rows are of different lengths.
    """
    head = _head(path)
    delimiter = delimiter or sniff(head)
    first_rows = list(csv.reader(io.StringIO(head, newline=""), delimiter=delimiter))
    header = next((row for row in first_rows if row), [])
    if not header:
        raise InputDataError(f"The data file '{path}' is empty: it has no header.")
    chosen = selected_names(header, columns)
    if not chosen:
        return pd.DataFrame()
    missing = MISSING if columns is None or columns.missing is None else columns.missing
    types = {name: WORDS for name, textual in chosen.items() if textual}
    convert = arrow_csv.ConvertOptions(
        include_columns=list(chosen),
        column_types=types,
        null_values=[*dict.fromkeys(("", *missing))],
        strings_can_be_null=True,
        true_values=["true", "True", "TRUE"],
        false_values=["false", "False", "FALSE"],
    )
    multiline = any("\n" in cell for row in first_rows for cell in row)
    table = _read(path, delimiter, convert, multiline)
    if any(pa.types.is_binary(field.type) for field in table.schema):
        raise _not_utf8(path)
    if columns is not None:
        shares = {name: columns.watched.get(sanitize(name), 1.0) for name in table.column_names}
        suspects = [name for name, share in shares.items() if table[name].null_count > share * table.num_rows]
        as_written = arrow_csv.ConvertOptions(include_columns=suspects, column_types=dict.fromkeys(suspects, WORDS))
        if suspects:
            texts = _read(path, delimiter, as_written, multiline)
            _warn_of_words(path, texts, missing, {name: shares[name] for name in suspects})
    return as_pandas(table)


def _warn_of_words(path: Path, texts: pa.Table, missing: Sequence[str], shares: Mapping[str, float]) -> None:
    """Warns of words that make many cells missing; cells without any word are missing without doubt."""
    for name, share in shares.items():
        words = Counter({entry["values"]: entry["counts"] for entry in texts[name].value_counts().to_pylist()})
        found = {word: words[word] for word in missing if word and words[word]}
        if found and sum(found.values()) > share * texts.num_rows:
            counted = ", ".join(f"{count} cells read '{word}'" for word, count in found.items())
            warn(
                f"The column '{name}' of '{path}': {counted} of {texts.num_rows}, which means that they are missing. "
                "If that is a value, set preprocessing.missing_values to the words that mean a missing one ([]: none)."
            )


def sniff(head: str) -> str:
    """The delimiter that cuts most of the first rows into as many cells as the header, and into the most."""
    best, highest = ",", (0.0, 1)
    for delimiter in DELIMITERS:
        sizes = _row_sizes(head, delimiter)
        if sizes and sizes[0] > 1:
            rank = (sizes.count(sizes[0]) / len(sizes), sizes[0])
            if rank > highest:
                best, highest = delimiter, rank
    return best


def _row_sizes(head: str, delimiter: str) -> list[int]:
    """How many cells the first rows have; none where a cell is longer than csv allows, as without the delimiter."""
    rows = csv.reader(io.StringIO(head, newline=""), delimiter=delimiter)
    try:
        return [len(row) for row in islice(filter(None, rows), SNIFFED_ROWS)]
    except csv.Error:
        return []


def _head(path: Path) -> str:
    """The first whole lines; the header is one of them, however long it is."""
    raw, end = b"", -1
    with opened(path) as file:
        while len(raw) < SNIFFED_BYTES or end < 0:
            more = file.read(SNIFFED_BYTES)
            if not more:
                end = len(raw) - 1
                break
            raw += more
            end = max(raw.rfind(b"\n"), raw.rfind(b"\r"))
    cut = raw[: end + 1]
    try:
        return cut.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(path, f" (byte {error.start} is {cut[error.start]:#04x})") from None


def _not_utf8(path: Path, where: str = "") -> InputDataError:
    return InputDataError(
        f"'{path}' is not UTF-8 text{where}. Save it as UTF-8, or read it with pandas and its encoding and pass the "
        "DataFrame."
    )


def _content(path: Path) -> Content:
    """The bytes of the file once unpacked; those of a plain file are mapped, not copied."""
    if is_compressed(path):
        with opened(path) as packed:
            return packed.read()
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _read(path: Path, delimiter: str, convert: arrow_csv.ConvertOptions, multiline: bool) -> pa.Table:
    """Arrow reads fastest when no cell has a line break; whether it read all rows whole is seen from their number."""
    content = _content(path)
    if not multiline:
        try:
            table = _by_arrow(content, arrow_csv.ParseOptions(delimiter=delimiter), convert)
        except pa.ArrowInvalid:
            table = None  # the careful reading below reports what is wrong
        if table is not None and _is_whole(content, table.num_rows):
            return table
    careful = arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    try:
        table = _by_arrow(content, careful, convert)
    except pa.ArrowInvalid as error:
        return _read_escaped(path, content, careful, convert, str(error))
    if _count(content, b'"') % 2 and _ends_in_a_cell(content, careful, table):
        raise InputDataError(
            f"'{path}' has a quote that is never closed; it takes up all rows after row {table.num_rows}. Close it, or "
            "double each quote that is part of a cell, and put the cell in quotes."
        )
    return table


def _read_escaped(
    path: Path, content: Content, careful: arrow_csv.ParseOptions, convert: arrow_csv.ConvertOptions, fault: str
) -> pa.Table:
    """The second try, for files that have backslashes before quotes, or rows that no usual block can hold."""
    delimiter = careful.delimiter
    escaped = arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, escape_char="\\")
    large = arrow_csv.ReadOptions(block_size=LARGE_BLOCK)
    try:
        return _by_arrow(content, escaped, convert, large)
    except pa.ArrowInvalid:
        raise _unreadable(path, content, careful, fault) from None


def _by_arrow(
    content: Content,
    parse: arrow_csv.ParseOptions,
    convert: arrow_csv.ConvertOptions | None = None,
    read: arrow_csv.ReadOptions | None = None,
) -> pa.Table:
    file = pa.BufferReader(content)
    return arrow_csv.read_csv(file, parse_options=parse, convert_options=convert, read_options=read)


def _is_whole(content: Content, rows: int) -> bool:
    """Whether each line became one row, or no cell can hold a line break because there is no quote.

    A row that starts inside of a quoted cell, as Arrow may make one at the border of two blocks, is paid for with a
    line that became no row; so the numbers are equal only where each line is a row of its own.
    """
    if content.find(b'"') < 0:
        return True
    lines = _count(content, b"\n") + (content[-1:] != b"\n")
    return lines == rows + 1


def _count(content: Content, sign: bytes) -> int:
    pages = (np.frombuffer(content[start : start + PAGE], np.uint8) for start in range(0, len(content), PAGE))
    return sum(int(np.count_nonzero(page == ord(sign))) for page in pages)


def _ends_in_a_cell(content: Content, parse: arrow_csv.ParseOptions, table: pa.Table) -> bool:
    """Whether a further row would be taken for a part of the last cell."""
    names = arrow_csv.open_csv(pa.BufferReader(content), parse_options=parse).schema.names
    further = ("\n" + parse.delimiter.join("x" * len(names))).encode()
    longer = _by_arrow(content[:] + further, parse)
    return bool(longer.num_rows == table.num_rows)


def _unreadable(path: Path, content: Content, parse: arrow_csv.ParseOptions, fault: str) -> InputDataError:
    if "UTF8" in fault:
        return _not_utf8(path)
    odd: list[arrow_csv.InvalidRow] = []

    def skipped(row: arrow_csv.InvalidRow) -> str:
        odd.append(row)
        return "skip"

    parse.invalid_row_handler = skipped
    try:
        _by_arrow(content, parse, read=arrow_csv.ReadOptions(use_threads=False, block_size=LARGE_BLOCK))
    except pa.ArrowInvalid as error:
        fault = str(error)
    if not odd:
        return InputDataError(f"'{path}' cannot be read as CSV: {fault.splitlines()[0]}.")
    first = odd[0]
    count = "One row differs" if len(odd) == 1 else f"{len(odd)} rows differ"
    return InputDataError(
        f"'{path}' has a header of {counted(first.expected_columns, 'cell')}. {count}, the first in row {first.number} "
        f"with {first.actual_columns}: {first.text[:80]!r}. Put quotes around cells that hold the delimiter "
        f"{parse.delimiter!r}, or mend the rows."
    )
