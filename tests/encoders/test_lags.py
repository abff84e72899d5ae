"""The last steps of a series, against numpy; and a forecast against the formula that made the series."""

import numpy as np
import pandas as pd
import pytest
import torch

from ludwig.api import LudwigModel
from ludwig.columns.ragged import Padded
from ludwig.encoders import ENCODERS
from ludwig.features.timeseries import SeriesFacts

FACTS = SeriesFacts(0.0, 1.0, 5)


def build(**options: object):
    return ENCODERS.get("lags", "timeseries").Config(**options).build([FACTS]).eval()


def test_the_latest_step_stands_last_and_what_is_not_there_is_the_mean():
    nan = float("nan")
    values = torch.tensor([[1.0, 2.0, 3.0, 9.0], [4.0, nan, 6.0, 7.0], [9.0, 9.0, 9.0, 9.0]])
    mask = torch.tensor([[True, True, True, False], [True] * 4, [False] * 4])
    signal = build()(Padded(values, mask))
    expected = [[0, 0, 1, 2, 3], [0, 4, 0, 6, 7], [0, 0, 0, 0, 0]]
    np.testing.assert_array_equal(signal.values, expected)
    np.testing.assert_array_equal(signal.linear, expected)
    np.testing.assert_array_equal(build(lags=2)(Padded(values, mask)).values, [[2, 3], [6, 7], [0, 0]])
    assert build(lags=99).shape.size == build().shape.linear == 5


def test_a_batch_longer_than_the_lags_keeps_the_last_ones():
    values = torch.arange(8.0).unsqueeze(0)
    np.testing.assert_array_equal(build()(Padded(values, torch.ones(1, 8, dtype=torch.bool))).values, [[3, 4, 5, 6, 7]])


@pytest.fixture(scope="module")
def season() -> pd.DataFrame:
    """x_t = 0.6 x_(t-12) + 0.3 x_(t-1) + noise of 0.3: no forecast of one step has a smaller error than the noise."""
    draw = np.random.default_rng(0)
    x = list(draw.normal(size=12))
    for _ in range(3000):
        x.append(0.6 * x[-12] + 0.3 * x[-1] + 0.3 * draw.normal())
    return pd.DataFrame({"load": np.array(x[12:]) * 50 + 400})


def config(window: int) -> dict:
    past = {"name": "past", "column": "load", "type": "timeseries", "preprocessing": {"window_size": window}}
    future = {"name": "next", "column": "load", "type": "timeseries", "preprocessing": {"horizon": 1}}
    return {"input_features": [past], "output_features": [future], "trainer": {"train_steps": 300}}


@pytest.mark.filterwarnings("ignore:The rows are not split in order of time")
@pytest.mark.filterwarnings("ignore:1 of 2400 rows dropped")  # the last one, which has no next step
def test_a_forecast_is_nearly_as_good_as_the_formula(season, tmp_path):
    model = LudwigModel(config(24))
    assert model.config["input_features"][0]["encoder"] == {"type": "lags", "lags": None}
    train, test = season.iloc[:2400], season.iloc[2400:].reset_index(drop=True)
    results = model.train(train, output_directory=str(tmp_path))
    found = np.array([np.nan if row is None else row[0] for row in model.predict(test)[0]["next_predictions"]])
    off = (found[24:-1] - test.load.to_numpy()[25:]) / 50
    assert np.sqrt(np.mean(off**2)) < 0.3 * 1.15
    loaded = LudwigModel.load(f"{results.output_directory}/model")
    pd.testing.assert_frame_equal(loaded.predict(test)[0], model.predict(test)[0])
