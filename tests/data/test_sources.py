import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ludwig.data.arrow import Selection
from ludwig.data.sources import FORMATS, folder_of, format_of, read_table
from ludwig.error import InputDataError, LudwigError, MissingExtraError


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (pd.DataFrame(), "df"),
        (pa.table({}), "df"),
        ({"a": [1]}, "dict"),
        ([{"a": 1}], "dict"),
        ("x.csv", "csv"),
        (Path("x.PQ"), "parquet"),
        ("s3://bucket/x.csv.gz", "csv"),
        ("https://host/x.tsv?raw=1", "tsv"),
    ],
)
@pytest.mark.parametrize("data_format", [None, "auto"])
def test_the_format_is_inferred_from_the_source(source, expected, data_format):
    assert format_of(source, data_format) == expected


@pytest.mark.parametrize(("name", "expected"), [("h5", "hdf5"), ("pickle", "pickle"), ("jsonl", "jsonl")])
def test_a_named_format_wins_over_the_extension(name, expected):
    assert format_of("x.csv", name) == expected


@pytest.mark.parametrize("name", [*FORMATS, "dataframe", "dictionary", "h5"])
def test_all_names_are_accepted_for_data_in_memory(name):
    assert format_of(pd.DataFrame(), name) == "df"
    assert format_of({}, name) == "dict"


def test_an_unknown_format_is_refused_with_the_nearest():
    with pytest.raises(
        InputDataError, match=r"no data_format 'parket'.*Did you mean 'parquet'.*Choose one of: auto, df"
    ):
        format_of("x.csv", "parket")


def test_a_path_is_no_table_in_memory():
    with pytest.raises(InputDataError, match=r"data_format is 'df', and the data is the path 'x.csv'"):
        format_of("x.csv", "df")


def test_other_things_are_no_data():
    with pytest.raises(InputDataError, match=r"must be a path, a DataFrame.*Received: int"):
        read_table(3)


def test_an_unknown_extension_needs_the_format(tmp_path):
    (tmp_path / "x.dat").write_text("a\n1\n")
    with pytest.raises(InputDataError, match=r"x.dat' cannot be inferred from its name. Pass data_format="):
        read_table(tmp_path / "x.dat")
    assert read_table(tmp_path / "x.dat", "csv")["a"].tolist() == [1]


@pytest.mark.parametrize("name", ["trian.csv", "trian.cs"])
def test_a_missing_file_is_reported_with_the_nearest(tmp_path, name):
    (tmp_path / "train.csv").write_text("a\n1\n")
    with pytest.raises(FileNotFoundError, match=rf"no data file '.*{name}'. Did you mean 'train.csv'"):
        read_table(tmp_path / name)


def test_a_missing_folder_is_reported(tmp_path):
    with pytest.raises(FileNotFoundError, match="no data file"):
        read_table(tmp_path / "none" / "x.csv")


def test_an_empty_file_is_reported(tmp_path):
    (tmp_path / "x.csv").write_text("")
    with pytest.raises(InputDataError, match=r"x.csv' is empty"):
        read_table(tmp_path / "x.csv")


def test_a_folder_is_no_csv(tmp_path):
    with pytest.raises(InputDataError, match="is a folder; as csv it must be a file"):
        read_table(tmp_path, "csv")


def test_names_are_clean_and_the_caller_keeps_its_own():
    mine = pd.DataFrame({"a.b": [1, 2], 7: ["x", "y"], "c": [0, 0]}, index=[5, 9])
    read = read_table(mine, columns=Selection({"a_b": False, "7": True}))
    assert list(read.columns) == ["a_b", "7"]
    assert read.index.tolist() == [5, 9]
    read["new"] = 1
    assert list(mine.columns) == ["a.b", 7, "c"]


def test_a_table_is_never_the_very_object_of_the_caller():
    mine = pd.DataFrame({"a": [1]})
    read = read_table(mine)
    read["new"] = 1
    assert list(mine.columns) == ["a"]


def test_names_that_become_alike_are_refused():
    with pytest.raises(InputDataError, match="two columns named 'a_b'"):
        read_table(pd.DataFrame({"a.b": [1], "a_b": [2]}))
    with pytest.raises(InputDataError, match="two columns named 'a'"):
        read_table(pd.DataFrame([[1, 2]], columns=["a", "a"]), columns=Selection({"a": False}))


def test_a_dict_of_columns_is_a_table():
    mine = {"a": [1, 2], "b": ("x", "y"), "v": np.zeros((2, 3)), "s": pd.Series([1.0, 2.0])}
    read = read_table(mine)
    assert read["b"].tolist() == ["x", "y"]
    assert [len(cell) for cell in read["v"]] == [3, 3]
    assert mine["v"].shape == (2, 3)


def test_what_pandas_makes_of_a_table_is_a_table():
    table = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    assert read_table(table.to_dict())["b"].tolist() == ["x", "y"]
    assert read_table(table.to_dict("list"))["b"].tolist() == ["x", "y"]
    assert read_table(table.to_dict("records"))["b"].tolist() == ["x", "y"]


