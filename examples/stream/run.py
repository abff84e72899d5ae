"""A stream whose rule changes with time: a model that is trained online follows it, a frozen one does not."""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from tabulate import tabulate

from ludwig.api import LudwigModel

HERE = Path(__file__).parent
INPUTS = [f"x{place}" for place in range(6)]
SEEDS = (1, 2, 3)
BEFORE, PARTS, ROWS = 3000, 24, 250  # rows to begin with, then so many parts of so many rows
NOISE, TURN = 0.05, np.pi  # share of wrong labels; how far the rule turns from the first part to the last
QUARTERS = 4  # of the stream that the table shows


def rows(draw: np.random.Generator, angle: float, count: int, axes: np.ndarray) -> pd.DataFrame:
    """Rows above or below a hyperplane, whose normal lies at the angle in the plane of two axes."""
    x = draw.normal(size=(count, len(INPUTS)))
    above = x @ (np.cos(angle) * axes[:, 0] + np.sin(angle) * axes[:, 1]) > 0
    wrong = draw.random(count) < NOISE
    return pd.DataFrame(x, columns=INPUTS).assign(above=above ^ wrong)


def stream(seed: int) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """A rotating hyperplane (Hulten, Spencer & Domingos 2001): the first rows at rest, then the parts."""
    draw = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(draw.normal(size=(len(INPUTS), 2)))  # two that are at right angles
    angles = np.linspace(0, TURN, PARTS)
    return rows(draw, 0.0, BEFORE, axes), [rows(draw, angle, ROWS, axes) for angle in angles]


def trained(table: pd.DataFrame, seed: int) -> LudwigModel:
    model = LudwigModel(str(HERE / "config.yaml"), logging_level=logging.ERROR)
    model.train(dataset=table, random_seed=seed, output_directory=None)
    return model


def accuracy(model: LudwigModel, part: pd.DataFrame) -> float:
    predictions, _ = model.predict(part)
    return float((predictions["above_predictions"].astype(bool) == part["above"]).mean())


def saved_and_loaded(model: LudwigModel) -> LudwigModel:
    """As when a service is started anew: the state of the optimizer comes back with the weights."""
    with tempfile.TemporaryDirectory() as folder:
        model.save(folder)
        return LudwigModel.load(folder, logging_level=logging.ERROR)


def run(seed: int) -> dict[str, list[float]]:
    """The accuracy of each system on each part, before it is trained on that."""
    from sklearn.linear_model import SGDClassifier

    first, parts = stream(seed)
    frozen, online = trained(first, seed), trained(first, seed)
    linear = SGDClassifier(loss="log_loss", random_state=seed)
    linear.partial_fit(first[INPUTS], first["above"], classes=[False, True])
    found: dict[str, list[float]] = {"frozen": [], "online": [], "SGDClassifier.partial_fit": []}
    for place, part in enumerate(parts):
        found["frozen"].append(accuracy(frozen, part))
        found["online"].append(accuracy(online, part))
        found["SGDClassifier.partial_fit"].append(float(linear.score(part[INPUTS], part["above"])))
        online.train_online(part)
        linear.partial_fit(part[INPUTS], part["above"])
        if place == PARTS // 2:
            online = saved_and_loaded(online)
    return found


def main() -> None:
    try:
        import sklearn  # noqa: F401  (for the baseline)
    except ImportError:
        print("Skipped: this example needs a baseline. Get it with: pip install scikit-learn")
        sys.exit()
    runs = [run(seed) for seed in SEEDS]
    table = []
    for system in runs[0]:
        scores = np.array([each[system] for each in runs])  # [seeds, parts]
        quarters = scores.reshape(len(runs), QUARTERS, -1).mean(2)  # [seeds, quarters]
        table.append([system, *quarters.mean(0), scores.mean(), scores.mean(1).std()])
    headers = ["system", *(f"quarter {number}" for number in range(1, QUARTERS + 1)), "all", "spread of seeds"]
    print(f"Accuracy on {PARTS} parts of {ROWS} rows, each predicted before it is trained on; {len(SEEDS)} seeds:\n")
    print(tabulate(table, headers=headers, floatfmt=".3f"))


if __name__ == "__main__":
    main()
