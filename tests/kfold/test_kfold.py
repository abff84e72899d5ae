"""Models are trained fold by fold: nothing of the test rows enters, and what is returned and kept is right."""

from __future__ import annotations

import functools
import inspect
import json
import logging
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import RepeatedKFold, TimeSeriesSplit

from ludwig.api import LudwigModel, kfold_cross_validate
from ludwig.callbacks import Callback
from ludwig.error import ArgumentError, InputDataError, LudwigWarning, NoSuchFileError, StorageError
from ludwig.features.number import NumberFeature
from ludwig.kfold import save_spread

ROWS, FOLDS = 60, 3
X = np.sin(np.arange(ROWS) * 1.7)
TABLE = pd.DataFrame(
    {
        "x": X,
        "word": [f"only{row}" if row % 4 == 0 else "usual" for row in range(ROWS)],
        "y": np.where(X > 0.2, "high", "low"),
        "z": 3 * X + np.cos(np.arange(ROWS)),
    },
    index=pd.Index([f"row {row}" for row in range(ROWS)], name="id"),
)
CONFIG = {
    "input_features": [
        {"name": "x", "type": "number", "preprocessing": {"normalization": "zscore"}},
        {"name": "word", "type": "category"},
    ],
    "output_features": [{"name": "y", "type": "category"}, {"name": "z", "type": "number"}],
    "combiner": {"type": "concat", "num_fc_layers": 1, "output_size": 6},
    "trainer": {"epochs": 2, "batch_size": 20, "learning_rate": 0.02},
}
NOTHING = {
    name: True
    for name in inspect.signature(kfold_cross_validate).parameters
    if name.startswith("skip_save") and name != "skip_save_processed_input"
}
SHARES = {"split": {"type": "random", "probabilities": [0.8, 0, 0.2]}}

cross_validated = functools.partial(kfold_cross_validate, logging_level=logging.ERROR)
unsaved = functools.partial(cross_validated, **NOTHING, skip_collect_overall_stats=True)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, dict, Path]:
    """All folds kept, without validation rows: all that is not tested is trained on."""
    folder = tmp_path_factory.mktemp("kfold")
    config = {**CONFIG, "preprocessing": SHARES}
    given = TABLE.copy()
    found = cross_validated(
        FOLDS, config, given, output_directory=str(folder), skip_save_log=True, collect_out_of_fold_predictions=True
    )
    pd.testing.assert_frame_equal(given, TABLE)
    return *found, folder / "kfold_run"


class TestLeakage:
    def test_preprocessing_is_fitted_on_the_training_rows_of_each_fold(self, run):
        _, indices, folder = run
        for name, rows in indices.items():
            fitted = json.loads((folder / name / "model" / "training_set_metadata.json").read_text(encoding="utf-8"))
            training = TABLE.iloc[rows["training_indices"]]
            assert fitted["x"]["mean"] == pytest.approx(training["x"].mean(), rel=1e-6)
            assert fitted["x"]["std"] == pytest.approx(training["x"].std(ddof=0), rel=1e-6)
            assert fitted["z"]["mean"] == pytest.approx(training["z"].mean(), rel=1e-6)
            counts = {word: n for word, n in fitted["word"]["str2freq"].items() if not word.startswith("<")}
            assert counts == training["word"].value_counts().to_dict()

    def test_a_word_of_the_test_rows_alone_is_unknown_to_their_model(self, run):
        _, indices, folder = run
        for name, rows in indices.items():
            text = (folder / name / "model" / "training_set_metadata.json").read_text(encoding="utf-8")
            alone = set(TABLE["word"].iloc[rows["test_indices"]]) - {"usual"}
            assert alone
            assert not any(f'"{word}"' in text for word in alone)

    def test_what_the_test_rows_hold_changes_nothing_of_the_model(self, run):
        statistics, indices, _ = run
        rows = indices["fold_2"]["test_indices"]
        other = TABLE.copy()
        other.iloc[rows, TABLE.columns.get_loc("x")] = 1e6
        other.iloc[rows[:9], TABLE.columns.get_loc("word")] = "other"
        again, _ = unsaved(FOLDS, {**CONFIG, "preprocessing": SHARES}, other)
        assert again["fold_2"]["training"] == statistics["fold_2"]["training"]
        assert again["fold_1"]["training"] != statistics["fold_1"]["training"]

    def test_cells_are_not_filled_from_test_rows_nor_series_read_from_them(self):
        """Each odd row is missing; what its neighbours are tested with must not reach it, and no horizon the test."""
        table = pd.DataFrame({"x": np.where(np.arange(60) % 2, np.nan, np.arange(60.0)), "t": np.arange(60)})
        table["s"] = np.cos(table["t"])
        series = {"name": "future", "type": "timeseries", "column": "s", "preprocessing": {"horizon": 3}}
        fills = {"name": "x", "type": "number", "preprocessing": {"missing_value_strategy": "bfill"}}
        config = {**CONFIG, "input_features": [fills], "output_features": [series], "preprocessing": SHARES}
        options = {"fold_type": "time", "fold_column": "t"}
        with pytest.warns(LudwigWarning):  # of rows whose horizon is not there
            one, indices = unsaved(2, config, table, **options)
        other = table.copy()
        other.loc[indices["fold_1"]["test_indices"], ["x", "s"]] = -1e3
        with pytest.warns(LudwigWarning):
            two, _ = unsaved(2, config, other, **options)
        assert one["fold_1"]["training"] == two["fold_1"]["training"]
        assert one["fold_1"]["fold_eval_stats"] != two["fold_1"]["fold_eval_stats"]


