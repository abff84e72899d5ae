"""What encoders make of dates: seasons, weekdays and trends."""

import numpy as np
import pandas as pd
import pytest
import torch

from ludwig.api import LudwigModel
from ludwig.encoders import ENCODERS
from ludwig.features.date import DateFacts

FACTS = DateFacts(0.0, 1.0, 2019, 2021, False, None)
DATES = torch.tensor(
    [
        [2020, 2, 3, 4, 34, 5, 6, 7, 18367, 0.5],
        [2031, 2, 3, 4, 34, 5, 6, 7, 18367, 0.5],
        [2021, 2, 3, 4, 34, 5, 6, 7, 18367, 0.5],
        [-1] * 9 + [0],
    ]
)


def test_each_part_has_an_embedding_and_unseen_years_share_that_of_the_nearest():
    encoder = ENCODERS.get("embed", "date").Config(embedding_size=3).build([FACTS])
    values = encoder(DATES).values
    starts = np.cumsum([0, 4, 13, 32, 8, 367, 25, 61])
    rows = starts + 1 + np.array([1, 1, 2, 4, 33, 5, 6, 7])
    table = encoder.table.weight
    torch.testing.assert_close(values[0, :24], table[torch.tensor(rows)].flatten())
    torch.testing.assert_close(values[0, 24:], torch.tensor([18367 / 86400, 0.5]))
    torch.testing.assert_close(values[1], values[2])
    torch.testing.assert_close(values[3, :24], table[torch.tensor(starts)].flatten())


def test_waves_have_the_periods_of_the_calendar():
    encoder = ENCODERS.get("wave", "date").Config(activation=None, output_size=18).build([FACTS])
    torch.nn.init.eye_(encoder.stack.layers[0].weight)
    values = encoder(DATES).values.detach()
    angles = 2 * np.pi * np.array([2, 3, 4, 34, 5, 6, 7, 18367]) / np.array([12, 31, 7, 366, 24, 60, 60, 86400])
    np.testing.assert_allclose(values[0], [*np.sin(angles), *np.cos(angles), 0.5, 0], atol=1e-5)
    np.testing.assert_allclose(values[3], [0] * 17 + [1])


def sales(rows: int, seed: int) -> pd.DataFrame:
    """A season, a weekend and a trend, with a variance of 6.6 of which noise is 0.09."""
    draw = np.random.default_rng(seed)
    when = pd.Series(pd.Timestamp("2015-01-01") + pd.to_timedelta(draw.uniform(0, 6 * 365, rows), unit="D"))
    trend = (when - pd.Timestamp("2015-01-01")).dt.total_seconds() / 1e8
    season = 3 * np.sin(2 * np.pi * when.dt.day_of_year / 365.25)
    return pd.DataFrame(
        {"when": when, "y": season + 2 * (when.dt.day_of_week >= 5) + 2 * trend + draw.normal(0, 0.3, rows)}
    )


@pytest.mark.parametrize("name", ["embed", "wave"])
def test_season_weekday_and_trend_are_trained_and_a_reload_predicts_the_same(name, tmp_path):
    model = LudwigModel(
        {
            "input_features": [{"name": "when", "type": "date", "encoder": name}],
            "output_features": [{"name": "y", "type": "number"}],
            "trainer": {"train_steps": 200, "learning_rate": 0.01},
        }
    )
    results = model.train(sales(1000, 0), output_directory=str(tmp_path))
    new = sales(400, 1)
    assert model.evaluate(new)[0]["y"]["r2"] > 0.9
    new["when"] = new["when"].astype(str)
    new.loc[3, "when"] = None
    found = LudwigModel.load(f"{results.output_directory}/model").predict(new)[0]
    pd.testing.assert_frame_equal(found, model.predict(new)[0])
    assert np.isfinite(found["y_predictions"]).all()
    assert len(model.predict(new[:1])[0]) == 1
