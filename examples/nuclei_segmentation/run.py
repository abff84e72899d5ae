"""Segment the nuclei of a fluorescence microscopy image; print the IoU on its unseen quarter beside two baselines."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from tabulate import tabulate

from ludwig.api import LudwigModel

HERE = Path(__file__).parent
TILE = 64  # pixels of a side
SEEDS = (1, 2, 3)
NUCLEUS = 255  # the value of a nucleus in masks; background is 0


def image_folder() -> Path:
    """The images of the package stardist; an unpacked wheel will do, since nothing of it is imported."""
    unpacked = os.environ.get("STARDIST_FOLDER")
    package = importlib.util.find_spec("stardist")
    if unpacked is None and (package is None or package.origin is None):
        raise SystemExit(
            "This example reads an image from a package. Install it with: pip install --no-deps stardist==0.9.2"
        )
    return Path(unpacked or Path(str(package and package.origin)).parent) / "data" / "images"


def tiles(folder: Path) -> pd.DataFrame:
    """An image and a mask a row. The right quarter is the test split, the column of tiles before it validation."""
    picture = np.asarray(Image.open(folder / "img2d.tif"))
    numbered = np.asarray(Image.open(folder / "mask2d.tif"))  # each nucleus has a number, background is 0
    brightness = (picture / picture.max() * 255).astype(np.uint8)
    masks = np.where(numbered > 0, NUCLEUS, 0).astype(np.uint8)
    rows = []
    for top in range(0, len(picture), TILE):
        for left in range(0, picture.shape[1], TILE):
            place = np.s_[top : top + TILE, left : left + TILE]
            column = left // TILE
            split = 2 if column >= 6 else 1 if column == 5 else 0
            rows.append({"image": brightness[place], "nuclei": masks[place], "split": split})
    return pd.DataFrame(rows)


def iou(found: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    """Intersection over union of the nuclei."""
    return float((found & true).sum() / (found | true).sum())


def otsu(values: NDArray[np.uint8]) -> int:
    """The threshold that separates two groups of greys best: Otsu 1979, doi:10.1109/TSMC.1979.4310076, eq. 18."""
    shares = np.bincount(values.ravel(), minlength=256) / values.size
    below, means = shares.cumsum(), (shares * np.arange(256)).cumsum()
    spread = below * (1 - below)
    between = (means[-1] * below - means) ** 2 / np.where(spread > 0, spread, np.inf)
    return int(between.argmax())


def main() -> None:
    table = tiles(image_folder())
    training, test = table[table["split"] < 2], table[table["split"] == 2]
    images, true = np.stack(test["image"]), np.stack(test["nuclei"]) == NUCLEUS
    threshold = otsu(np.stack(training["image"]))
    background = np.zeros_like(true)
    rows = [
        ["all background", iou(background, true), (background == true).mean()],
        [f"Otsu threshold ({threshold})", iou(images > threshold, true), ((images > threshold) == true).mean()],
    ]
    for seed in SEEDS:
        model = LudwigModel(str(HERE / "config.yaml"))
        model.train(dataset=table, random_seed=seed, experiment_name="nuclei", skip_save_processed_input=True)
        found = np.stack(model.predict(test, return_type=dict)[0]["nuclei"]["predictions"]) == NUCLEUS
        rows.append([f"U-Net, seed {seed}", iou(found, true), (found == true).mean()])
    print(f"{len(training)} tiles to train and select on, {len(test)} others to test on:\n")
    print(tabulate(rows, headers=["", "IoU of nuclei", "pixel accuracy"], floatfmt=".3f"))


if __name__ == "__main__":
    main()