class TestResult:
    def test_statistics_and_indices_have_the_documented_form(self, run):
        statistics, indices, _ = run
        names = [f"fold_{number}" for number in range(1, FOLDS + 1)]
        assert list(statistics) == [*names, "overall", "out_of_fold_predictions"]
        for name in names:
            assert {"training", "validation", "test", "evaluation_frequency", "fold_eval_stats"} == set(
                statistics[name]
            )
            assert statistics[name]["evaluation_frequency"] == {"frequency": 1.0, "period": "epoch"}
            assert len(statistics[name]["training"]["y"]["loss"]) == 2
            assert statistics[name]["validation"] == {}
            assert "confusion_matrix" in statistics[name]["fold_eval_stats"]["y"]
            assert all(isinstance(rows, np.ndarray) for rows in indices[name].values())
        assert set(indices) == set(names)

    def test_overall_numbers_are_those_of_numpy(self, run):
        statistics, _, _ = run
        folds = [statistics[f"fold_{number}"]["fold_eval_stats"] for number in range(1, FOLDS + 1)]
        for output in ("y", "z", "combined"):
            scalars = {name for name, value in folds[0][output].items() if isinstance(value, float)}
            assert {f"{name}_{what}" for name in scalars for what in ("mean", "std")} == set(
                statistics["overall"][output]
            )
            for name in scalars:
                values = [fold[output][name] for fold in folds]
                assert statistics["overall"][output][f"{name}_mean"] == pytest.approx(np.mean(values))
                assert statistics["overall"][output][f"{name}_std"] == pytest.approx(np.std(values))

    def test_the_scores_are_those_of_the_out_of_fold_predictions(self, run):
        statistics, indices, _ = run
        found = statistics["out_of_fold_predictions"]
        for name, rows in indices.items():
            right = (found["y_predictions"] == TABLE["y"]).iloc[rows["test_indices"]].mean()
            assert statistics[name]["fold_eval_stats"]["y"]["accuracy"] == pytest.approx(right)

    def test_out_of_fold_predictions_are_those_of_the_saved_models_with_the_callers_index(self, run):
        statistics, indices, folder = run
        found = statistics["out_of_fold_predictions"]
        pd.testing.assert_index_equal(found.index, TABLE.index)
        for name, rows in indices.items():
            test = TABLE.iloc[rows["test_indices"]].drop(columns=["y", "z"])
            expected, _ = LudwigModel.load(str(folder / name / "model")).predict(test)
            ours = found.loc[expected.index]
            columns = [name for name in expected if name != "y_probabilities"]
            pd.testing.assert_frame_equal(ours[columns], expected[columns], rtol=1e-5)
        classes = [name for name in found if name.startswith("y_probabilities_")]
        assert found["y_probabilities"].tolist() == found[classes].to_numpy().tolist()  # one order for all folds

    def test_a_second_call_gives_the_same(self, run):
        statistics, indices, _ = run
        again, rows = unsaved(FOLDS, {**CONFIG, "preprocessing": SHARES}, TABLE, collect_out_of_fold_predictions=True)
        assert again["overall"] == statistics["overall"]
        assert "confusion_matrix" not in again["fold_1"]["fold_eval_stats"]["y"]
        pd.testing.assert_frame_equal(again["out_of_fold_predictions"], statistics["out_of_fold_predictions"])
        assert all(np.array_equal(rows[n]["test_indices"], indices[n]["test_indices"]) for n in rows)

    def test_rows_that_no_fold_tests_or_that_have_no_target_are_null(self):
        table = TABLE.assign(y=TABLE["y"].where(TABLE.index != "row 59"))
        with pytest.warns(LudwigWarning, match="rows? dropped"):
            statistics, indices = unsaved(
                2, CONFIG, table, splitter=TimeSeriesSplit(2), collect_out_of_fold_predictions=True
            )
        tested = np.concatenate([rows["test_indices"] for rows in indices.values()])
        missing = statistics["out_of_fold_predictions"]["y_predictions"].isna()
        assert set(np.flatnonzero(missing)) == {*range(ROWS)} - {*tested.tolist()} | {59}

    def test_a_fold_without_a_target_among_its_test_rows_counts_nowhere(self):
        class Splitter:
            def split(self, X: object, y: object = None, groups: object = None) -> list[tuple[np.ndarray, np.ndarray]]:
                return [(np.arange(20, ROWS), np.arange(10)), (np.arange(20, ROWS), np.arange(10, 20))]

        table = TABLE.assign(y=TABLE["y"].where(np.arange(ROWS) >= 10))
        with pytest.warns(LudwigWarning) as caught:
            statistics, _ = unsaved(2, CONFIG, table, splitter=Splitter(), collect_out_of_fold_predictions=True)
        assert any("fold_1 has no test row that can be used" in str(each.message) for each in caught)
        second = statistics["fold_2"]["fold_eval_stats"]
        assert statistics["fold_1"]["fold_eval_stats"] == {}
        assert statistics["overall"]["y"]["accuracy_mean"] == second["y"]["accuracy"]
        assert statistics["out_of_fold_predictions"]["y_predictions"].notna().sum() == 10

    def test_a_class_that_a_fold_was_not_trained_on_has_no_probability_there(self):
        table = TABLE.assign(y=np.where(np.arange(ROWS) < 30, TABLE["y"], "third"), half=np.arange(ROWS) // 30)
        table.loc[table.index[:4], "half"] = 1
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LudwigWarning)
            statistics, _ = unsaved(
                2, CONFIG, table, fold_type="group", fold_column="half", collect_out_of_fold_predictions=True
            )
        found = statistics["out_of_fold_predictions"]
        classes = [name for name in found if name.startswith("y_probabilities_")]
        assert len(classes) == 3
        assert (found["y_probabilities_third"] == 0).any()
        assert np.allclose(found[classes].sum(axis=1), 1, atol=1e-3)
        assert found["y_probabilities"].map(len).eq(3).all()

    def test_validation_rows_let_training_stop_early(self):
        config = {**CONFIG, "trainer": {**CONFIG["trainer"], "epochs": 60, "early_stop": 1, "learning_rate": 0.3}}
        statistics, indices = unsaved(2, config, TABLE)
        assert len(statistics["fold_1"]["validation"]["y"]["loss"]) < 60
        assert len(indices["fold_1"]["training_indices"]) == ROWS / 2


