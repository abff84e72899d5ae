"""Forecasts equal the recursion of a process whose formula is known, and that of `predict`."""

import numpy as np
import pandas as pd
import pytest

from ludwig.api import LudwigModel
from ludwig.callbacks import Callback
from ludwig.cli.main import main
from ludwig.error import ArgumentError, InputDataError, LudwigWarning, NotTrainedError, StorageError
from tests.forecast.conftest import series_of, set_linear, step_by_step, trained

A, B, C = 1.2, -0.5, 6.0  # y[t + 1] = A * y[t] + B * y[t - 1] + C


def recursion(values: np.ndarray, steps: int) -> np.ndarray:
    values = [*values]
    for _ in range(steps):
        values.append(A * values[-1] + B * values[-2] + C)
    return np.array(values[-steps:])


def iterated(horizon: int, lags: int) -> tuple[np.ndarray, np.ndarray]:
    """The same process, so many steps at once: coefficients of the lags [horizon, lags] and constants [horizon]."""
    rows, constants = [np.eye(lags)[-2], np.eye(lags)[-1]], [0.0, 0.0]
    for _ in range(horizon):
        rows.append(A * rows[-1] + B * rows[-2])
        constants.append(A * constants[-1] + B * constants[-2] + C)
    return np.array(rows[2:]), np.array(constants[2:])


@pytest.mark.parametrize("horizon", [1, 3, 8])
def test_blocks_of_any_horizon_give_the_recursion_of_the_process(horizon, waves):
    config = {
        "input_features": [series_of("past", "y", window_size=5)],
        "output_features": [series_of("next", "y", horizon=horizon)],
    }
    model = trained(config, waves, 1)
    set_linear(model, "next", *iterated(horizon, 5))
    for steps in (1, horizon, 20):
        found = model.forecast(waves, horizon=steps)
        assert list(found.columns) == ["y"]
        np.testing.assert_allclose(found["y"], recursion(waves["y"], steps), rtol=1e-4)


def test_several_outputs_slide_by_the_shortest_horizon(two_outputs, waves):
    rows, constants = iterated(2, 6)
    set_linear(two_outputs, "next_y", np.pad(rows, ((0, 0), (0, 4))), constants)
    of_z = np.zeros((3, 10))  # z[t + 1] = y[t], and the second step beyond it is another: y[t] + 1
    of_z[:, 5] = 1
    set_linear(two_outputs, "next_z", of_z, np.array([0.0, 1.0, 1000.0]))
    found = two_outputs.forecast(waves, horizon=7)
    assert list(found.columns) == ["y", "z"]
    y = recursion(waves["y"], 7)
    np.testing.assert_allclose(found["y"], y, rtol=1e-4)
    last = waves["y"].iloc[-1]
    np.testing.assert_allclose(found["z"], [last, last + 1, y[1], y[1] + 1, y[3], y[3] + 1, y[5]], rtol=1e-4)


def test_one_step_at_a_time_is_what_predict_gives(simple, waves):
    expected = step_by_step(simple, waves[["y"]], {"y": "next"}, 9)
    np.testing.assert_allclose(simple.forecast(waves, horizon=9), expected, rtol=1e-5)


# -- covariates


