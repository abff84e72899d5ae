"""Ten-fold cross-validation on 178 wines: accuracy with its spread, beside logistic regression on the same folds."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tabulate import tabulate

from ludwig.api import kfold_cross_validate
from ludwig.error import MissingExtraError
from ludwig.kfold import save_spread

HERE = Path(__file__).parent
FOLDS = 10


def wines() -> pd.DataFrame:
    """Thirteen measurements of a wine and the cultivar that it is made of, a row."""
    try:
        from sklearn.datasets import load_wine
    except ImportError:
        print("Skipped: this example needs its data and a baseline. Get both with: pip install scikit-learn")
        sys.exit()
    bunch = load_wine(as_frame=True)
    table = bunch.data.rename(columns={"od280/od315_of_diluted_wines": "od280_od315"})
    return table.assign(cultivar=bunch.target_names[bunch.target])


def logistic_regression(table: pd.DataFrame, indices: dict[str, Any]) -> list[float]:
    """Its accuracy on each fold, with means and deviations of the training rows."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    inputs, target = table.drop(columns="cultivar"), table["cultivar"]
    accuracies = []
    for rows in indices.values():
        training, test = rows["training_indices"], rows["test_indices"]
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        model.fit(inputs.iloc[training], target.iloc[training])
        accuracies.append(model.score(inputs.iloc[test], target.iloc[test]))
    return accuracies


def most_frequent(table: pd.DataFrame, indices: dict[str, Any]) -> list[float]:
    """The accuracy on each fold of the most frequent cultivar of its training rows."""
    target = table["cultivar"]
    modes = {name: target.iloc[rows["training_indices"]].mode()[0] for name, rows in indices.items()}
    return [(target.iloc[rows["test_indices"]] == modes[name]).mean() for name, rows in indices.items()]


def main() -> None:
    table = wines()
    statistics, indices = kfold_cross_validate(
        FOLDS,
        str(HERE / "config.yaml"),
        table,
        skip_save_progress=True,
        skip_save_log=True,
        logging_level=logging.WARNING,
        collect_out_of_fold_predictions=True,
    )
    systems = {
        "most frequent": most_frequent(table, indices),
        "logistic regression": logistic_regression(table, indices),
        "ours": [statistics[name]["fold_eval_stats"]["cultivar"]["accuracy"] for name in indices],
    }
    rows = [[name, np.mean(values), np.std(values)] for name, values in systems.items()]
    print(tabulate(rows, headers=["system", "accuracy", "std"], floatfmt=".3f"))
    found = statistics["out_of_fold_predictions"]["cultivar_predictions"]
    print(f"\nEvery wine, predicted by the model that has not seen it:\n\n{pd.crosstab(table['cultivar'], found)}")
    try:
        print(f"\nThe spread over the folds: {save_spread(statistics, Path('results') / 'wine_spread.png')}")
    except MissingExtraError as error:
        print(error)


if __name__ == "__main__":
    main()
