from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest

from ludwig.error import InputDataError, LudwigWarning
from ludwig.features.number_lists import flat_lists

SHARE = 0.01
UNREADABLE = {
    "a word among numbers": "1 ? 3",
    "a word": "?",
    "a list with a word": [1, "a"],
    "a table": np.ones((2, 2)),
    "a list of lists": [[1, 2], [3, 4]],
    "lists of several sizes": [[1, 2], [3]],
    "a dict": {"a": 1},
    "a set": {1, 2},
    "bytes": b"1 2",
    "dates": [datetime.date(2020, 1, 1)],
    "a number without a list": 3.5,
    "an infinite number": "1 inf",
    "a number that no float holds": "1e999",
}
READABLE = {
    "texts": ["1 2", " [3, 4.5] ", "(5)"],
    "lists": [[1, 2], (3, 4.5), np.array([5])],
    "lists and texts": ["1 2", [3, 4.5], np.array([5.0], np.float32)],
}


def read(cells: list[object]) -> list[list[float]]:
    values, lengths = flat_lists(pd.Series(cells, dtype=object), "input feature 'v'", SHARE)
    return [part.tolist() for part in np.split(values, np.cumsum(lengths)[:-1])]


@pytest.mark.parametrize("name", READABLE)
@pytest.mark.parametrize("case", UNREADABLE)
def test_one_unreadable_cell_is_missing(name, case):
    cells = READABLE[name]
    with pytest.warns(
        LudwigWarning, match=r"The input feature 'v' has one cell of 5 .*\. Unreadable cells are read as m"
    ):
        found = read([cells[0], UNREADABLE[case], None, *cells[1:]])
    assert found == [[1, 2], [], [], [3, 4.5], [5]]


@pytest.mark.parametrize("case", UNREADABLE)
def test_many_are_an_error(case):
    with pytest.raises(InputDataError, match=r"has 2 cells of 4 .*Clean them; preprocessing\.max_invalid_share"):
        read(["1 2", UNREADABLE[case], UNREADABLE[case], "3"])


@pytest.mark.parametrize("name", READABLE)
def test_missing_entries_of_a_list_stay(name):
    found = read([*READABLE[name], [1, None, 2], "1 nan 2"])
    assert found[:3] == [[1, 2], [3, 4.5], [5]]
    for steps in found[3:]:
        np.testing.assert_array_equal(steps, [1, np.nan, 2])