def future_of(table: pd.DataFrame, rows: int) -> pd.DataFrame:
    draw = np.random.default_rng(1)
    days = pd.date_range("2024-04-30", periods=rows, freq="D")
    return pd.DataFrame({"x": draw.normal(size=rows), "kind": ["c", "a"] * (rows // 2), "day": days})


@pytest.fixture(scope="module")
def dated(waves: pd.DataFrame) -> pd.DataFrame:
    return waves[["y", "x", "kind"]].assign(day=pd.date_range("2024-01-01", periods=len(waves), freq="D"))


def test_rows_without_a_value_to_forecast_hold_known_covariates(with_covariates, dated):
    future = future_of(dated, 6)
    found = with_covariates.forecast(pd.concat([dated, future], ignore_index=True), horizon=7)
    table, expected = dated, []
    for step in range(7):
        expected.append(step_by_step(with_covariates, table, {"y": "next"}, 1)[0, 0])
        table = pd.concat([table, future.iloc[[min(step, 5)]].assign(y=expected[-1])], ignore_index=True)
    np.testing.assert_allclose(found["y"], expected, rtol=1e-5)
    assert list(found.index) == list(range(120, 127))


def test_what_is_not_known_is_carried_forward_and_dates_go_on(with_covariates, dated):
    with pytest.warns(LudwigWarning, match=r"reads 4 rows after .* of 'x', 'kind': their last values are carried"):
        found = with_covariates.forecast(dated, horizon=5)
    held = pd.concat([dated.iloc[[-1]]] * 4).assign(y=np.nan, day=pd.date_range("2024-04-30", periods=4))
    again = with_covariates.forecast(pd.concat([dated, held], ignore_index=True), horizon=5)
    np.testing.assert_allclose(found, again, rtol=1e-6)


def test_a_column_without_any_value_in_the_future_is_carried_forward_alone(with_covariates, dated):
    future = future_of(dated, 6).assign(x=np.nan)
    with pytest.warns(LudwigWarning, match=r"all values of 'x': their last"):
        found = with_covariates.forecast(pd.concat([dated, future], ignore_index=True), horizon=4)
    future["x"] = dated["x"].iloc[-1]
    again = with_covariates.forecast(pd.concat([dated, future], ignore_index=True), horizon=4)
    np.testing.assert_allclose(found, again, rtol=1e-6)


# -- many series


def test_each_id_is_forecast_as_if_it_were_alone(of_groups, many):
    found = of_groups.forecast(many, horizon=5)
    assert list(found.columns) == ["id", "y"]
    assert list(found["id"]) == ["u"] * 5 + ["v"] * 5 + ["ü"] * 5
    for name in ("u", "v", "ü"):
        own = many[many["id"] == name]
        alone = of_groups.forecast(own, horizon=5)
        np.testing.assert_allclose(found[found["id"] == name]["y"], alone["y"], rtol=1e-5, atol=1e-4)
        expected = _predicted(of_groups, own)
        np.testing.assert_allclose(alone["y"].iloc[:2], expected, rtol=1e-5, atol=1e-4)


def _predicted(model: LudwigModel, table: pd.DataFrame) -> list[float]:
    predicted, _ = model.predict(table)
    return list(predicted["next_predictions"].iloc[-1])


def test_windows_keep_to_their_id_in_prediction(of_groups, many):
    together, _ = of_groups.predict(many)
    for name in ("u", "v", "ü"):
        own = many["id"] == name
        alone, _ = of_groups.predict(many[own])
        np.testing.assert_allclose(
            np.stack(together[own]["next_predictions"]), np.stack(alone["next_predictions"]), rtol=1e-5
        )


def test_ids_are_read_from_a_file_as_they_are_written(waves, tmp_path):
    table = pd.concat([waves.assign(id="01"), waves.assign(id="1")])
    table.to_csv(tmp_path / "t.csv", index=False)
    config = {
        "input_features": [series_of("past", "y", window_size=4, group="id")],
        "output_features": [series_of("next", "y", horizon=1, group="id")],
    }
    model = trained(config, table)
    assert list(model.forecast(str(tmp_path / "t.csv"), horizon=1)["id"]) == ["01", "1"]
    with pytest.raises(InputDataError, match=r"no column 'id' of preprocessing\.group of the input feature 'past'"):
        model.forecast(table.drop(columns="id"))


def test_dates_go_on_in_each_series(of_groups, many):
    dates = pd.date_range("2024-01-01", periods=120, freq="h").repeat(3)
    found = of_groups.forecast(many.set_axis(dates, axis=0), horizon=2)
    assert list(found.index) == [*pd.date_range("2024-01-06", periods=2, freq="h")] * 3


# -- where it goes on


@pytest.mark.parametrize(
    ("index", "after"),
    [
        (pd.RangeIndex(5, 5 + 360, 3), pd.RangeIndex(365, 371, 3)),
        (pd.Index(np.arange(10, 130)), pd.Index([130, 131])),
        (pd.date_range("2024-01-31", periods=120, freq="ME"), pd.DatetimeIndex(["2034-01-31", "2034-02-28"])),
        (pd.DatetimeIndex([*pd.date_range("2024-01-01", periods=120, freq="B")], name="day"), None),
        (pd.period_range("2024-01", periods=120, freq="M"), pd.period_range("2034-01", periods=2, freq="M")),
        (pd.timedelta_range("1h", periods=120, freq="h"), pd.timedelta_range("121h", periods=2, freq="h")),
        (pd.Index([f"row {place}" for place in range(120)]), pd.RangeIndex(2)),
        (pd.Index(np.random.default_rng(0).permutation(120)), pd.RangeIndex(2)),
        (pd.MultiIndex.from_arrays([range(120), range(120)]), pd.RangeIndex(2)),
    ],
    ids=["range", "integers", "month ends", "business days", "periods", "durations", "text", "shuffled", "levels"],
)
def test_the_index_goes_on_where_a_rule_gives_it(simple, waves, index, after):
    found = simple.forecast(waves.set_axis(index, axis=0), horizon=2)
    after = pd.DatetimeIndex(["2024-06-17", "2024-06-18"]) if after is None else after
    assert list(found.index) == list(after)
    assert found.index.name == index.name


def test_a_table_shorter_than_the_window_is_read_as_in_training(simple, waves):
    with pytest.warns(LudwigWarning, match="The data has 2 of the 6 rows that a window takes"):
        found = simple.forecast(waves.iloc[:2], horizon=6)
    np.testing.assert_allclose(found, step_by_step(simple, waves[["y"]].iloc[:2], {"y": "next"}, 6), rtol=1e-5)


@pytest.mark.parametrize("gaps", [[119], [116, 117], [*range(110, 120)]])
def test_missing_values_of_the_last_window_follow_the_strategy(simple, waves, gaps):
    table = waves[["y"]].copy()
    table.loc[gaps, "y"] = np.nan
    found = simple.forecast(table, horizon=3)
    assert list(found.index) == [120, 121, 122]
    np.testing.assert_allclose(found, step_by_step(simple, table, {"y": "next"}, 3), rtol=1e-5)


def test_a_window_that_is_dropped_is_an_error(waves):
    config = {
        "input_features": [series_of("past", "y", window_size=3, missing_value_strategy="drop_row")],
        "output_features": [series_of("next", "y", horizon=1)],
    }
    table = waves.copy()
    table.loc[117:, "y"] = np.nan
    with pytest.raises(InputDataError, match="input 'past' is missing in one row"):
        trained(config, waves, 1).forecast(table)


# -- files


@pytest.mark.parametrize("output_format", ["parquet", "csv"])
def test_what_is_written_is_what_is_returned(of_groups, many, tmp_path, output_format):
    dates = pd.date_range("2024-01-01", periods=120, freq="D", name="day").repeat(3)
    folder = tmp_path / "new" / "ü"
    found = of_groups.forecast(
        many.set_axis(dates, axis=0), horizon=3, output_directory=str(folder), output_format=output_format
    )
    assert [path.name for path in folder.iterdir()] == [f"forecast.{output_format}"]
    if output_format == "csv":
        options = {"index_col": 0, "parse_dates": [0]}
        again = pd.read_csv(folder / "forecast.csv", **options)
    else:
        again = pd.read_parquet(folder / "forecast.parquet")
    pd.testing.assert_frame_equal(again, found, check_freq=False, check_dtype=False, check_index_type=False)


def test_the_command_writes_what_the_model_forecasts(two_outputs, waves, tmp_path, capsys):
    two_outputs.save(str(tmp_path / "model"))
    waves.to_csv(tmp_path / "waves.csv", index=False)
    words = ["-m", tmp_path / "model", "--dataset", tmp_path / "waves.csv", "-n", 4, "-of", "csv", "-od", tmp_path]
    assert main(["forecast", *map(str, words)]) == 0
    assert "4 rows" in capsys.readouterr().out
    found = pd.read_csv(tmp_path / "forecast.csv", index_col=0)
    pd.testing.assert_frame_equal(found, two_outputs.forecast(waves, horizon=4), check_index_type=False, rtol=1e-5)


def test_a_folder_that_cannot_be_made_is_a_storage_error(simple, waves, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        simple.forecast(waves, output_directory=str(tmp_path / "file" / "folder"))


# -- faults


@pytest.mark.parametrize("horizon", [0, -1, 1.5, True, None, "2"])
def test_a_horizon_that_is_no_count_is_refused(simple, waves, horizon):
    with pytest.raises(ArgumentError, match="horizon must be an integer, at least 1"):
        simple.forecast(waves, horizon=horizon)


def test_arguments_are_checked_before_the_data_is_read(simple, tmp_path):
    with pytest.raises(ArgumentError, match=r"no output_format 'cvs'.*mean 'csv'"):
        simple.forecast("nowhere.csv", output_format="cvs", output_directory=str(tmp_path / "new"))
    with pytest.raises(ArgumentError, match="output_directory must be a path"):
        simple.forecast("nowhere.csv", output_directory=3)
    with pytest.raises(ArgumentError, match="give `dataset`"):
        simple.forecast(None)
    assert not (tmp_path / "new").exists()


def test_models_that_forecast_nothing_are_refused(waves, simple):
    with pytest.raises(NotTrainedError):
        LudwigModel(simple.config).forecast(waves)
    numbers = {
        "input_features": [{"name": "x", "type": "number"}],
        "output_features": [{"name": "z", "type": "number"}],
    }
    with pytest.raises(ValueError, match=r"needs a timeseries input .* Its inputs: x \(number\)"):
        trained(numbers, waves, 1).forecast(waves)
    cells = pd.DataFrame({"past": ["1 2 3", "2 3 4", "3 4 5"], "next": ["4 5", "5 6", "6 7"]})
    whole = {
        "input_features": [{"name": "past", "type": "timeseries"}, series_of("y", "y", window_size=2)],
        "output_features": [{"name": "next", "type": "timeseries"}],
    }
    with pytest.raises(ArgumentError, match="has a whole series in each cell"):
        trained(whole, cells.assign(y=[1.0, 2.0, 3.0]), 1).forecast(cells)


def test_no_rows_and_no_values_are_input_errors(simple, with_covariates, of_groups, waves, dated, many):
    with pytest.raises(InputDataError, match="has no rows"):
        simple.forecast(waves.iloc[:0])
    with pytest.raises(InputDataError, match="no value of 'y', so there is nothing to go on from"):
        with_covariates.forecast(dated.assign(y=np.nan))
    with pytest.raises(InputDataError, match=r"no value of 'y' where 'id' is 'v'"):
        of_groups.forecast(many.assign(y=many["y"].where(many["id"] != "v")))


# -- intervals and hooks


def test_intervals_are_ordered_and_those_of_later_calls_are_reported(waves):
    config = {
        "input_features": [series_of("past", "y", window_size=4)],
        "output_features": [{**series_of("next", "y", horizon=3), "quantiles": [0.1, 0.5, 0.9]}],
    }
    model = trained(config, waves)
    names = [f"y_quantile_{level}" for level in (0.1, 0.5, 0.9)]
    found = model.forecast(waves, horizon=3)
    assert list(found.columns) == ["y", *names]
    assert (np.diff(found[names], axis=1) >= 0).all()
    predicted, _ = model.predict(waves)
    for name in names:
        np.testing.assert_allclose(found[name], predicted[name.replace("y", "next", 1)].iloc[-1], rtol=1e-5)
    with pytest.warns(LudwigWarning, match="hold for the first 3 rows"):
        assert (np.diff(model.forecast(waves, horizon=8)[names], axis=1) >= 0).all()


def test_hooks_see_the_data(simple, waves):
    class Seen(Callback):
        def __init__(self) -> None:
            self.events: list[tuple[str, int]] = []

        def on_build_data_start(self, df, mode, **kwargs):
            self.events.append((mode, len(df)))

        def on_build_data_end(self, df, mode, **kwargs):
            self.events.append((mode, len(df)))

    seen = Seen()
    simple.forecast(waves, callbacks=[seen])
    assert seen.events == [("prediction", 120)] * 2