class TestFolders:
    def test_each_fold_has_its_own_with_all_that_is_not_skipped(self, run):
        *_, folder = run
        for number in range(1, FOLDS + 1):
            files = {path.name for path in (folder / f"fold_{number}").iterdir()}
            assert {"description.json", "training_statistics.json", "test_statistics.json", "model"} <= files
            assert "predictions.parquet" in files
            assert not (folder / f"fold_{number}" / "model" / "logs").exists()

    def test_saved_predictions_have_the_positions_of_their_rows(self, run):
        _, indices, folder = run
        table = pd.read_parquet(folder / "fold_1" / "predictions.parquet")
        assert np.array_equal(table.index, indices["fold_1"]["test_indices"])

    def test_nothing_is_written_where_all_is_skipped(self, tmp_path):
        unsaved(2, CONFIG, TABLE, output_directory=str(tmp_path / "runs"))
        assert not list(tmp_path.iterdir())

    def test_predictions_alone_lie_in_the_folder_of_their_fold(self, tmp_path):
        skips = {**NOTHING, "skip_save_predictions": False}
        cross_validated(2, CONFIG, TABLE, output_directory=str(tmp_path), **skips)
        cross_validated(2, CONFIG, TABLE, output_directory=str(tmp_path), **{**NOTHING, "skip_save_eval_stats": False})
        parquet = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.parquet")}
        assert parquet == {f"kfold_run/fold_{number}/predictions.parquet" for number in (1, 2)}
        files = {path.relative_to(tmp_path / "kfold_run_0").as_posix() for path in tmp_path.glob("kfold_run_0/*/*")}
        assert files == {f"fold_{number}/test_statistics.json" for number in (1, 2)}