def test_a_dict_of_scalars_is_refused():
    with pytest.raises(InputDataError, match="must hold columns: a list of values for each name"):
        read_table({"a": 1, "b": "text"})


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(InputDataError, match="is not a table"):
        read_table({"a": [1, 2], "b": [1]})


def test_a_list_of_other_things_is_refused():
    with pytest.raises(InputDataError, match=r"must hold records: .*Entry 1 is 3"):
        read_table([{"a": 1}, 3])


def test_tables_of_other_libraries_are_read():
    assert read_table(pa.table({"a.b": [1, 2], "w": ["x", None]}))["a_b"].tolist() == [1, 2]
    polars = pytest.importorskip("polars")
    read = read_table(polars.DataFrame({"n": [1, None], "w": ["x", "y"]}), columns=Selection({"w": True, "n": False}))
    assert read["w"].tolist() == ["x", "y"] and read["n"].isna().tolist() == [False, True]


def test_a_missing_wanted_column_is_absent_and_the_nearest_is_there():
    table = pd.DataFrame({"age": [1], "city": ["x"], "zip": [2]})
    assert list(read_table(table, columns=Selection({"agee": False, "city": True})).columns) == ["age", "city"]


def test_the_folder_of_a_file_is_known(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert folder_of("x.csv") == tmp_path
    assert folder_of(tmp_path / "d" / "x.csv") == tmp_path / "d"
    assert folder_of(pd.DataFrame()) is None
    assert folder_of("s3://bucket/x.csv") is None


def test_remote_files_are_fetched():
    fsspec = pytest.importorskip("fsspec")
    files = fsspec.filesystem("memory")
    files.pipe("/ludwig-test/x.csv", b"a,b\n01,2\n")
    assert read_table("memory://ludwig-test/x.csv", columns=Selection({"a": True}))["a"].tolist() == ["01"]
    with pytest.raises(FileNotFoundError, match=r"no data at 'memory://ludwig-test/none.csv'"):
        read_table("memory://ludwig-test/none.csv")


def test_remote_folders_of_parquet_are_fetched(tmp_path):
    fsspec = pytest.importorskip("fsspec")
    files = fsspec.filesystem("memory")
    for place in range(2):
        pd.DataFrame({"a": [place]}).to_parquet(tmp_path / "p.parquet")
        files.pipe(f"/ludwig-test/parts/{place}.parquet", (tmp_path / "p.parquet").read_bytes())
    assert read_table("memory://ludwig-test/parts", "parquet")["a"].tolist() == [0, 1]


def test_an_unknown_protocol_is_refused():
    pytest.importorskip("fsspec")
    with pytest.raises(InputDataError, match="cannot be fetched"):
        read_table("nowhere://x.csv")


def test_a_missing_package_is_named_with_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyreadstat", None)
    (tmp_path / "x.sav").write_bytes(b"junk")
    with pytest.raises(MissingExtraError, match=r"needs the package 'pyreadstat'.*ludwig\[formats\]"):
        read_table(tmp_path / "x.sav")


def test_optional_packages_are_not_imported_with_the_module():
    code = "import sys, ludwig.data.sources; print({'openpyxl', 'lxml', 'pyreadstat', 'fsspec'} & set(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "set()"


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl", None])
def test_a_column_that_is_needed_is_missed_among_all_that_the_data_has(tmp_path, suffix):
    table = pd.DataFrame({"Age": [1], "city": ["x"], "zip": [2], "income": [3.0]})
    path = tmp_path / f"t.{suffix}"
    if suffix == "csv":
        table.to_csv(path, index=False)
    elif suffix == "parquet":
        table.to_parquet(path)
    elif suffix == "jsonl":
        table.to_json(path, orient="records", lines=True)
    columns = Selection({"ages": False, "zip": False, "split": False}, {"ages": "input feature 'a'", "zip": "b"})
    with pytest.raises(InputDataError) as caught:
        read_table(table if suffix is None else path, columns=columns)
    assert str(caught.value).startswith("The data has no column 'ages' of input feature 'a' (Did you mean 'Age'?). ")
    listed = str(caught.value).split("Its columns: ")[1].rstrip(".").split(", ")
    assert listed[0] == "Age" and sorted(listed) == sorted(table.columns)


def test_odd_paths_and_names_are_reported():
    for path, words in (("", "is empty"), (" ", "is empty"), ("a" * 5000, "cannot be read as a path")):
        with pytest.raises(InputDataError, match=words):
            read_table(path)
    levels = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("x", "a"), ("y", "b")]))
    with pytest.raises(InputDataError, match=r"several levels, as in \('x', 'a'\).*Join them first"):
        read_table(levels)


def test_a_missing_file_is_both_an_error_of_ours_and_of_python():
    for kind in (LudwigError, FileNotFoundError):
        with pytest.raises(kind, match="no data file 'nowhere.csv'"):
            read_table("nowhere.csv")
