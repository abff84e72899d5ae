"""Forecasts of 500 steps against a sliding loop written by hand over the same network.

`python benchmarks/forecast.py` prints CPU seconds of one thread; the two take turns, and the table has medians. The
loop by hand holds the window as one tensor, calls the network, and appends what it gives; ours is
`LudwigModel.forecast` with all that is around it: reading the table, encoding, the index, a DataFrame.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from statistics import median

import numpy as np
import pandas as pd
import torch
from tabulate import tabulate

from ludwig.api import LudwigModel
from ludwig.columns.frame import Frame, Layout
from ludwig.columns.ragged import Padded

ROWS, STEPS, WINDOW, REPEATS = 5000, 500, 96, 9
CASES = (("lags", 1, 1), ("lags", 1, 25), ("lags", 20, 1), ("parallel_cnn", 1, 1), ("rnn", 1, 1))  # series, horizon


def table_of(series: int) -> pd.DataFrame:
    """Waves with noise, of several ids one after the other."""
    draw, rows = np.random.default_rng(0), np.arange(ROWS)
    waves = [np.sin(rows / (5 + place)) + 0.1 * draw.normal(size=ROWS) for place in range(series)]
    return pd.DataFrame({"id": np.repeat(np.arange(series), ROWS), "y": np.concatenate(waves)})


def trained(table: pd.DataFrame, encoder: str, horizon: int) -> LudwigModel:
    section = {"column": "y", "type": "timeseries"}
    past = {"name": "past", **section, "encoder": encoder, "preprocessing": {"window_size": WINDOW, "group": "id"}}
    ahead = {"name": "next", **section, "preprocessing": {"horizon": horizon, "group": "id"}}
    trainer = {"train_steps": 20, "batch_size": 64, "steps_per_checkpoint": 20}
    split = {"type": "fixed", "column": "part"}
    model = LudwigModel(
        {
            "input_features": [past],
            "output_features": [ahead],
            "trainer": trainer,
            "preprocessing": {"split": split},
        }
    )
    model.train(dataset=table.assign(part=np.arange(len(table)) % ROWS // (0.8 * ROWS)), output_directory=None)
    return model


def by_hand(model: LudwigModel, table: pd.DataFrame, horizon: int) -> np.ndarray:
    """The forecast of all ids: [ids, STEPS]."""
    network, states = model.model, model.training_set_metadata
    assert network is not None and states is not None
    mean, std = states["past"]["mean"], states["past"]["std"]
    lasts = table["y"].to_numpy().reshape(-1, ROWS)[:, -WINDOW:]  # [ids, WINDOW]
    window, layout = torch.tensor((lasts - mean) / std, dtype=torch.float32), Layout(())
    mask, found = torch.ones_like(window, dtype=torch.bool), []
    network.eval()
    with torch.inference_mode():
        for _ in range(0, STEPS, horizon):
            batch = Frame([], {"past": Padded(window, mask)}, layout, len(window))
            steps = network.predict(batch)["next"].predictions  # [ids, horizon]
            found.append(steps)
            window = torch.cat([window, ((steps - mean) / std).float()], dim=1)[:, -WINDOW:]
    return torch.cat(found, dim=1)[:, :STEPS].numpy()


def seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def main() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # of rows at the end whose future the table does not have
    rows = []
    for encoder, series, horizon in CASES:
        table = table_of(series)
        model = trained(table, encoder, horizon)

        def ours(model: LudwigModel = model, table: pd.DataFrame = table) -> pd.DataFrame:
            return model.forecast(table, horizon=STEPS)

        def hand(model: LudwigModel = model, table: pd.DataFrame = table, horizon: int = horizon) -> np.ndarray:
            return by_hand(model, table, horizon)

        np.testing.assert_allclose(ours()["y"].to_numpy().reshape(series, -1), hand(), rtol=1e-3, atol=1e-3)
        turns = [(seconds(ours), seconds(hand)) for _ in range(REPEATS)]
        one, other = (median(times) for times in zip(*turns, strict=True))
        ratio = median(mine / theirs for mine, theirs in turns)
        rows.append([encoder, series, horizon, 1e3 * one, 1e3 * other, f"{ratio:.2f}x"])
    headers = ["encoder", "series", "horizon of a call", "ours ms", "by hand ms", "ratio"]
    print(tabulate(rows, headers=headers, tablefmt="github", floatfmt=".1f"))


if __name__ == "__main__":
    main()
