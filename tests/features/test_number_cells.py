"""Cells of number columns that are something else."""

from __future__ import annotations

import pandas as pd
import pytest

from ludwig.error import InputDataError
from ludwig.features.number import NumberFeature

DATES = pd.Series(pd.date_range("2020", periods=3))
TIMES = [
    ("dates or times", DATES),
    ("dates or times", DATES.dt.date),
    ("durations", pd.Series(pd.timedelta_range("1D", periods=3))),
    ("periods", pd.Series(pd.period_range("2020", periods=3, freq="D"))),
]


@pytest.mark.parametrize(("what", "column"), TIMES)
def test_dates_durations_and_periods_are_refused_with_the_type_that_fits(what, column):
    feature = NumberFeature(NumberFeature.Config(), "x")
    for form in (column, column.astype("category"), column.astype(object)):
        with pytest.raises(InputDataError, match=rf"holds {what}, such as .*Declare the feature as category"):
            feature.parse(form)