class TestSources:
    def test_a_path_and_a_dict_give_what_a_table_gives(self, tmp_path):
        TABLE.to_csv(tmp_path / "table.csv", index=False)
        expected, _ = unsaved(2, CONFIG, TABLE)
        for source in (str(tmp_path / "table.csv"), TABLE.to_dict("list")):
            assert unsaved(2, CONFIG, source)[0]["overall"] == expected["overall"]
        assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]

    def test_a_file_is_read_once(self, tmp_path):
        class Removes(Callback):
            def on_preprocess_end(self, *args: object) -> None:
                (tmp_path / "table.csv").unlink(missing_ok=True)

        TABLE.assign(group=np.arange(ROWS) % 5).to_csv(tmp_path / "table.csv", index=False)
        options = {"fold_type": "group", "fold_column": "group", "callbacks": [Removes()]}
        _, indices = unsaved(3, CONFIG, str(tmp_path / "table.csv"), **options)
        groups = [{row % 5 for row in rows["test_indices"].tolist()} for rows in indices.values()]
        assert sum(map(len, groups)) == 5

    def test_columns_are_parsed_once(self, monkeypatch):
        parsed: list[str] = []
        before = NumberFeature.parse

        def counted(self: NumberFeature, column: pd.Series) -> object:
            parsed.append(self.name)
            return before(self, column)

        monkeypatch.setattr(NumberFeature, "parse", counted)
        unsaved(3, CONFIG, TABLE)
        assert sorted(parsed) == ["x", "z"]

    def test_preprocessed_data_is_refused(self, tmp_path):
        (tmp_path / "table.hdf5").write_bytes(b"anything")
        with pytest.raises(InputDataError, match="Pass the table that it was made from"):
            unsaved(2, CONFIG, str(tmp_path / "table.hdf5"))
        with pytest.raises(InputDataError, match="Pass the table that it was made from"):
            unsaved(2, CONFIG, LudwigModel(CONFIG).preprocess(TABLE))

    @pytest.mark.parametrize(
        ("source", "kind", "message"),
        [
            (None, ArgumentError, "There is no data"),
            (TABLE.head(0), InputDataError, "no rows"),
            (TABLE.head(1), InputDataError, "one row"),
            (TABLE.drop(columns="x"), InputDataError, "no column 'x'"),
            ("absent.csv", NoSuchFileError, "absent.csv"),
        ],
    )
    def test_bad_data_leaves_nothing_behind(self, source, kind, message, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(kind, match=message):
            kfold_cross_validate(2, CONFIG, source)
        assert not list(tmp_path.iterdir())


def test_a_fold_that_cannot_be_trained_is_found_before_any_is(tmp_path):
    class Splitter:
        def split(self, X: object, y: np.ndarray, groups: object = None) -> list[tuple[np.ndarray, np.ndarray]]:
            rows = np.arange(ROWS)
            return [(rows[::2], rows[1::2]), (np.flatnonzero(y == "high"), np.flatnonzero(y == "low"))]

    with pytest.raises(InputDataError, match="fold_2: The output feature 'y' has one class only"):
        cross_validated(2, CONFIG, TABLE, splitter=Splitter(), output_directory=str(tmp_path))
    assert not list(tmp_path.iterdir())


class TestArguments:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"fold_types": "time"}, "no parameter 'fold_types'. Did you mean 'fold_type'"),
            ({"num_processes": 0}, "num_processes must be an integer, at least 1"),
            ({"random_seed": -1}, "random_seed must be"),
            ({"output_directory": ""}, "output_directory must be a path"),
            ({"collect_out_of_fold_predictions": True, "skip_collect_predictions": True}, "cannot go together"),
            ({"num_processes": 2, "callbacks": [Callback()]}, "Set num_processes to 1"),
            (
                {"splitter": RepeatedKFold(n_splits=2, n_repeats=1), "collect_out_of_fold_predictions": True, "num": 4},
                "no parameter 'num'",
            ),
        ],
    )
    def test_what_does_not_fit_is_refused_before_anything_is_written(self, options, message, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(ArgumentError, match=message):
            kfold_cross_validate(2, CONFIG, TABLE, **options)
        assert not list(tmp_path.iterdir())

    def test_rows_that_are_tested_twice_have_no_single_prediction(self):
        splitter = RepeatedKFold(n_splits=2, n_repeats=2)
        with pytest.raises(ArgumentError, match="tests some rows in several folds"):
            unsaved(4, CONFIG, TABLE, splitter=splitter, collect_out_of_fold_predictions=True)

    def test_a_keyword_of_another_call_has_no_effect_and_gives_a_warning(self):
        with pytest.warns(UserWarning, match="does not use 'experiment_name'"), pytest.raises(ArgumentError):
            kfold_cross_validate(1, CONFIG, TABLE, experiment_name="mine")

    def test_callbacks_hear_of_every_fold(self):
        class Hears(Callback):
            heard: list[str] = []

            def on_preprocess_end(self, *args: object) -> None:
                self.heard.append("data")

            def on_train_end(self, *args: object) -> None:
                self.heard.append("trained")

        unsaved(2, CONFIG, TABLE, callbacks=[Hears()])
        assert Hears.heard == ["data", "trained"] * 2

    def test_a_folder_that_cannot_be_made_is_an_error_of_storage(self, tmp_path):
        (tmp_path / "file").write_text("", encoding="utf-8")
        with pytest.raises(StorageError):
            cross_validated(2, CONFIG, TABLE, output_directory=str(tmp_path / "file"))


@pytest.mark.slow
def test_folds_in_several_processes_give_what_they_give_one_after_the_other(run, tmp_path):
    statistics, indices, _ = run
    config = {**CONFIG, "preprocessing": SHARES}
    again, rows = cross_validated(
        FOLDS, config, TABLE, num_processes=2, output_directory=str(tmp_path), collect_out_of_fold_predictions=True
    )
    assert again["overall"] == statistics["overall"]
    assert all(again[name]["training"] == statistics[name]["training"] for name in indices)
    assert all(np.array_equal(rows[name]["test_indices"], indices[name]["test_indices"]) for name in indices)
    pd.testing.assert_frame_equal(again["out_of_fold_predictions"], statistics["out_of_fold_predictions"])
    assert sorted(path.name for path in (tmp_path / "kfold_run").iterdir()) == ["fold_1", "fold_2", "fold_3"]


class TestPicture:
    def test_it_is_drawn_from_the_statistics(self, run, tmp_path):
        pytest.importorskip("matplotlib")
        statistics, _, _ = run
        path = save_spread(statistics, tmp_path / "folder" / "spread.png")
        assert path.read_bytes()[:4] == b"\x89PNG"
        assert path.stat().st_size > 10_000

    def test_names_of_any_alphabet_and_metrics_that_are_not_finite_are_no_obstacle(self, tmp_path):
        pytest.importorskip("matplotlib")
        folds = {
            f"fold_{n}": {"fold_eval_stats": {"a$b": {"loss": n, "r2": np.nan}, "combined": {"loss": n}}}
            for n in (1, 2)
        }
        assert save_spread(folds, tmp_path / "spread.png").exists()

    def test_other_statistics_are_refused(self, tmp_path):
        pytest.importorskip("matplotlib")
        with pytest.raises(ArgumentError, match="kfold_cross_validate returned"):
            save_spread({"overall": {}}, tmp_path / "spread.png")


def test_the_process_is_left_as_it_was():
    before = np.random.get_state()[1].copy(), warnings.filters.copy(), logging.getLogger("ludwig").level
    unsaved(2, CONFIG, TABLE)
    assert np.array_equal(np.random.get_state()[1], before[0])
    assert (warnings.filters, logging.getLogger("ludwig").level) == before[1:]
