"""`trainer.sample_weight`: a row of weight 2 counts as two rows, in training, evaluation and calibration."""

import logging

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from ludwig.api import LudwigModel
from ludwig.error import InputDataError, LudwigWarning
from ludwig.inference.baseline import baselines

PLAIN = {
    "input_features": [{"name": "x", "type": "number", "encoder": "dense"}],
    "combiner": {"type": "concat"},
    "output_features": [{"name": "y", "type": "number"}],
}


def config(output: dict | None = None, **trainer: object) -> dict:
    settings = {**PLAIN, "trainer": {"sample_weight": "w", "train_steps": 60, **trainer}}
    return settings | ({"output_features": [output]} if output else {})


def opposed(rows: int = 1200) -> pd.DataFrame:
    """Two kinds of rows of which each shows the opposite; those of one kind have weight 0."""
    draw = np.random.default_rng(0)
    x, kind = draw.normal(size=rows), draw.integers(0, 2, rows)
    y = np.where(kind == 1, x, -x)
    return pd.DataFrame({"x": x, "y": y, "true": y > 0, "w": np.where(kind == 1, 2.5, 0.0)})


def test_rows_of_weight_zero_teach_nothing():
    data = opposed()
    model = LudwigModel(config())
    model.train(data, output_directory=None)
    found = model.predict(data)[0]["y_predictions"]
    assert np.corrcoef(found, data.x)[0, 1] > 0.98
    statistics = model.evaluate(data)[0]["y"]
    assert statistics["r2"] == pytest.approx(metrics.r2_score(data.y, found, sample_weight=data.w), rel=1e-5)
    assert statistics["r2"] > 0.9


def test_whole_weights_train_as_repeated_rows_do():
    """Plain gradient descent on all rows at once, so that both runs see the same sums."""
    draw = np.random.default_rng(1)
    x = draw.normal(size=60)
    data = pd.DataFrame({"x": x, "y": x**2 + draw.normal(size=60), "w": draw.integers(0, 4, 60), "split": 0})
    repeated = data.loc[data.index.repeat(data.w)].assign(w=1)
    found = []
    for rows in (data, repeated):
        settings = config(optimizer={"type": "sgd"}, learning_rate=0.05, batch_size=200, gradient_clipping=None)
        settings["input_features"] = [{**PLAIN["input_features"][0], "preprocessing": {"normalization": None}}]
        settings["output_features"] = [{"name": "y", "type": "number", "preprocessing": {"normalization": None}}]
        model = LudwigModel(settings)
        model.train(rows, output_directory=None, random_seed=3)
        found.append(model.predict(data)[0]["y_predictions"].to_numpy())
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4, atol=1e-4)
    assert found[0].std() > 0.01


@pytest.mark.parametrize("unit", [1e-30, 1e12, 1e300])
def test_only_the_proportions_of_weights_matter(unit):
    data = opposed(300)
    found = []
    for scale in (1.0, unit):
        model = LudwigModel(config())
        model.train(data.assign(w=data.w * scale), output_directory=None)
        found.append(model.predict(data)[0]["y_predictions"])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-3, atol=1e-4)


def test_micro_batches_weigh_as_the_whole_batch():
    data = opposed(400).assign(w=np.random.default_rng(2).random(400), split=0)
    found = []
    for batches in ({"batch_size": 400}, {"batch_size": 100, "gradient_accumulation_steps": 4, "train_steps": 240}):
        model = LudwigModel(config(optimizer={"type": "sgd"}, learning_rate=0.05, should_shuffle=False, **batches))
        model.train(data, output_directory=None)
        found.append(model.predict(data)[0]["y_predictions"].to_numpy())
    np.testing.assert_allclose(found[0], found[1], rtol=1e-3, atol=1e-4)


def test_calibration_threshold_and_metrics_count_by_weight(tmp_path):
    draw = np.random.default_rng(3)
    x = draw.normal(size=2000)
    data = pd.DataFrame({"x": x, "y": x + draw.normal(size=2000) > 1, "w": draw.exponential(size=2000)})
    data["w"] *= np.where(data.y, 4, 1)  # true rows count four times
    output = {"name": "y", "type": "binary", "calibration": True, "threshold": "auto"}
    model = LudwigModel(config(output, train_steps=150, evaluate_training_set=True))
    results = model.train(data, output_directory=str(tmp_path))
    statistics, found, _ = model.evaluate(data, collect_predictions=True)
    truth, share, weights = data.y, found["y_probabilities_True"], data.w
    assert statistics["y"]["loss"] == pytest.approx(metrics.log_loss(truth, share, sample_weight=weights), rel=1e-4)
    assert statistics["y"]["roc_auc"] == pytest.approx(metrics.roc_auc_score(truth, share, sample_weight=weights))
    answers = found["y_predictions"].astype(bool)
    assert statistics["y"]["accuracy"] == pytest.approx(metrics.accuracy_score(truth, answers, sample_weight=weights))
    assert np.average(share, weights=weights) == pytest.approx(np.average(truth, weights=weights), abs=0.05)
    assert share.mean() > truth.mean() + 0.1  # unweighted, it would be the share of true rows
    loaded = LudwigModel.load(f"{results.output_directory}/model")
    assert loaded.evaluate(data)[0]["y"] == pytest.approx(statistics["y"])


