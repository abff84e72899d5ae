"""Recognise clothes on images of 28 x 28 pixels; print accuracy beside logistic regression on the pixels."""

from __future__ import annotations

import gzip
import logging
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from tabulate import tabulate

from ludwig.api import LudwigModel

HERE = Path(__file__).parent
IMAGES = Path("usr") / "share" / "datasets" / "fashion-mnist"
ITEMS = ["T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"]
TRAINING, VALIDATION, TEST = (
    1500,
    500,
    2000,
)  # of 60,000 and 10,000: a CPU is slow at convolutions, raise them with a GPU


def clothes(folder: Path) -> pd.DataFrame:
    """An image and its item a row; the column `split` has 0 for training, 1 for validation, 2 for the test."""
    if not (folder / IMAGES).is_dir():
        print(
            f"Skipped: this example reads images of a Debian package, and there is no {folder / IMAGES}. Get it with:\n"
            "  apt-get download dataset-fashion-mnist && dpkg -x dataset-fashion-mnist_*.deb FOLDER\n"
            "  python examples/fashion_mnist/run.py FOLDER"
        )
        sys.exit()
    seen = _part(folder, "train").sample(TRAINING + VALIDATION, random_state=0)
    seen["split"] = np.repeat([0, 1], [TRAINING, VALIDATION])
    unseen = _part(folder, "t10k").sample(TEST, random_state=0).assign(split=2)
    return pd.concat([seen, unseen], ignore_index=True)


def _part(folder: Path, name: str) -> pd.DataFrame:
    with gzip.open(folder / IMAGES / f"{name}-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read()[16:], np.uint8).reshape(-1, 28, 28)
    with gzip.open(folder / IMAGES / f"{name}-labels-idx1-ubyte.gz") as file:
        items = np.array(ITEMS)[np.frombuffer(file.read()[8:], np.uint8)]
    return pd.DataFrame({"image": list(images), "item": items})


def ours(table: pd.DataFrame) -> np.ndarray:
    """The item on each test image."""
    model = LudwigModel(str(HERE / "config.yaml"), logging_level=logging.WARNING)
    model.train(dataset=table, random_seed=1, output_directory=None)
    predictions, _ = model.predict(table[table["split"] == 2])
    return predictions["item_predictions"].to_numpy()


def logistic_regression(table: pd.DataFrame) -> np.ndarray:
    """The same of logistic regression on the pixels, fitted on training and validation rows."""
    from sklearn.linear_model import LogisticRegression

    pixels, seen = np.stack(table["image"]).reshape(len(table), -1) / 255, table["split"] < 2
    return LogisticRegression(max_iter=200, tol=1e-3).fit(pixels[seen], table["item"][seen]).predict(pixels[~seen])


def main() -> None:
    table = clothes(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("/"))
    true = table["item"][table["split"] == 2].to_numpy()
    most = table["item"][table["split"] < 2].mode()[0]
    systems = {
        "most frequent": np.full(len(true), most),
        "logistic regression": logistic_regression(table),
        "ours": ours(table),
    }
    rows = [[name, (found == true).mean(), (found == true)[true == "shirt"].mean()] for name, found in systems.items()]
    print(f"{TRAINING + VALIDATION} images to train and select on, {TEST} others to test on:\n")
    print(tabulate(rows, headers=["system", "accuracy", "of the shirts"], floatfmt=".3f"))


if __name__ == "__main__":
    main()
