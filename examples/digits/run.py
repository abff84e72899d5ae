"""Read 1,797 handwritten digits of 8 x 8 pixels; print accuracy beside logistic regression on the pixels."""

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


def digits() -> pd.DataFrame:
    """An image and its digit a row. Pixels of an image are whole numbers from 0 to 255."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        print("Skipped: this example needs its data and a baseline. Get both with: pip install scikit-learn")
        sys.exit()
    bunch = load_digits()
    return pd.DataFrame({"image": list((bunch.images * (255 / 16)).astype(np.uint8)), "digit": bunch.target})


def ours(table: pd.DataFrame, seed: int) -> np.ndarray:
    """The digit on each test image. The column `split` has 0 for training, 1 for validation, 2 for the test."""
    model = LudwigModel(str(HERE / "config.yaml"), logging_level=logging.WARNING)
    model.train(dataset=table, random_seed=seed, output_directory=None)
    predictions, _ = model.predict(table[table["split"] == 2])
    return predictions["digit_predictions"].astype(int).to_numpy()


def logistic_regression(table: pd.DataFrame) -> np.ndarray:
    """The same of logistic regression on the pixels, fitted on training and validation rows."""
    from sklearn.linear_model import LogisticRegression

    pixels, seen = np.stack(table["image"]).reshape(len(table), -1) / 255, table["split"] < 2
    return LogisticRegression(max_iter=1000).fit(pixels[seen], table["digit"][seen]).predict(pixels[~seen])


def main() -> None:
    table, rows = digits(), []
    for seed in SEEDS:
        draw = np.random.default_rng(seed).choice(3, len(table), p=[0.64, 0.16, 0.2])
        split = table.assign(split=draw)
        true = split["digit"][draw == 2].to_numpy()
        most = split["digit"][draw < 2].mode()[0]
        systems = {"most frequent": most, "logistic regression": logistic_regression(split), "ours": ours(split, seed)}
        rows += [[seed, name, (found == true).mean()] for name, found in systems.items()]
    scores = pd.DataFrame(rows, columns=["seed", "system", "accuracy"])
    means = scores.groupby("system", sort=False)["accuracy"].agg(["mean", "std"])
    print(tabulate(scores, headers="keys", showindex=False, floatfmt=".3f"))
    print(f"\nMeans and standard deviations over {len(SEEDS)} splits:\n\n{means.round(4)}")


if __name__ == "__main__":
    main()
