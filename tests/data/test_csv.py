import bz2
import gzip
import lzma
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ludwig.data.arrow import Selection
from ludwig.data.csv import MISSING, read_csv, sniff
from ludwig.error import InputDataError

# Each row: a word as it stands in the file, quoted or not, in a row of a text, a number and the word itself.
NASTY_WORDS = [
    *MISSING,
    '"NA"',
    '""',
    '"say ""hi"""',
    '"a, b"',
    "naïve ☃ 日本",
    "01",
    "007.50",
    "1e5",
    "true",
    "FALSE",
    " padded ",
    "None of it",
    "'single'",
    "-",
    "0x1F",
    "2020-01-02",
]


def written(folder: Path, content: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_missing_words_are_those_of_pandas(tmp_path):
    lines = "".join(f'{place},"{word}"\n' for place, word in enumerate(MISSING))
    assert pd.read_csv(written(tmp_path, "place,word\n" + lines))["word"].isna().all()
    assert sorted(MISSING) == sorted(pd._libs.parsers.STR_NA_VALUES)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
def test_nasty_cells_are_read_as_pandas_reads_text(tmp_path, line_end, mark):
    rows = [f"{place},{place / 3},{word}" for place, word in enumerate(NASTY_WORDS)]
    path = written(tmp_path, mark + line_end.join(["id,x,word", *rows, ""]).encode())
    ours = read_csv(path, Selection({"id": False, "x": False, "word": True}))
    theirs = pd.read_csv(path, dtype={"word": str}, encoding="utf-8-sig")
    assert list(ours.columns) == ["id", "x", "word"]
    assert isinstance(ours["word"].dtype, pd.CategoricalDtype)
    assert ours["word"].astype(object).where(ours["word"].notna(), None).tolist() == (
        theirs["word"].astype(object).where(theirs["word"].notna(), None).tolist()
    )
    pd.testing.assert_frame_equal(ours[["id", "x"]], theirs[["id", "x"]])


@pytest.mark.parametrize(
    "cells",
    [
        ["1", "2", "3"],
        ["1", "", "3"],
        ["1.5", "NA", "-2e-3"],
        ["1e400", "inf", "-inf"],
        ["true", "False", "TRUE"],
        ["true", "1", "0"],
        ["1", "two", "3"],
        [" 1", "2 ", " 3 "],
        ["", "NA", "null"],
        ["yes", "no", ""],
        ["00", "01", "02"],
    ],
)
def test_types_are_inferred_as_by_pandas(tmp_path, cells):
    path = written(tmp_path, "k,v\n" + "".join(f"r,{cell}\n" for cell in cells))
    pd.testing.assert_series_equal(read_csv(path, Selection({"v": False}))["v"], pd.read_csv(path)["v"])


def test_truth_values_with_a_missing_one_stay_truth_values(tmp_path):
    column = read_csv(written(tmp_path, "k,v\na,true\nb,\nc,false\n"), None)["v"]
    assert column.tolist() == [True, None, False]


def test_dates_become_datetimes_where_no_text_is_wanted(tmp_path):
    path = written(tmp_path, "day,moment,time\n2020-01-02,2020-01-02 03:04:05,10:30:00\n,,\n")
    table = read_csv(path, None)
    assert table["day"][0] == pd.Timestamp("2020-01-02") and table["day"].isna()[1]
    assert table["moment"][0] == pd.Timestamp("2020-01-02 03:04:05")
    assert table["time"][0] == "10:30:00"
    assert read_csv(path, Selection({"day": True}))["day"].tolist()[0] == "2020-01-02"


def test_a_type_that_changes_far_down_the_file_is_seen(tmp_path):
    numbers = "".join(f"{n},1\n" for n in range(300_000))
    table = read_csv(written(tmp_path, "a,b\n" + numbers + "oops,1\n"), None)
    assert table["a"].iloc[0] == "0" and table["a"].iloc[-1] == "oops"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_each_delimiter_is_inferred(delimiter, tmp_path):
    others = "".join({",", ";", "\t", "|"} - {delimiter})
    rows = [["a", "b", "c"], ["1", f'"x{delimiter}{others}"', "2"], ["3", "y", "4"]]
    content = "\n".join(delimiter.join(row) for row in rows)
    assert sniff(content) == delimiter
    table = read_csv(written(tmp_path, content), None)
    assert table["b"].tolist() == [f"x{delimiter}{others}", "y"]
    assert table["c"].tolist() == [2, 4]


def test_a_bar_inside_of_a_text_is_no_delimiter():
    assert sniff("title,genre\nA,x|y|z\nB,x|y|w\nC,u|v|w\n") == ","


def test_a_decimal_comma_is_no_delimiter():
    assert sniff("a;b;c\n1,5;2,5;3,5\n4,5;5,5;6,5\n") == ";"


def test_one_ragged_row_does_not_hide_the_delimiter():
    assert sniff("a;b;c\n1;2;3\n4;5\n6;7;8\n") == ";"


def test_a_single_column_needs_no_delimiter(tmp_path):
    assert read_csv(written(tmp_path, "word\none\ntwo\n"), None)["word"].tolist() == ["one", "two"]


def test_a_line_break_inside_of_quotes_belongs_to_the_cell(tmp_path):
    table = read_csv(written(tmp_path, 'a,b\n1,"x\ny"\n2,z\n'), None)
    assert table["b"].tolist() == ["x\ny", "z"]


@pytest.mark.parametrize("filler", [1_048_576, 1_048_560, 1_048_571, 1_048_563])
def test_line_breaks_that_begin_far_down_the_file_lose_no_row(tmp_path, filler):
    plain = [f"{n},plain" for n in range(filler // 14)]
    broken = [f'{n},"one\n{n},two\n\nthree"' for n in range(60_000)]
    path = written(tmp_path, "\n".join(["a,b", *plain, *broken]) + "\n")
    table = read_csv(path, Selection({"a": False, "b": True}))
    assert len(table) == len(plain) + len(broken)
    assert table["a"].tolist() == [*range(len(plain)), *range(len(broken))]
    assert table["b"].iloc[-1] == "one\n59999,two\n\nthree"


@pytest.mark.parametrize("end", ["", "\n", "\n\n\n"])
def test_empty_lines_are_no_rows(tmp_path, end):
    table = read_csv(written(tmp_path, '\na,b\n\n1,"x"\n\n2,"y"' + end), None)
    assert table["a"].tolist() == [1, 2]


def test_old_line_ends_are_read(tmp_path):
    assert read_csv(written(tmp_path, "a,b\r1,x\r2,y\r"), None)["b"].tolist() == ["x", "y"]


def test_backslashes_may_escape_quotes(tmp_path):
    table = read_csv(written(tmp_path, 'a,b\n1,"say \\"hi, you\\""\n2,z\n'), None)
    assert table["b"].tolist() == ['say "hi, you"', "z"]


def test_a_row_may_be_very_long(tmp_path):
    table = read_csv(written(tmp_path, "a,b\n" + "x" * 3_000_000 + ",1\n"), None)
    assert table["a"].str.len().tolist() == [3_000_000]


def test_only_wanted_columns_are_read_and_names_are_compared_clean(tmp_path):
    path = written(tmp_path, 'a.b,"c (d)",e\n01,2,3\n')
    table = read_csv(path, Selection({"a_b": True, "c _d_": False}))
    assert list(table.columns) == ["a.b", "c (d)"]
    assert table["a.b"].tolist() == ["01"]


def test_a_header_alone_gives_no_rows(tmp_path):
    table = read_csv(written(tmp_path, "a,b\n"), Selection({"a": True, "b": False}))
    assert list(table.columns) == ["a", "b"] and len(table) == 0


def test_words_are_shared_by_all_blocks_of_a_large_file(tmp_path):
    words = np.array(["red", "green", "blue", "01"])[np.arange(400_000) % 4]
    path = tmp_path / "t.csv"
    pd.DataFrame({"n": np.arange(400_000), "w": words}).to_csv(path, index=False)
    column = read_csv(path, Selection({"w": True}))["w"]
    assert sorted(column.cat.categories) == ["01", "blue", "green", "red"]
    assert (column.astype(object).to_numpy() == words).all()


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst", ".zip"])
def test_compressed_files_are_read(tmp_path, suffix):
    raw = b'a;b\n1;"x;y"\n2;"u\nv"\n'
    path = tmp_path / f"t.csv{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("folder/t.csv", raw)
            archive.writestr("__MACOSX/t.csv", b"junk")
    else:
        with_arrow = {".zst": lambda: pa.compress(raw, "zstd", asbytes=True)}
        packed = {
            ".gz": lambda: gzip.compress(raw),
            ".bz2": lambda: bz2.compress(raw),
            ".xz": lambda: lzma.compress(raw),
        }
        path.write_bytes((packed | with_arrow)[suffix]())
    assert read_csv(path, None)["b"].tolist() == ["x;y", "u\nv"]


def test_an_archive_of_several_files_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.csv.zip", "w") as archive:
        archive.writestr("a.csv", "a\n1\n")
        archive.writestr("b.csv", "a\n1\n")
    with pytest.raises(InputDataError, match="holds 2 files, and must hold one table"):
        read_csv(tmp_path / "t.csv.zip", None)


def test_something_else_named_zip_is_refused(tmp_path):
    with pytest.raises(InputDataError, match="not a zip archive"):
        read_csv(written(tmp_path, "a\n1\n", "t.csv.zip"), None)


@pytest.mark.parametrize("row", ["1,2,3,4", "1,2"])
def test_ragged_rows_are_counted_and_the_first_is_shown(tmp_path, row):
    path = written(tmp_path, f"a,b,c\n1,2,3\n{row}\n4,5,6\n{row}\n")
    cells = row.count(",") + 1
    with pytest.raises(
        InputDataError, match=rf"header of 3 cells. 2 rows differ, the first in row 3 with {cells}: '{row}'"
    ):
        read_csv(path, Selection({"a": False}))


@pytest.mark.parametrize("columns", [None, Selection({"b": True}), Selection({"b": False})])
def test_bytes_that_are_no_text_are_refused(tmp_path, columns):
    path = written(tmp_path, b"a,b\n1,caf" + b"\xe9\n")
    with pytest.raises(InputDataError, match=r"not UTF-8 text.*Save it as UTF-8, or read it with pandas"):
        read_csv(path, columns)
    late = written(tmp_path, b"a,b\n" + b"1,plain\n" * 40_000 + b"1,caf\xe9\n", "late.csv")
    with pytest.raises(InputDataError, match="not UTF-8 text"):
        read_csv(late, columns)


def test_two_columns_of_one_name_are_refused_when_they_are_wanted(tmp_path):
    path = written(tmp_path, "a,b,a\n1,2,3\n")
    with pytest.raises(InputDataError, match="two columns named 'a'"):
        read_csv(path, Selection({"a": False}))
    with pytest.raises(InputDataError, match="two columns named 'a'"):
        read_csv(path, None)
    assert read_csv(path, Selection({"b": False}))["b"].tolist() == [2]


@pytest.mark.parametrize("content", ["\n\n", " ".strip() + "\n"])
def test_a_file_of_empty_lines_is_refused(tmp_path, content):
    with pytest.raises(InputDataError, match="is empty: it has no header"):
        read_csv(written(tmp_path, content), None)


def test_a_quote_that_is_never_closed_is_refused_before_it_swallows_rows(tmp_path):
    with pytest.raises(InputDataError, match="a quote that is never closed; it takes up all rows after row 2"):
        read_csv(written(tmp_path, 'a,b\n0,z\n1,"x\n2,y\n3,z\n'), None)


def test_a_quote_inside_of_a_cell_is_a_letter(tmp_path):
    table = read_csv(written(tmp_path, 'a,b\n1,5" pipe\n2,"two\nlines"\n'), None)
    assert table["b"].tolist() == ['5" pipe', "two\nlines"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_header_may_be_longer_than_what_is_looked_at_first(tmp_path, end):
    names = [f"measürement_{place:05}" for place in range(9_000)]  # 170 kB
    path = written(tmp_path, end.join([";".join(names), ";".join(map(str, range(9_000))), ""]))
    read = read_csv(path, Selection({names[0]: False, names[-1]: False}))
    assert read.to_dict("list") == {names[0]: [0], names[-1]: [8_999]}
