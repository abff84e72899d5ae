"""One test a format: the table that was written comes back, with texts as they were written."""

import gzip
import importlib.util
import json
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather, orc

from ludwig.data.arrow import Selection
from ludwig.data.formats import EXTENSIONS, READERS, format_of_name
from ludwig.data.sources import read_table
from ludwig.error import InputDataError

COLUMNS = Selection({"word": True, "number": False, "count": False})


@pytest.fixture
def table():
    return pd.DataFrame({"word": ["01", "zwei", "3.50"], "number": [0.5, np.nan, -2.0], "count": [1, 2, 3], "other": 0})


def needs(package):
    return pytest.mark.skipif(importlib.util.find_spec(package) is None, reason=f"{package} is not installed")


def assert_same(path, table, data_format=None, columns=COLUMNS):
    read = read_table(path, data_format, columns)
    assert set(read.columns) == {"word", "number", "count"}
    assert read["word"].astype(object).tolist() == table["word"].tolist()
    np.testing.assert_array_equal(read["number"].to_numpy(np.float64), table["number"])
    np.testing.assert_array_equal(read["count"].to_numpy(np.float64), table["count"])


def test_each_extension_means_one_format():
    extensions = [extension for of_format in EXTENSIONS.values() for extension in of_format]
    assert len(set(extensions)) == len(extensions)
    assert set(READERS) == set(EXTENSIONS) - {"hdf5"} | {"pickle"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.CSV", "csv"),
        ("a.b.txt", "csv"),
        ("a.csv.gz", "csv"),
        ("a.jsonl.zst", "jsonl"),
        ("a.parquet.gz", None),
        ("a.H5", "hdf5"),
        ("a.pkl", None),
        ("a", None),
        ("a.gz", None),
    ],
)
def test_the_format_is_inferred_from_the_extension(tmp_path, name, expected):
    assert format_of_name(tmp_path / name) == expected


@pytest.mark.parametrize("name", ["t.csv", "t.txt", "t.csv.gz", "t.csv.zip"])
def test_csv(tmp_path, table, name):
    table.to_csv(tmp_path / name, index=False)
    assert_same(tmp_path / name, table)


def test_tsv(tmp_path, table):
    table.to_csv(tmp_path / "t.tsv", index=False, sep="\t")
    assert_same(str(tmp_path / "t.tsv"), table)


@pytest.mark.parametrize("orient", ["records", "columns", "split"])
def test_json(tmp_path, table, orient):
    table.to_json(tmp_path / "t.json", orient=orient)
    assert_same(tmp_path / "t.json", table)


def test_json_of_lists_by_column(tmp_path):
    (tmp_path / "t.json").write_text(json.dumps({"a": ["01", None], "v": [[1, 2], [3, 4]], "date": ["2020", "2021"]}))
    read = read_table(tmp_path / "t.json")
    assert read["a"].tolist()[0] == "01" and read["a"].isna().tolist() == [False, True]
    assert read["v"].tolist() == [[1, 2], [3, 4]]
    assert read["date"].tolist() == ["2020", "2021"]


@pytest.mark.parametrize("content", ["3", '{"a": 1}', "[1, 2]", '{"a": [1'])
def test_json_that_is_no_table_is_refused(tmp_path, content):
    (tmp_path / "t.json").write_text(content)
    with pytest.raises(InputDataError, match=r"must hold|cannot be read as json"):
        read_table(tmp_path / "t.json")


