"""Prediction intervals hold the coverage that they state, on data of which it is known."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from ludwig.api import LudwigModel
from ludwig.error import ConfigValidationError, LudwigWarning
from ludwig.training.intervals import shift

LEVELS = [0.1, 0.5, 0.9]
ALIKE = np.ones


def config(**options: object) -> dict:
    return {
        "input_features": [{"name": "x", "type": "number"}],
        "output_features": [{"name": "y", "type": "number", "quantiles": LEVELS, **options}],
        "trainer": {"train_steps": 300, "batch_size": 256},
    }


def table(rows: int, seed: int) -> pd.DataFrame:
    """Normal noise whose spread grows with x, in units far from zero."""
    draw = np.random.default_rng(seed)
    x = draw.uniform(0, 1, rows)
    return pd.DataFrame({"x": x, "y": 5000 + 100 * (x + (0.1 + 0.4 * x) * draw.normal(size=rows))})


def true_quantile(x: pd.Series, level: float) -> pd.Series:
    return 5000 + 100 * (x + (0.1 + 0.4 * x) * norm.ppf(level))


@pytest.mark.parametrize(("level", "rank"), [(0.1, 1), (0.25, 2), (0.5, 5), (0.7, 7), (0.9, 9)])
def test_the_shift_is_the_order_statistic_of_the_theorem(level, rank):
    errors = np.random.default_rng(0).permutation(np.arange(1.0, 10.0))  # nine: the levels are tenths
    assert shift(errors, ALIKE(9), level) == rank


@pytest.mark.parametrize("level", [0.03, 0.1, 0.5, 0.77, 0.9, 0.97])
def test_a_new_row_lies_below_with_the_stated_probability(level):
    """By simulation: at least the level above a half, at most the level below, and not far from it."""
    draw = np.random.default_rng(1)
    errors, new = draw.normal(size=(20_000, 99)), draw.normal(size=20_000)
    below = np.mean([now <= shift(row, ALIKE(99), level) for row, now in zip(errors, new, strict=True)])
    bound = 4 * np.sqrt(level * (1 - level) / 20_000)
    assert level - (bound if level >= 0.5 else 0.01 + bound) < below < level + (bound if level < 0.5 else 0.01 + bound)


def test_a_row_of_weight_two_shifts_like_two_rows():
    draw = np.random.default_rng(2)
    errors, times = draw.normal(size=400), draw.integers(0, 3, 400)
    kept, repeated = times > 0, np.repeat(errors, times)
    for level in (0.1, 0.5, 0.9):
        low, high = (np.quantile(repeated, level + d) for d in (-0.01, 0.01))
        assert low <= shift(errors[kept], times[kept].astype(float), level) <= high


def test_stated_coverage_holds_and_quantiles_follow_the_spread(tmp_path):
    model = LudwigModel(config())
    results = model.train(table(6000, seed=0), output_directory=str(tmp_path))
    new = table(20_000, seed=1)
    statistics, predicted, _ = model.evaluate(new, collect_predictions=True, collect_overall_stats=True)
    quantiles = predicted[[f"y_quantile_{level}" for level in LEVELS]]
    assert (np.diff(quantiles.to_numpy(), axis=1) >= 0).all()
    inside = new.y.between(quantiles["y_quantile_0.1"], quantiles["y_quantile_0.9"])
    assert 0.77 < inside.mean() < 0.84
    for half in (new.x < 0.5, new.x >= 0.5):  # not only on average
        assert 0.72 < inside[half].mean() < 0.88
    for level in LEVELS:
        off = (predicted[f"y_quantile_{level}"] - true_quantile(new.x, level)).abs().mean()
        assert off < 5, level  # a tenth of the spread
    found = statistics["y"]
    assert found["interval"]["coverage"] == pytest.approx(inside.mean())
    assert found["interval"]["stated_coverage"] == 0.8
    assert found["share_below_quantile"]["0.5"] == pytest.approx((new.y <= quantiles["y_quantile_0.5"]).mean())
    report = json.loads((Path(results.output_directory) / "training_report.json").read_text())["intervals"]["y"]
    assert report["rows"] == 600
    assert report["reason"] is None
    loaded = LudwigModel.load(str(Path(results.output_directory) / "model"))
    pd.testing.assert_frame_equal(loaded.predict(new)[0], predicted)


def test_the_split_itself_has_the_shares_of_its_ranks(tmp_path):
    model = LudwigModel(config())
    data = table(3000, seed=3)
    validation = model.train(data, output_directory=str(tmp_path)).preprocessed_data.validation_set
    statistics, _, _ = model.evaluate(validation, collect_overall_stats=True)
    rows = len(validation)
    for level, share in statistics["y"]["share_below_quantile"].items():
        assert share == pytest.approx(float(level), abs=1.01 / rows + 1e-3)


@pytest.mark.parametrize("normalization", [None, "log1p", "minmax", "iq"])
def test_quantiles_are_in_own_units_and_clipped(normalization):
    options = {"preprocessing": {"normalization": normalization}, "clip": [5000, 5100]}
    model = LudwigModel(config(**options))
    model.train(table(800, seed=0), output_directory=None)
    found = model.predict(table(200, seed=1))[0]
    quantiles = found[[f"y_quantile_{level}" for level in LEVELS]].to_numpy()
    assert ((quantiles >= 5000) & (quantiles <= 5100)).all()
    if normalization is not None:  # without any, 300 steps do not get that far
        assert 5020 < np.median(quantiles) < 5080


def test_too_few_rows_are_reported():
    settings = config() | {"preprocessing": {"split": {"type": "random", "probabilities": [0.9, 0.05, 0.05]}}}
    settings["trainer"] = {"train_steps": 5}
    with pytest.warns(LudwigWarning, match="do not promise what they state. The split has [0-9]+ rows"):
        LudwigModel(settings).train(table(80, seed=0), output_directory=None)


def test_refit_keeps_the_shifts():
    settings = config()
    settings["trainer"] |= {"refit": True}
    model = LudwigModel(settings)
    model.train(table(3000, seed=0), output_directory=None)
    new = table(5000, seed=1)
    found = model.predict(new)[0]
    assert 0.75 < new.y.between(found["y_quantile_0.1"], found["y_quantile_0.9"]).mean() < 0.86


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"quantiles": [0.5, 0.1]}, "Must be ascending"),
        ({"quantiles": [0.1, 0.1]}, "Must be ascending"),
        ({"quantiles": [0.0, 0.5]}, r"quantiles\[0\]"),
        ({"quantiles": [0.5, 1.0]}, r"quantiles\[1\]"),
        ({"loss": "root_mean_squared_error"}, "cannot be added to the pinball loss"),
        ({"loss": "mean_absolute_percentage_error"}, "cannot be added to the pinball loss"),
    ],
)
def test_quantiles_that_cannot_be_are_refused(options, message):
    with pytest.raises(ConfigValidationError, match=message):
        LudwigModel(config(**options))


def test_they_can_be_selected_by():
    settings = config()
    settings["trainer"] |= {"validation_metric": "mean_pinball_loss", "train_steps": 40}
    results = LudwigModel(settings).train(table(500, seed=0), output_directory=None)
    assert results.train_stats.validation["y"]["mean_pinball_loss"]


def test_each_step_of_a_series_holds_its_own_coverage():
    """Of a smoothed noise, whose spread grows with the steps."""
    draw = np.random.default_rng(0)
    walk = pd.DataFrame({"y": draw.normal(size=4000)})
    walk["y"] = walk["y"].ewm(alpha=0.1).mean() * 30 + 700
    walk["split"] = np.digitize(np.arange(4000) / 4000, [0.5, 0.75])
    series = {"column": "y", "type": "timeseries"}
    model = LudwigModel(
        {
            "input_features": [{"name": "past", **series, "preprocessing": {"window_size": 4}}],
            "output_features": [{"name": "y", **series, "preprocessing": {"horizon": 3}, "quantiles": [0.1, 0.9]}],
            "trainer": {"train_steps": 80, "batch_size": 128},
        }
    )
    with pytest.warns(LudwigWarning, match="dropped"):  # the last row
        model.train(walk, output_directory=None)
    test = walk[walk["split"] == 2]
    with pytest.warns(LudwigWarning, match="dropped"):
        statistics, predicted, _ = model.evaluate(test, collect_predictions=True, collect_overall_stats=True)
    values = test["y"].to_numpy()
    low, high = (np.stack(predicted[f"y_quantile_{level}"].iloc[:-3]) for level in (0.1, 0.9))
    after = np.lib.stride_tricks.sliding_window_view(values, 3)[1:]  # [N - 3, 3]
    inside = (low <= after) & (after <= high)
    np.testing.assert_allclose(inside.mean(0), 0.8, atol=0.05)
    assert (np.diff((high - low).mean(0)) > 0).all()
    assert statistics["y"]["interval"]["coverage"] == pytest.approx(inside.mean(), abs=0.002)
