import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from ludwig.api import LudwigModel
from ludwig.error import LudwigWarning


def series_of(name: str, column: str, **preprocessing: Any) -> dict[str, Any]:
    return {"name": name, "column": column, "type": "timeseries", "preprocessing": preprocessing}


def trained(config: Mapping[str, Any], table: pd.DataFrame, steps: int = 5) -> LudwigModel:
    trainer = {"train_steps": steps, "steps_per_checkpoint": steps}
    model = LudwigModel({"trainer": trainer, "combiner": "concat", **config})
    with warnings.catch_warnings(action="ignore", category=LudwigWarning):  # of the last rows, whose future is missing
        model.train(training_set=table, output_directory=None)
    return model


def step_by_step(model: LudwigModel, table: pd.DataFrame, columns: Mapping[str, str], horizon: int) -> np.ndarray:
    """The forecast that `predict` gives where each call's first row is appended to the table: [horizon, columns].

    Args:
        columns: The output of each column.
    """
    found = []
    for _ in range(horizon):
        with warnings.catch_warnings(action="ignore", category=LudwigWarning):
            predicted, _ = model.predict(table)
        row = {column: np.ravel(predicted[f"{name}_predictions"].iloc[-1])[0] for column, name in columns.items()}
        found.append([*row.values()])
        table = pd.concat([table, pd.DataFrame([row])], ignore_index=True)
    return np.array(found)


def set_linear(model: LudwigModel, output: str, rows: np.ndarray, constants: np.ndarray) -> None:
    """Makes the output linear in the lags of the series inputs, in the columns' own units.

    Args:
        rows: A row of coefficients for each step ahead, over the lags of all inputs, the latest of each last.
        constants: What is added to each step.
    """
    states = model.training_set_metadata
    inputs = [feature for feature in model.config["input_features"] if feature["type"] == "timeseries"]
    lags = [feature["preprocessing"]["window_size"] for feature in inputs]
    means = np.repeat([states[feature["name"]]["mean"] for feature in inputs], lags)
    stds = np.repeat([states[feature["name"]]["std"] for feature in inputs], lags)
    own = states[output]
    weights = dict(model.collect_weights())
    for name, values in weights.items():
        if name.startswith(f"output_features.{output}."):
            values.data.zero_()
    weights[f"output_features.{output}.linear_path.weight"].data.copy_(_tensor(rows * stds / own["std"]))
    bias = (constants + rows @ means - own["mean"]) / own["std"]
    weights[f"output_features.{output}.decoder.linear.bias"].data.copy_(_tensor(bias))


def _tensor(values: np.ndarray) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32)


@pytest.fixture(scope="session")
def waves() -> pd.DataFrame:
    rows = np.arange(120)
    draw = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "y": 20 + 5 * np.sin(rows / 4) + draw.normal(0, 0.3, 120),
            "z": 3 + np.cos(rows / 7) + draw.normal(0, 0.1, 120),
            "x": draw.normal(size=120),
            "kind": np.array(["a", "b", "c"])[rows % 3],
        }
    )


@pytest.fixture(scope="session")
def two_outputs(waves: pd.DataFrame) -> LudwigModel:
    """Of y and z, of horizons 2 and 3."""
    inputs = [series_of("past_y", "y", window_size=6), series_of("past_z", "z", window_size=4)]
    outputs = [series_of("next_y", "y", horizon=2), series_of("next_z", "z", horizon=3)]
    return trained({"input_features": inputs, "output_features": outputs}, waves)


@pytest.fixture(scope="session")
def simple(waves: pd.DataFrame) -> LudwigModel:
    """Of y, one step ahead."""
    config = {
        "input_features": [series_of("past", "y", window_size=6)],
        "output_features": [series_of("next", "y", horizon=1)],
    }
    return trained(config, waves)


@pytest.fixture(scope="session")
def with_covariates(waves: pd.DataFrame) -> LudwigModel:
    """Of y, one step ahead, from a number, a category, a date and a window of another column."""
    numbers = {"name": "x", "type": "number"}
    inputs = [series_of("past", "y", window_size=6), series_of("past_x", "x", window_size=3), numbers]
    inputs += [{"name": "kind", "type": "category"}, {"name": "day", "type": "date"}]
    config = {"input_features": inputs, "output_features": [series_of("next", "y", horizon=1)]}
    table = waves.assign(day=pd.date_range("2024-01-01", periods=len(waves), freq="D"))
    return trained(config, table, 60)


@pytest.fixture(scope="session")
def many(waves: pd.DataFrame) -> pd.DataFrame:
    """Three series, their rows in turn."""
    scales = {"u": 1.0, "v": -2.0, "ü": 0.5}
    parts = [waves.assign(id=name, y=scale * waves["y"]) for name, scale in scales.items()]
    return pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)


@pytest.fixture(scope="session")
def of_groups(many: pd.DataFrame) -> LudwigModel:
    inputs = [series_of("past", "y", window_size=6, group="id"), {"name": "id", "type": "category"}]
    outputs = [series_of("next", "y", horizon=2, group="id")]
    return trained({"input_features": inputs, "output_features": outputs}, many, 60)