def test_jsonl(tmp_path, table):
    lines = table.to_json(orient="records", lines=True)
    (tmp_path / "t.jsonl").write_text(lines + "\n\n")
    assert_same(tmp_path / "t.jsonl", table)
    (tmp_path / "t.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    assert_same(tmp_path / "t.jsonl.gz", table)


def test_jsonl_keeps_line_separators_inside_of_texts(tmp_path):
    (tmp_path / "t.jsonl").write_text('{"a": "x\u2028y"}\n{"a": "z"}\n', encoding="utf-8")
    assert read_table(tmp_path / "t.jsonl")["a"].tolist() == ["x\u2028y", "z"]


@needs("openpyxl")
def test_excel(tmp_path, table):
    table.to_excel(tmp_path / "t.xlsx", index=False)
    assert_same(tmp_path / "t.xlsx", table)


@needs("openpyxl")
def test_excel_cells_keep_their_own_types(tmp_path):
    pd.DataFrame({"m": ["x", 1, 2.5, None], "n": 1}).to_excel(tmp_path / "t.xlsx", index=False)
    cells = read_table(tmp_path / "t.xlsx")["m"].tolist()
    assert cells[:3] == ["x", 1, 2.5] and pd.isna(cells[3])


def test_parquet(tmp_path, table):
    table.to_parquet(tmp_path / "t.parquet")
    assert_same(tmp_path / "t.parquet", table)
    assert isinstance(read_table(tmp_path / "t.parquet", columns=COLUMNS)["word"].dtype, pd.CategoricalDtype)


def test_parquet_gives_the_columns_of_an_index_too(tmp_path, table):
    table.set_index("word").to_parquet(tmp_path / "t.parquet")
    assert_same(tmp_path / "t.parquet", table)
    table.iloc[::-1].to_parquet(tmp_path / "u.parquet")
    assert list(read_table(tmp_path / "u.parquet").columns) == ["word", "number", "count", "other"]


def test_parquet_in_a_folder(tmp_path, table):
    folder = tmp_path / "parts"
    folder.mkdir()
    table.iloc[:2].to_parquet(folder / "part-0.parquet")
    table.iloc[2:].to_parquet(folder / "part-1.parquet")
    (folder / "_SUCCESS").write_text("")
    assert_same(folder, table)


def test_parquet_in_folders_by_value(tmp_path):
    pq.write_to_dataset(pa.table({"a": [1, 2, 3], "kind": ["x", "y", "x"]}), tmp_path / "d", partition_cols=["kind"])
    read = read_table(tmp_path / "d", columns=Selection({"a": False, "kind": True}))
    assert sorted(zip(read["a"].tolist(), read["kind"].astype(str).tolist(), strict=True)) == [
        (1, "x"),
        (2, "y"),
        (3, "x"),
    ]


def test_a_folder_without_files_is_refused(tmp_path):
    with pytest.raises(InputDataError, match="has no data files"):
        read_table(tmp_path)


def test_parquet_keeps_lists_of_numbers_in_arrow(tmp_path):
    pd.DataFrame({"v": [np.array([1.0, 2.0]), np.array([3.0, 4.0])]}).to_parquet(tmp_path / "t.parquet")
    column = read_table(tmp_path / "t.parquet", columns=Selection({"v": True}))["v"]
    assert isinstance(column.dtype, pd.ArrowDtype)
    assert pa.array(column).to_pylist() == [[1.0, 2.0], [3.0, 4.0]]


def test_feather(tmp_path, table):
    feather.write_feather(table, str(tmp_path / "t.feather"))
    assert_same(tmp_path / "t.feather", table)


def test_orc(tmp_path, table):
    orc.write_table(pa.Table.from_pandas(table), str(tmp_path / "t.orc"))
    assert_same(tmp_path / "t.orc", table)


def test_fixed_width(tmp_path, table):
    (tmp_path / "t.fwf").write_text(
        "word  number  count\n01       0.5      1\nzwei              2\n3.50    -2.0      3\n"
    )
    assert_same(tmp_path / "t.fwf", table)


@needs("lxml")
def test_the_first_table_of_a_page(tmp_path, table):
    page = table.to_html(index=False, na_rep="") + pd.DataFrame({"another": [1]}).to_html()
    (tmp_path / "t.html").write_text(page)
    assert_same(tmp_path / "t.html", table)


@needs("lxml")
def test_a_page_without_a_table_is_refused(tmp_path):
    (tmp_path / "t.html").write_text("<p>none</p>")
    with pytest.raises(InputDataError, match="cannot be read as html"):
        read_table(tmp_path / "t.html")


@needs("pyreadstat")
def test_sas(tmp_path, table):
    import pyreadstat

    pyreadstat.write_xport(table, str(tmp_path / "t.xpt"), file_format_version=5)
    assert_same(tmp_path / "t.xpt", table)


@needs("pyreadstat")
def test_spss(tmp_path, table):
    import pyreadstat

    pyreadstat.write_sav(table, str(tmp_path / "t.sav"))
    assert_same(tmp_path / "t.sav", table)


def test_stata(tmp_path, table):
    table.to_stata(tmp_path / "t.dta", write_index=False)
    assert_same(tmp_path / "t.dta", table)


def test_pickle_is_read_only_when_it_is_named(tmp_path, table):
    table.to_pickle(tmp_path / "t.pkl")
    assert_same(tmp_path / "t.pkl", table, "pickle")
    with pytest.raises(InputDataError, match="cannot be inferred from its name"):
        read_table(tmp_path / "t.pkl")


def test_hdf5_is_for_the_caller(tmp_path):
    (tmp_path / "t.hdf5").write_bytes(b"x")
    with pytest.raises(InputDataError, match="is a file of preprocessed data, not a table"):
        read_table(tmp_path / "t.hdf5")


@pytest.mark.parametrize(
    "extension", [".parquet", ".feather", ".orc", ".xlsx", ".json", ".jsonl", ".dta", ".sav", ".xpt"]
)
def test_junk_of_any_format_is_refused_in_one_sentence(tmp_path, extension):
    path = tmp_path / f"t{extension}"
    path.write_bytes(b"\x00\x01junk\xff" * 50)
    with warnings.catch_warnings(), pytest.raises(InputDataError, match=r"cannot be read as"):
        warnings.simplefilter("ignore")
        read_table(path)


def test_a_damaged_pickle_is_reported(tmp_path):
    (tmp_path / "t.pkl").write_bytes(b"garbage")
    with pytest.raises(InputDataError, match="cannot be read as pickle"):
        read_table(tmp_path / "t.pkl", "pickle")
