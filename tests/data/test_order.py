"""Rows that a target reads ahead of its own should be split in order of time."""

import warnings

import numpy as np
import pandas as pd
import pytest

from ludwig.api import LudwigModel
from ludwig.error import InputDataError, LudwigWarning

pytestmark = pytest.mark.filterwarnings("ignore:1 of 120 rows dropped")  # the last has no future

SERIES = pd.DataFrame({"load": np.sin(np.arange(120) / 5), "at": pd.date_range("2024-01-01", periods=120, freq="h")})
PAST = {"name": "past", "column": "load", "type": "timeseries", "preprocessing": {"window_size": 6}}
NEXT = {"name": "next", "column": "load", "type": "timeseries", "preprocessing": {"horizon": 3}}


def train(table: pd.DataFrame, **preprocessing: object) -> None:
    config = {"input_features": [PAST], "output_features": [NEXT], "trainer": {"epochs": 1}}
    LudwigModel({**config, "preprocessing": preprocessing}).train(table, output_directory=None)


def test_a_random_split_of_a_forecast_is_reported():
    with pytest.warns(LudwigWarning, match="not split in order of time, and the output feature 'next'"):
        train(SERIES)


def test_a_split_in_time_is_not():
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="The rows are not split")
        train(SERIES, split={"type": "datetime", "column": "at"})
        train(SERIES.assign(split=np.repeat([0, 1, 2], [80, 20, 20])))


def test_a_split_that_keeps_each_id_whole_is_not():
    table = pd.concat([SERIES.assign(id=name) for name in "abcd"], ignore_index=True)
    past, ahead = ({**each, "preprocessing": {**each["preprocessing"], "group": "id"}} for each in (PAST, NEXT))
    for kind, reports in (("group", False), ("hash", False), ("stratify", True)):
        split = {"type": kind, "column": "id"}
        config = {"input_features": [past], "output_features": [ahead], "preprocessing": {"split": split}}
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            LudwigModel(config).preprocess(table)
        assert any("not split in order of time" in str(each.message) for each in seen) == reports


def test_a_series_of_pandas_is_no_table():
    with pytest.raises(InputDataError, match=r"Received: a Series. Pass series.to_frame\(\)"):
        train(SERIES["load"])
