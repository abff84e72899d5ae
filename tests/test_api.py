"""The facade: what a script relies on."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import metrics

from ludwig.api import LudwigModel, PreprocessedDataset, TrainingResults, TrainingStats
from ludwig.error import ArgumentError, LudwigWarning, NotTrainedError

SKIPS = [
    f"skip_save_{what}"
    for what in ("training_description", "training_statistics", "model", "progress", "log", "processed_input")
]


def config(**sections: object) -> dict:
    return {
        "input_features": [
            {"name": "x", "type": "number"},
            {"name": "c", "type": "category"},
            {"name": "b", "type": "binary"},
        ],
        "output_features": [{"name": "y", "type": "category"}, {"name": "z", "type": "number"}],
        "trainer": {"epochs": 3, "batch_size": 16, "learning_rate": 0.01},
        **sections,
    }


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    x = draw.normal(size=90)
    columns = {"x": x, "c": draw.choice(list("abc"), 90), "b": draw.choice([True, False], 90)}
    return pd.DataFrame({**columns, "y": np.where(x > 0, "up", "down"), "z": 100 + 10 * x})


@pytest.fixture(scope="module")
def trained(table: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> tuple[LudwigModel, TrainingResults]:
    model = LudwigModel(config(trainer={"epochs": 40, "batch_size": 16, "learning_rate": 0.02}))
    return model, model.train(dataset=table, output_directory=str(tmp_path_factory.mktemp("out")))


def test_a_model_is_trained_on_both_targets(trained):
    _, results = trained
    assert results.train_stats.test["y"]["accuracy_micro"][-1] > 0.9
    assert results.train_stats.test["z"]["r2"][-1] > 0.9
    losses = results.train_stats.training["combined"]["loss"]
    assert losses[-1] < losses[0] / 3


def test_a_loaded_model_predicts_the_same_numbers(trained, table):
    model, results = trained
    loaded = LudwigModel.load(f"{results.output_directory}/model")
    pd.testing.assert_frame_equal(loaded.predict(table)[0], model.predict(table)[0])
    assert loaded.config == model.config
    latest = LudwigModel.load(f"{results.output_directory}/model", from_checkpoint=True)
    assert len(latest.predict(table)[0]) == len(table)


def test_evaluation_equals_scikit_learn_for_any_batch_size(trained, table):
    model, _ = trained
    predicted, _ = model.predict(table, return_type=dict)
    labels = model.training_set_metadata["y"]["idx2str"]
    for batch_size in (7, 90, None):
        found, _, _ = model.evaluate(table, batch_size=batch_size)
        y, z = predicted["y"], predicted["z"]["predictions"]
        assert found["y"]["accuracy"] == pytest.approx(metrics.accuracy_score(table.y, y["predictions"]))
        assert found["y"]["accuracy_micro"] == pytest.approx(metrics.accuracy_score(table.y, y["predictions"]))
        of_truth = y["probabilities"][np.arange(len(table)), [labels.index(word) for word in table.y]]
        assert found["y"]["loss"] == pytest.approx(-np.log(of_truth).mean(), rel=1e-4)
        assert found["z"]["r2"] == pytest.approx(metrics.r2_score(table.z, z), rel=1e-4)
        assert found["z"]["mean_squared_error"] == pytest.approx(metrics.mean_squared_error(table.z, z), rel=1e-4)


def test_predictions_need_no_targets_and_keep_the_callers_index(trained, table, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model, _ = trained
    rows = table.drop(columns=["y", "z"]).iloc[5:9].set_axis(["q", "r", "r", "s"])
    predicted, folder = model.predict(rows)
    assert list(predicted.index) == ["q", "r", "r", "s"]
    assert folder == "results"
    assert list(tmp_path.iterdir()) == []  # nothing is written by default


def test_the_columns_of_predictions(trained, table):
    model, _ = trained
    predicted, _ = model.predict(table)
    labels = model.training_set_metadata["y"]["idx2str"]
    names = ["y_predictions", "y_probabilities", "y_probability", *(f"y_probabilities_{word}" for word in labels)]
    assert list(predicted.columns) == [*names, "z_predictions"]
    assert set(predicted.y_predictions) <= {"up", "down"}
    row = predicted.iloc[0]
    assert isinstance(row.y_probabilities, list)
    assert sum(row.y_probabilities) == pytest.approx(1, abs=1e-5)
    assert row.y_probability == pytest.approx(max(row.y_probabilities))
    assert predicted.z_predictions.dtype == np.float64


def test_rows_that_cannot_be_used_come_back_as_nulls(table):
    inputs = [{"name": "x", "type": "number", "preprocessing": {"missing_value_strategy": "drop_row"}}]
    model = LudwigModel(config(input_features=inputs))
    model.train(dataset=table, output_directory=None)
    holes = table.assign(x=table.x.where(~table.index.isin([2, 5])))
    with pytest.warns(LudwigWarning, match="2 of 90 rows dropped: 2 because the input 'x' is missing"):
        predicted, _ = model.predict(holes)
    assert list(np.flatnonzero(predicted.y_predictions.isna())) == [2, 5]
    assert list(np.flatnonzero(predicted.z_predictions.isna())) == [2, 5]
    whole, _ = model.predict(table)
    pd.testing.assert_series_equal(predicted.z_predictions.drop([2, 5]), whole.z_predictions.drop([2, 5]))
    with pytest.warns(LudwigWarning, match="dropped"):
        arrays, _ = model.predict(holes, return_type="dict")
    assert arrays["y"]["predictions"][2] is None
    assert np.isnan(arrays["z"]["predictions"][5])


def test_rows_without_a_target_count_nowhere_in_an_evaluation(trained, table):
    model, _ = trained
    holes = table.assign(y=table.y.where(table.index >= 10))
    with pytest.warns(LudwigWarning, match="10 of 90 rows dropped: 10 because the target 'y' is missing"):
        found, predicted, _ = model.evaluate(holes, collect_predictions=True)
    assert predicted.y_predictions.isna().sum() == 10
    expected = model.evaluate(table.iloc[10:])[0]
    for output, values in expected.items():
        assert found[output] == pytest.approx(values, rel=1e-5)


def test_overall_statistics_on_request(trained, table):
    model, _ = trained
    found, _, _ = model.evaluate(table, collect_overall_stats=True)
    matrix = np.array(found["y"]["confusion_matrix"])
    labels = model.training_set_metadata["y"]["idx2str"]
    predicted = model.predict(table)[0].y_predictions
    np.testing.assert_array_equal(matrix, metrics.confusion_matrix(table.y, predicted, labels=labels))
    assert list(found["y"]["per_class_stats"]) == labels
    json.dumps(found)


def test_a_split_of_the_data_is_the_one_of_training(trained, table):
    model, results = trained
    data = results.preprocessed_data
    for name in ("training", "validation", "test"):
        assert len(model.predict(table, split=name)[0]) == len(getattr(data, f"{name}_set"))
    found = model.evaluate(table, split="test")[0]
    assert found["z"]["r2"] == pytest.approx(results.train_stats.test["z"]["r2"][-1], rel=1e-5)


def test_the_records_unpack_and_index_with_a_warning(trained):
    _, results = trained
    with pytest.warns(DeprecationWarning, match="train_stats"):
        stats, data, folder = results
    assert (stats, data, folder) == (results.train_stats, results.preprocessed_data, results.output_directory)
    with pytest.warns(DeprecationWarning, match="training_set"):
        assert data[0] is data.training_set
    assert isinstance(data, PreprocessedDataset)
    assert isinstance(stats, TrainingStats)
    assert list(stats) == list(stats.keys()) == ["training", "validation", "test"]
    assert dict(stats)["training"] is stats.training
    assert "validation" in stats
    assert stats.get("nothing") is None
    assert len(stats) == 3
    assert (stats.evaluation_frequency.frequency, stats.evaluation_frequency.period) == (1, "epoch")


def test_preprocessed_data_trains_as_raw_data_does(table):
    one, two = LudwigModel(config()), LudwigModel(config())
    data = two.preprocess(dataset=table)
    first, second = one.train(dataset=table, output_directory=None), two.train(dataset=data, output_directory=None)
    assert first.train_stats.training == second.train_stats.training
    assert len(data.training_set.to_df()) == len(data.training_set) == 63
    three = LudwigModel(config())
    sets = {"training_set": data.training_set, "validation_set": data.validation_set, "test_set": data.test_set}
    third = three.train(**sets, training_set_metadata=data.training_set_metadata, output_directory=None)
    assert third.train_stats.training == first.train_stats.training


def test_separate_sets_are_used_as_they_are(table):
    results = LudwigModel(config()).train(
        training_set=table.iloc[:60], validation_set=table.iloc[60:], output_directory=None
    )
    data = results.preprocessed_data
    assert (len(data.training_set), len(data.validation_set), data.test_set) == (60, 30, None)
    assert results.train_stats.test == {}


def test_a_split_column_is_used_when_it_is_there(table):
    data = LudwigModel(config()).preprocess(dataset=table.assign(split=np.repeat([0, 1, 2], 30)))
    assert [len(part) for part in (data.training_set, data.validation_set, data.test_set)] == [30, 30, 30]


def test_preprocessing_is_fitted_on_the_training_split_only(table):
    wild = table.assign(split=np.repeat([0, 1, 2], 30))
    wild.loc[30:, "x"] = 1e6
    metadata = LudwigModel(config()).preprocess(dataset=wild).training_set_metadata
    assert metadata["x"]["mean"] == pytest.approx(table.x[:30].mean())
    assert metadata["x"]["max"] < 100


def test_the_same_seed_gives_the_same_model_and_another_seed_another(table):
    losses = []
    for seed in (1, 1, 2):
        results = LudwigModel(config()).train(dataset=table, output_directory=None, random_seed=seed)
        losses.append(results.train_stats.validation["combined"]["loss"])
    assert losses[0] == losses[1] != losses[2]


def test_files_of_data_are_preprocessed_once(table, tmp_path):
    table.to_csv(tmp_path / "t.csv", index=False)
    path = str(tmp_path / "t.csv")
    first = LudwigModel(config()).train(dataset=path, output_directory=str(tmp_path))
    (kept,) = tmp_path.glob("t.*.hdf5")
    before = kept.stat().st_ino
    second = LudwigModel(config()).train(dataset=path, output_directory=str(tmp_path))
    assert kept.stat().st_ino == before  # not written again
    assert first.train_stats.validation == second.train_stats.validation
    LudwigModel(config()).train(dataset=path, output_directory=str(tmp_path), random_seed=7)
    assert len(list(tmp_path.glob("t.*.hdf5"))) == 2  # the split depends on the seed
    named = LudwigModel(config()).train(dataset=str(kept), data_format="hdf5", output_directory=None)
    assert named.train_stats.validation == first.train_stats.validation


def test_nothing_is_written_when_all_is_skipped(table, tmp_path):
    LudwigModel(config()).train(dataset=table, output_directory=str(tmp_path), **dict.fromkeys(SKIPS, True))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("flag", "gone"),
    [
        ("training_description", ["description.json"]),
        ("training_statistics", ["training_statistics.json"]),
        ("model", ["model/model_weights.safetensors", "model_card.md", "training_report.json"]),
        ("progress", ["model/training_progress.json", "model/training_checkpoints/latest.ckpt"]),
        ("log", ["model/logs"]),
    ],
)
def test_each_flag_leaves_out_its_files(flag, gone, table, tmp_path):
    runs = [
        Path(LudwigModel(config()).train(dataset=table, output_directory=str(tmp_path), **skips).output_directory)
        for skips in ({}, {f"skip_save_{flag}": True})
    ]
    assert [run.name for run in runs] == ["api_experiment_run", "api_experiment_run_0"]
    for name in gone:
        assert name == "model/logs" or (runs[0] / name).exists()
        assert not (runs[1] / name).exists()


def test_an_experiment_evaluates_the_test_split(table, tmp_path):
    found, stats, data, folder = LudwigModel(config()).experiment(dataset=table, output_directory=str(tmp_path))
    assert Path(folder).name == "experiment_run"
    assert "confusion_matrix" in found["y"]
    assert len(pd.read_parquet(f"{folder}/predictions.parquet")) == len(data.test_set)
    assert found["z"]["r2"] == pytest.approx(stats.test["z"]["r2"][-1])
    assert json.loads(Path(folder, "test_statistics.json").read_text(encoding="utf-8"))["combined"] == found["combined"]
    with pytest.warns(LudwigWarning, match="The test split has no rows"):
        only = LudwigModel(config()).experiment(training_set=table, output_directory=str(tmp_path), skip_save_log=True)
    assert only[0] is None


def test_online_training_goes_on_from_call_to_call(table):
    model = LudwigModel(config(trainer={"batch_size": 16, "learning_rate": 0.02}))
    losses = []
    for _ in range(6):
        assert model.train_online(dataset=table) is None
        losses.append(model.evaluate(table)[0]["combined"]["loss"])
    assert losses[-1] < losses[0] / 2


def test_training_again_keeps_facts_and_weights(table):
    model = LudwigModel(config())
    model.train(dataset=table, output_directory=None)
    before = model.training_set_metadata["x"]
    with pytest.warns(LudwigWarning, match="it keeps its vocabularies, scales and weights"):
        results = model.train(dataset=table.assign(x=table.x * 5), output_directory=None)
    assert model.training_set_metadata["x"] == before
    first = LudwigModel(config()).train(dataset=table, output_directory=None).train_stats
    assert results.train_stats.training["y"]["loss"][0] < first.training["y"]["loss"][0]


def test_weights_can_be_looked_at(trained):
    model, _ = trained
    weights = model.collect_weights()
    assert isinstance(weights, list)
    name, tensor = weights[0]
    assert isinstance(tensor, torch.Tensor)
    (again,) = model.collect_weights([name])
    assert again[1].data_ptr() == tensor.data_ptr()
    with pytest.raises(ArgumentError, match="no tensor"):
        model.collect_weights(["nothing"])


def test_a_bare_network_of_a_config():
    inputs = [{"name": "x", "type": "number"}, {"name": "b", "type": "binary"}]
    inputs[0]["encoder"] = "passthrough"
    outputs = [{"name": "z", "type": "number"}]
    network = LudwigModel.create_model({"input_features": inputs, "output_features": outputs, "combiner": "concat"})
    assert sum(weight.numel() for weight in network.parameters()) == 3
    with pytest.raises(NotTrainedError, match="'c' needs preprocessing state"):
        LudwigModel.create_model(config())


def test_setting_a_bad_config_changes_nothing():
    model = LudwigModel(config())
    before = model.config
    with pytest.raises(ValueError, match="Unknown parameter"):
        model.config = {**config(), "foo": 1}
    assert model.config == before
    model.config = config(trainer={"epochs": 9})
    assert model.config["trainer"]["epochs"] == 9


def test_a_keyword_of_another_method_warns_and_an_unknown_one_is_refused(table):
    model = LudwigModel(config())
    with pytest.warns(UserWarning, match="'split', so it has no effect"):
        model.train(dataset=table, output_directory=None, split="test")
    with pytest.raises(ArgumentError, match=r"no parameter 'random_sed'. Did you mean 'random_seed'"):
        model.train(dataset=table, random_sed=1)


def test_the_callers_data_and_config_are_never_changed(table):
    given, raw = table.copy(), config()
    before = json.dumps(raw)
    model = LudwigModel(raw)
    model.train(dataset=given, output_directory=None)
    model.predict(given)
    pd.testing.assert_frame_equal(given, table)
    assert json.dumps(raw) == before


def test_no_sound_at_the_default_level(table, capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        LudwigModel(config()).train(dataset=table, output_directory=None)
    said = capsys.readouterr()
    assert said.out == said.err == ""
