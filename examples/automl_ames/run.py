"""Predict the prices of houses without writing a config; print the errors beside those of the config that was written
by hand and of ridge regression.
"""

from __future__ import annotations

import logging
import runpy
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from tabulate import tabulate

from ludwig.api import LudwigModel
from ludwig.automl import auto_train, init_config

HERE = Path(__file__).parent
AMES = runpy.run_path(str(HERE.parent / "ames" / "run.py"))  # the table, ridge regression and the config by hand
TARGET = "Sale_Price"
SEEDS = (1, 2, 3)
SECONDS = 120


def inferred(table: pd.DataFrame, seed: int) -> np.ndarray:
    """The price of each test house by the config that `init_config` wrote, trained once."""
    model = LudwigModel(str(HERE / "config.yaml"), logging_level=logging.WARNING)
    model.train(dataset=table, random_seed=seed, output_directory=None)
    return prices(model, table)


def searched(table: pd.DataFrame, seed: int) -> tuple[np.ndarray, int]:
    """The same by the best of the trials that fit into the time, and how many there were."""
    with tempfile.TemporaryDirectory() as folder:
        results = auto_train(table, TARGET, SECONDS, folder, random_seed=seed, hyperopt_log_verbosity=1)
        return prices(results.best_model, table), len(results.hyperopt_results.ordered_trials)


def prices(model: LudwigModel, table: pd.DataFrame) -> np.ndarray:
    predictions, _ = model.predict(table[table["split"] == 2])
    return predictions[f"{TARGET}_predictions"].to_numpy()


def main() -> None:
    houses, rows = AMES["houses"](), []
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    print(init_config(houses, TARGET))
    for seed in SEEDS:
        draw = np.random.default_rng(seed).choice(3, len(houses), p=[0.64, 0.16, 0.2])
        table = houses.assign(split=draw)
        price = table[TARGET][draw == 2]
        best, trials = searched(table, seed)
        systems = {
            "ridge": AMES["ridge"](table),
            "by hand": AMES["ours"](table, seed),
            "init_config": inferred(table, seed),
            "auto_train": best,
        }
        for name, found in systems.items():
            error = root_mean_squared_error(price, found)
            count = trials if found is best else 1
            rows.append([seed, name, error, mean_absolute_error(price, found), r2_score(price, found), count])
    scores = pd.DataFrame(rows, columns=["seed", "system", "RMSE", "MAE", "R2", "trials"])
    means = scores.groupby("system", sort=False)[["RMSE", "MAE", "R2"]].agg(["mean", "std"])
    print(tabulate(scores, headers="keys", showindex=False, floatfmt=("d", "", ".0f", ".0f", ".3f", "d")))
    print(f"\nMeans and standard deviations over {len(SEEDS)} splits:\n\n{means.round(3)}")


if __name__ == "__main__":
    main()
