"""Dates, against the standard library's calendar."""

import datetime
import random

import numpy as np
import pandas as pd
import pytest

from ludwig.error import InputDataError, LudwigWarning
from ludwig.features.date import DateFacts, DateFeature

MOMENT = datetime.datetime(2024, 1, 31, 10, 30, 15)


def encoded(cells: list | pd.Series, facts: DateFacts | None = None, **options: object):
    feature = DateFeature(DateFeature.Config(**options), "d")
    column = feature.parse(cells if isinstance(cells, pd.Series) else pd.Series(cells, dtype=object))
    facts = facts or feature.finish(feature.tally(column))
    return feature.encode(column, facts), facts


def parts(cells: list | pd.Series, **options: object) -> list[list[int]]:
    return encoded(cells, **options)[0].column.values[:, :9].int().tolist()


def expected(moment: datetime.datetime) -> list[int]:
    of_day = moment.hour * 3600 + moment.minute * 60 + moment.second
    calendar = [moment.year, moment.month, moment.day, moment.weekday(), moment.timetuple().tm_yday]
    return [*calendar, moment.hour, moment.minute, moment.second, of_day]


def test_the_parts_are_those_of_the_standard_library():
    draw = random.Random(0)
    moments = [datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31, 23, 59, 59), datetime.datetime(1969, 12, 31)]
    moments += [
        datetime.datetime(2000, 2, 29) + datetime.timedelta(seconds=draw.randint(-4 * 10**9, 4 * 10**9))
        for _ in range(50)
    ]
    assert parts(moments) == [expected(moment) for moment in moments]
    assert parts([moment.isoformat() for moment in moments]) == [expected(moment) for moment in moments]


SECONDS = int(MOMENT.replace(tzinfo=datetime.UTC).timestamp())
FORMS = [
    *(pd.Series([MOMENT]).astype(f"datetime64[{unit}]") for unit in ("s", "ms", "us", "ns")),
    pd.Series([MOMENT]).dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"),
    pd.Series([MOMENT]).astype("category"),
    pd.Series([MOMENT]).astype("timestamp[us][pyarrow]"),
    pd.Series([MOMENT], dtype=object),
    *(pd.Series([SECONDS * unit]) for unit in (1, 10**3, 10**6, 10**9)),
    pd.Series([float(SECONDS)]),
    pd.Series([SECONDS], dtype="Int64"),
    *(
        pd.Series([text])
        for text in [
            *("2024-01-31 10:30:15", "2024-01-31T10:30:15Z", "2024-01-31 05:30:15-05:00", "2024/01/31 10:30:15"),
            *("31/01/2024 10:30:15", "1/31/2024 10:30:15 AM", "31.1.2024 10:30:15", " 31-01-2024 10:30:15 "),
            *("Jan 31, 2024 10:30:15 AM", "Wed, 31 Jan 2024 10:30:15 +0000", str(SECONDS), f"{SECONDS}.5"),
        ]
    ),
]


@pytest.mark.parametrize("column", FORMS, ids=lambda column: f"{column.dtype} {column.iloc[0]}")
def test_a_moment_reads_alike_however_it_is_written(column):
    assert parts(column) == [expected(MOMENT)]


@pytest.mark.parametrize("cell", ["20240131", 20240131, 20240131.0, "2024-01-31", datetime.date(2024, 1, 31)])
def test_a_date_has_no_time(cell):
    assert parts([cell]) == [expected(datetime.datetime(2024, 1, 31))]


def test_years_and_times_of_the_day_are_dates():
    assert parts([2024, "2024", "10:30", "10:30 PM"]) == [
        expected(datetime.datetime(2024, 1, 1)),
        expected(datetime.datetime(2024, 1, 1)),
        expected(datetime.datetime(1970, 1, 1, 10, 30)),
        expected(datetime.datetime(1970, 1, 1, 22, 30)),
    ]


def test_the_training_split_decides_which_of_day_and_month_comes_first():
    cells, ambiguous = ["02/03/2020", "13/03/2020", "02/14/2020"], ["02/03/2020"]
    day_first = encoded(["13/03/2020", "02/03/2020", "25/12/2020 10:00"])[1]
    month_first = encoded(["03/13/2020", "02/03/2020"])[1]
    assert (day_first.day_first, month_first.day_first) == (True, False)
    assert encoded(ambiguous, day_first)[0].column.values[0, 1:3].tolist() == [3, 2]
    assert encoded(ambiguous, month_first)[0].column.values[0, 1:3].tolist() == [2, 3]
    assert encoded(cells, day_first)[0].column.values[:, 1:3].tolist() == [[3, 2], [3, 13], [2, 14]]
    with pytest.warns(LudwigWarning, match=r"month or with the day first.*preprocessing\.datetime_format"):
        assert not encoded(["02/03/2020", "04/05/2020"])[1].day_first


def test_a_format_is_followed():
    assert parts(["02.03.20", "31.12.99"], datetime_format="%d.%m.%y") == [
        expected(datetime.datetime(2020, 3, 2)),
        expected(datetime.datetime(1999, 12, 31)),
    ]
    with pytest.raises(InputDataError, match=r"not dates of preprocessing\.datetime_format: '2.3.20', 'x'"):
        parts(["2.3.20", "x"], datetime_format="%Y/%d/%m")


def test_elapsed_time_is_standardised_and_goes_on():
    days = pd.Series(pd.date_range("2020-01-01", periods=9))
    result, facts = encoded(days)
    numbers = np.arange(9.0)
    np.testing.assert_allclose(result.column.values[:, 9], (numbers - 4) / numbers.std(), rtol=1e-6)
    later = encoded(pd.Series([pd.Timestamp("2020-01-13")]), facts)[0].column.values[0, 9]
    assert later == pytest.approx((12 - 4) / numbers.std(), rel=1e-6)


def test_a_missing_date_stays_missing_or_is_filled():
    result, _ = encoded(["2020-01-01", None, ""])
    assert result.column.values[1:].tolist() == [[-1.0] * 9 + [0.0]] * 2
    assert result.dropped is None
    result, _ = encoded(["2020-01-01", None], fill_value="2021-05-06")
    assert result.column.values[1, :3].tolist() == [2021, 5, 6]
    result, _ = encoded([None, "2020-01-01"], missing_value_strategy="bfill")
    assert result.column.values[0, 0] == 2020
    assert encoded(["2020-01-01", None], missing_value_strategy="drop_row")[0].dropped.tolist() == [False, True]


@pytest.mark.parametrize("cell", ["today", "now", "yes", "2020-13-45", 1e30])
def test_what_is_no_fixed_date_is_not_read(cell):
    with pytest.raises(InputDataError, match="has 2 cells of 3 that are not dates"):
        encoded([cell, "2020-01-01", cell])


def test_a_fill_value_must_be_a_date():
    assert DateFeature.Config(fill_value="soon").faults() == [("fill_value", "Must be a date. Received: 'soon'.")]
    assert DateFeature.Config(fill_value="1/2/2020").faults() == []
