"""How the index of a table goes on after its last row."""

from __future__ import annotations

import numpy as np
import pandas as pd


def continued(index: pd.Index, steps: int) -> pd.Index | None:
    """The next labels of a range, of equally spaced whole numbers or durations, of dates of a fixed frequency and of
    consecutive periods; None where no rule gives them."""
    if len(index) == 0 or isinstance(index, pd.MultiIndex) or index.hasnans:
        return None
    if isinstance(index, pd.DatetimeIndex):
        return _dates(index, steps)
    if isinstance(index, pd.PeriodIndex):
        after = pd.period_range(index[-1], periods=steps + 1, freq=index.freq, name=index.name)[1:]
        return after if np.array_equal(np.diff(index.asi8), np.ones(len(index) - 1)) else None
    if isinstance(index, pd.RangeIndex):
        first = index[-1] + index.step
        return pd.RangeIndex(first, first + steps * index.step, index.step, name=index.name)
    if isinstance(index, pd.TimedeltaIndex) or pd.api.types.is_integer_dtype(index.dtype):
        return _spaced(index, steps)
    return None


def _dates(index: pd.DatetimeIndex, steps: int) -> pd.Index | None:
    frequency = index.freq or pd.DatetimeIndex(index, freq="infer").freq
    if frequency is None:
        return _spaced(index, steps)
    after = pd.date_range(index[-1], periods=steps + 1, freq=frequency, name=index.name)
    return after.as_unit(index.unit)[1:]


def _spaced(index: pd.Index, steps: int) -> pd.Index | None:
    """After labels of one distance."""
    distances = np.unique(np.diff(index.to_numpy()))
    if len(distances) != 1 or not distances[0]:
        return None
    after: pd.Index = index[-1:].repeat(steps) + distances[0] * np.arange(1, steps + 1)
    return after
