import datetime
import decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ludwig.data.arrow import Selection, as_pandas, selected_names
from ludwig.error import InputDataError


def test_numbers_and_dates_become_plain_columns():
    table = as_pandas(
        pa.table(
            {
                "whole": pa.array([1, None, 3]),
                "exact": pa.array([decimal.Decimal("1.25"), None, decimal.Decimal("3")]),
                "day": pa.array([datetime.date(2020, 1, 2), None, datetime.date(2021, 1, 2)]),
                "time": pa.array([datetime.time(10, 30), None, datetime.time(11)]),
                "none": pa.nulls(3),
                "count": pa.array([1, 2, 3]),
            }
        )
    )
    np.testing.assert_array_equal(table["whole"], [1.0, np.nan, 3.0])
    np.testing.assert_array_equal(table["exact"], [1.25, np.nan, 3.0])
    assert table["whole"].dtype == table["exact"].dtype == table["none"].dtype == np.float64
    assert table["count"].dtype == np.int64
    assert table["day"].dtype.kind == "M" and table["day"].isna().tolist() == [False, True, False]
    assert table["time"].tolist()[0].startswith("10:30:00")
    assert table["none"].isna().all()


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.large_list(pa.float32()), pa.list_(pa.float32(), 2)])
def test_lists_stay_in_arrow(kind):
    column = as_pandas(pa.table({"v": pa.array([[1, 2], None, [3, 4]], kind)}))["v"]
    assert column.dtype == pd.ArrowDtype(kind)
    assert pa.array(column).to_pylist() == [[1.0, 2.0], None, [3.0, 4.0]]


def test_dictionaries_become_categories():
    column = as_pandas(pa.table({"w": pa.array(["b", "a", None, "b"]).dictionary_encode()}))["w"]
    assert column.cat.categories.tolist() == ["b", "a"]
    assert column.cat.codes.tolist() == [0, 1, -1, 0]


def test_all_columns_but_an_unnamed_index_are_wanted_when_nothing_is_reported():
    assert selected_names(["a", "b", "__index_level_0__"], None) == {"a": False, "b": False}


def test_wanted_columns_are_found_by_their_clean_names():
    assert selected_names(["a.b", "c", "d"], Selection({"a_b": True, "d": False})) == {"a.b": True, "d": False}


def test_the_nearest_name_stands_in_for_a_column_that_is_not_there():
    assert selected_names(["age", "income", "city"], Selection({"agee": False, "city": True, "zzz": True})) == {
        "age": False,
        "city": True,
    }


def test_two_columns_of_one_name_are_refused():
    with pytest.raises(InputDataError, match="two columns named 'a'"):
        selected_names(["a", "a"], Selection({"a": False}))
    with pytest.raises(InputDataError, match="two columns without a name"):
        selected_names(["", ""], None)