def test_training_metrics_of_batches_and_of_a_pass_are_weighed(tmp_path):
    data = opposed(600)
    data["w"] = np.where(data.w > 0, 1.0, 0.25)
    results = LudwigModel(config(learning_rate=0.0, train_steps=20)).train(data, output_directory=None)
    again = LudwigModel(config(learning_rate=0.0, train_steps=20, evaluate_training_set=True))
    by_pass = again.train(data, output_directory=None)
    of_batches, of_pass = (each.train_stats.training["y"]["loss"][-1] for each in (results, by_pass))
    assert of_batches == pytest.approx(of_pass, rel=0.02)


def test_data_without_the_column_are_evaluated_with_a_warning_and_predicted_without():
    data = opposed(300)
    model = LudwigModel(config(train_steps=5))
    model.train(data, output_directory=None)
    model.predict(data[["x"]])
    with pytest.warns(LudwigWarning, match="no sample weight 'w', so all rows count alike"):
        model.evaluate(data.drop(columns="w"))


@pytest.mark.parametrize("bad", [-1.0, "heavy", np.inf])
def test_weights_that_are_none_are_refused(bad):
    data = opposed(100).astype({"w": object})
    data.loc[3, "w"] = bad
    with pytest.raises(InputDataError, match="sample weight 'w' must be a number of at least 0.*in 1 of 100 rows"):
        LudwigModel(config()).train(data, output_directory=None)


@pytest.mark.parametrize(
    "column",
    [
        pd.date_range("2020", periods=100),
        pd.to_timedelta(np.arange(100), "D"),
        pd.period_range("2020", periods=100, freq="D"),
        pd.Categorical(pd.date_range("2020", periods=100)),
        np.ones(100) + 1j,
    ],
    ids=["dates", "durations", "periods", "categorical", "complex"],
)
def test_what_pandas_would_make_numbers_of_is_refused(column):
    with pytest.raises(InputDataError, match="at least 0 in each row. It is not in 100 of 100 rows"):
        LudwigModel(config()).train(opposed(100).assign(w=column), output_directory=None)


@pytest.mark.parametrize("dtype", ["int8", "Int64", "Float32", "str", "category", "bool", "double[pyarrow]", object])
def test_the_same_weights_in_any_dtype_train_the_same(dtype):
    data = opposed(100).assign(w=np.arange(100) % 2)
    found = []
    for weights in (data.w, data.w.astype(dtype)):
        model = LudwigModel(config(train_steps=5))
        model.train(data.assign(w=weights), output_directory=None)
        found.append(model.predict(data)[0]["y_predictions"])
    pd.testing.assert_series_equal(found[0], found[1])


def test_a_column_of_zeros_and_one_that_is_not_there_are_refused():
    data = opposed(100)
    with pytest.raises(InputDataError, match="above 0 in no row of the training split"):
        LudwigModel(config()).train(data.assign(w=0), output_directory=None)
    with pytest.raises(InputDataError, match="no column 'w' of sample weight 'w'"):
        LudwigModel(config()).train(data.drop(columns="w"), output_directory=None)


def test_rows_without_a_weight_are_left_out_and_reported():
    data = opposed(200)
    data.loc[:9, "w"] = np.nan
    with pytest.warns(LudwigWarning, match="10 because the sample weight 'w' is missing"):
        LudwigModel(config(train_steps=3)).train(data, output_directory=None)


def test_the_column_may_be_an_input_too_and_its_name_is_cleaned(tmp_path):
    data = opposed(300).rename(columns={"w": "w.t"})
    settings = config(sample_weight="w.t", train_steps=5)
    settings["input_features"] = [*settings["input_features"], {"name": "w.t", "type": "number"}]
    model = LudwigModel(settings, logging_level=logging.ERROR)
    data.to_csv(tmp_path / "data.csv", index=False)
    model.train(str(tmp_path / "data.csv"), output_directory=str(tmp_path))
    assert len(model.predict(data)[0]) == 300


def test_preprocessed_data_without_weights_do_not_pass_for_weighted_ones():
    data = opposed(200)
    plain = LudwigModel(PLAIN | {"trainer": {"train_steps": 3}}).preprocess(data)
    with pytest.raises(InputDataError, match="sample weight 'w' is not in it"):
        LudwigModel(config()).train(plain, output_directory=None)


def test_the_cache_of_other_weights_is_not_taken(tmp_path):
    data = opposed(400)
    path = tmp_path / "data.csv"
    data.assign(other=1.0).to_csv(path, index=False)
    found = []
    for column in ("w", "other", "w"):
        model = LudwigModel(config(sample_weight=column))
        model.train(str(path), output_directory=str(tmp_path / "runs"), random_seed=1)
        found.append(model.predict(data)[0]["y_predictions"])
    pd.testing.assert_series_equal(found[0], found[2])
    assert not np.allclose(found[0], found[1])


def test_the_baselines_count_by_weight():
    data = opposed(600)
    data["y"] += 3
    model = LudwigModel(config(train_steps=3))
    prepared = model.train(data, output_directory=None).preprocessed_data
    training = prepared.training_set.frame
    found = baselines(model.model, training, {"training": training})
    y = model.model.outputs["y"].observed(training.column("y")).numpy()
    weights = training.weights.double().numpy()
    expected = np.average((y - np.average(y, weights=weights)) ** 2, weights=weights)
    assert found["constant"]["training"]["y"]["mean_squared_error"] == pytest.approx(expected, rel=1e-4)
    assert found["linear"]["training"]["y"]["r2"] > 0.99  # the rows of weight 0 show the opposite
