"""Backtests against forecasts of the cut tables, and scores by numpy."""

import numpy as np
import pandas as pd
import pytest

from ludwig.error import ArgumentError, InputDataError, LudwigWarning
from ludwig.forecast import backtest

SEASON, HORIZON, STRIDE, ORIGINS = 8, 5, 3, 4
CUTS = [120 - HORIZON - STRIDE * back for back in (3, 2, 1, 0)]


@pytest.fixture(scope="module")
def report(simple, waves):
    dated = waves.set_axis(pd.date_range("2024-01-01", periods=120, freq="D"), axis=0)
    return backtest(simple, dated, horizon=HORIZON, origins=ORIGINS, stride=STRIDE, season=SEASON)


def naive(values: np.ndarray, cut: int) -> np.ndarray:
    return np.array([values[cut + step - SEASON * (step // SEASON + 1)] for step in range(HORIZON)])


def test_each_cut_off_is_a_forecast_of_the_rows_up_to_it(report, simple, waves):
    found = report.forecasts
    assert len(found) == ORIGINS * HORIZON
    assert list(found["step"]) == [1, 2, 3, 4, 5] * ORIGINS
    for cut in CUTS:
        rows = found[found["cutoff"] == pd.Timestamp("2024-01-01") + pd.Timedelta(cut - 1, "D")]
        np.testing.assert_allclose(rows["forecast"], simple.forecast(waves.iloc[:cut], horizon=HORIZON)["y"], rtol=1e-6)
        np.testing.assert_array_equal(rows["actual"], waves["y"].iloc[cut : cut + HORIZON])
        np.testing.assert_array_equal(rows["seasonal_naive"], naive(waves["y"].to_numpy(), cut))


def test_scores_are_those_of_numpy(report, waves):
    values, found = waves["y"].to_numpy(), report.forecasts
    past = values[: CUTS[0]]
    scale = np.abs(past[SEASON:] - past[:-SEASON]).mean()
    for system in ("forecast", "seasonal_naive"):
        errors = (found[system] - found["actual"]).to_numpy()
        sizes = (found[system].abs() + found["actual"].abs()).to_numpy()
        scores = report.scores.loc[("y", system)]
        assert scores["mean_absolute_error"] == pytest.approx(np.abs(errors).mean())
        assert scores["root_mean_squared_error"] == pytest.approx(np.sqrt((errors**2).mean()))
        assert scores["symmetric_mean_absolute_percentage_error"] == pytest.approx((2 * np.abs(errors) / sizes).mean())
        assert scores["mean_absolute_scaled_error"] == pytest.approx(np.abs(errors).mean() / scale)
        assert scores["rows"] == ORIGINS * HORIZON
    third = found[found["step"] == 3]
    assert report.by_step().loc[("y", 3), "forecast"] == pytest.approx(
        (third["forecast"] - third["actual"]).abs().mean()
    )


def test_a_season_repeats_within_the_horizon(simple, waves):
    found = backtest(simple, waves, horizon=5, origins=1, season=2).forecasts
    before, last = waves["y"].iloc[113], waves["y"].iloc[114]
    np.testing.assert_array_equal(found["seasonal_naive"], [before, last, before, last, before])


def test_rows_without_an_actual_value_do_not_count(simple, waves):
    table = waves.copy()
    table.loc[117, "y"] = np.nan
    report = backtest(simple, table, horizon=5, origins=1)
    assert report.scores["rows"].tolist() == [4, 4]
    assert np.isfinite(report.scores.to_numpy()).all()


def test_each_series_has_cut_offs_and_a_scale_of_its_own(of_groups, many):
    report = backtest(of_groups, many, horizon=4, origins=2, season=SEASON)
    found = report.forecasts
    assert found.groupby("id", sort=False).size().to_dict() == {"u": 8, "v": 8, "ü": 8}
    scaled = []
    for name in ("u", "v", "ü"):
        own = many[many["id"] == name]
        alone = backtest(of_groups, own, horizon=4, origins=2, season=SEASON)
        np.testing.assert_allclose(found[found["id"] == name]["forecast"], alone.forecasts["forecast"], rtol=1e-4)
        scaled.append(alone.scores.loc[("y", "forecast"), "mean_absolute_scaled_error"])
    assert report.scores.loc[("y", "forecast"), "mean_absolute_scaled_error"] == pytest.approx(
        np.mean(scaled), rel=1e-4
    )


def test_only_covariates_that_are_named_are_read_after_a_cut_off(with_covariates, waves):
    table = waves[["y", "x", "kind"]].assign(day=pd.date_range("2024-01-01", periods=120, freq="D"))
    cut = table.copy()
    cut.loc[115:, ["y", "x", "kind"]] = np.nan
    with pytest.warns(LudwigWarning, match="of 'kind': .* known beforehand in `known`"):
        found = backtest(with_covariates, table, horizon=5, origins=1, known=["x"]).forecasts
    cut["x"] = table["x"]
    with pytest.warns(LudwigWarning, match="'kind'"):
        expected = with_covariates.forecast(cut, horizon=5)
    np.testing.assert_allclose(found["forecast"], expected["y"], rtol=1e-6)
    found = backtest(with_covariates, table, horizon=5, origins=1, known=["x", "kind", "day"]).forecasts
    cut["kind"] = table["kind"]
    np.testing.assert_allclose(found["forecast"], with_covariates.forecast(cut, horizon=5)["y"], rtol=1e-6)


def test_several_outputs_are_reported_each(two_outputs, waves):
    report = backtest(two_outputs, waves, origins=3)
    assert list(report.scores.index) == [(c, s) for c in ("y", "z") for s in ("forecast", "seasonal_naive")]
    assert len(report.forecasts) == 2 * 3 * 2  # the shortest horizon is 2


def test_arguments_are_checked(simple, with_covariates, waves):
    for wrong in ({"horizon": 0}, {"origins": 0}, {"stride": 0}, {"season": 0}, {"season": 1.5}):
        with pytest.raises(ArgumentError, match=f"{next(iter(wrong))} must be an integer"):
            backtest(simple, waves, **wrong)
    with pytest.raises(ArgumentError, match="known must be a list of columns"):
        backtest(simple, waves, known="x")
    with pytest.raises(ArgumentError, match=r"known names 'kin', .*mean 'kind'\? Choose among: x, kind, day"):
        backtest(with_covariates, waves, known=["kin"])
    with pytest.raises(InputDataError, match=r"horizon of 200 and a season of 1 take 201 rows .* has 120 rows"):
        backtest(simple, waves, horizon=200)
    with pytest.warns(LudwigWarning, match="2 of 5 cut-offs are left out"):
        assert len(backtest(simple, waves, horizon=30, season=12).forecasts) == 90
