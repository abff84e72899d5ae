from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ludwig.error import LudwigWarning
from ludwig.features.times import times_of


def read(cells: list[object], datetime_format: str | None = None) -> list[str]:
    times = times_of(pd.Series(cells, dtype=object), datetime_format, "column 'day'", "preprocessing.datetime_format")
    return times.astype("datetime64[D]").astype(str).tolist()


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["13/02/2020", "06/02/2020"], ["2020-02-13", "2020-02-06"]),
        (["06/02/2020", "13/02/2020"], ["2020-02-06", "2020-02-13"]),  # though the first may have the month first
        (["06.02.2020", None, "13.02.2020"], ["2020-02-06", "NaT", "2020-02-13"]),
        (["02/13/2020", "06/02/2020"], ["2020-02-13", "2020-06-02"]),
        (["06/02/2020", "02/13/2020"], ["2020-06-02", "2020-02-13"]),
        (["06/06/2020", "07/07/2020"], ["2020-06-06", "2020-07-07"]),  # the same either way
        (["2020-06-02", "2020-02-06"], ["2020-06-02", "2020-02-06"]),
    ],
)
def test_dates_are_read_the_way_that_more_of_them_are_dates(cells, expected):
    assert read(cells) == expected


def test_dates_that_can_be_read_in_two_ways_are_reported():
    text = r"The dates of the column 'day' can be .* '06/02/2020' is read as 2020-06-02\. Set preprocessing.datetime_f"
    with pytest.warns(LudwigWarning, match=text):
        assert read(["07/07/2020", None, "06/02/2020"]) == ["2020-07-07", "NaT", "2020-06-02"]


def test_a_format_settles_it():
    assert read(["06/02/2020", "05/03/2020"], "%d/%m/%Y") == ["2020-02-06", "2020-03-05"]
    assert np.isnat(times_of(pd.Series(["2020-02-06"]), "%d/%m/%Y", "", "")).all()
