"""Preprocessed data is found again by what it was made from, and by nothing else."""

import copy

import numpy as np
import pandas as pd
import pytest

from ludwig.data.cache import cache_file
from ludwig.data.preprocess import Preprocessing


def name_of(source, folder, data_format=None):
    file = cache_file({"dataset": source}, data_format, [], Preprocessing(), 42, folder)
    return file.path.name


def image(value):
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[32, 32] = value  # in the middle, which numpy leaves out when it prints
    return pixels


PAIRS = {  # two columns that are to be told apart
    "pixels of large arrays": ([image(0)], [image(9)]),
    "a word and a missing cell": (["nan", "a"], [np.nan, "a"]),
    "None and its word": (["None", "a"], [None, "a"]),
    "where cells end": (["a", "b c"], ["a b", "c"]),
    "where lists end": ([[1], [2, 3]], [[1, 2], [3]]),
    "lists in lists": ([["a", "b"]], [["a b"]]),
    "numbers": ([1.0, 2.0], [1.0, np.nextafter(2.0, 3.0)]),
    "dates": (pd.to_datetime(["2020-01-01"]), pd.to_datetime(["2020-01-02"])),
    "categories": (pd.Categorical(["a", "b"]), pd.Categorical(["b", "a"])),
    "bytes": ([b"ab"], [b"ac"]),
}


@pytest.mark.parametrize("pair", PAIRS)
def test_tables_in_memory_are_told_apart_by_each_cell(pair, tmp_path):
    one, two = (pd.DataFrame({"x": pd.Series(cells)}) for cells in PAIRS[pair])
    assert name_of(one, tmp_path) == name_of(copy.deepcopy(one), tmp_path)
    assert name_of(one, tmp_path) != name_of(two, tmp_path)


def test_the_names_of_columns_count(tmp_path):
    one = pd.DataFrame({"x": [1], "y": [1]})
    assert name_of(one, tmp_path) != name_of(one.rename(columns={"y": "z"}), tmp_path)


def test_a_file_read_in_another_format_is_other_data(tmp_path):
    (tmp_path / "t.txt").write_text("a,b\tc\n1,2\t3\n")
    assert name_of(tmp_path / "t.txt", None) == name_of(tmp_path / "t.txt", None, "csv")
    assert name_of(tmp_path / "t.txt", None) != name_of(tmp_path / "t.txt", None, "tsv")
