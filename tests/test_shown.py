"""How a model, its results and its data are shown, and what `ludwig train` prints when it is done."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score, root_mean_squared_error

from ludwig.api import LudwigModel
from ludwig.cli.summary import summary
from ludwig.columns.frame import Frame
from ludwig.columns.ragged import Ragged
from ludwig.inference import baseline
from ludwig.inference.baseline import CONSTANT, LINEAR, baselines

ROWS = 300


def table() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    x, c = draw.normal(size=ROWS), draw.choice(["a", "b", "c"], ROWS)
    shift = pd.Series(c).map({"a": 0, "b": 5, "c": -5}).to_numpy()
    return pd.DataFrame(
        {
            "x": x,
            "c": c,
            "z": 3 * x + shift + 100,
            "y": np.where(x > 0.3, "hi", "lo"),
            "k": np.where(shift > 0, "b", "no"),
            "split": np.arange(ROWS) % 3,
        }
    )


TABLE = table()
CONFIG = {
    "input_features": [
        {"name": "x", "type": "number", "preprocessing": {"normalization": "zscore"}},
        {"name": "c", "type": "category"},
    ],
    "output_features": [
        {"name": "z", "type": "number"},
        {"name": "y", "type": "category"},
        {"name": "k", "type": "binary", "preprocessing": {"fallback_true_label": "b"}},
    ],
    "trainer": {"epochs": 1},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    model = LudwigModel(CONFIG)
    return model, model.train(dataset=TABLE, output_directory=str(tmp_path_factory.mktemp("results")))


def test_a_model_is_shown_in_one_line(trained):
    model, _ = trained
    count = sum(weight.numel() for weight in model.model.parameters())
    assert repr(model) == f"LudwigModel(ECD: x, c -> z, y, k; trained, {count:,} weights on cpu)"
    assert repr(LudwigModel(CONFIG)) == "LudwigModel(ECD: x, c -> z, y, k; not trained)"
    many = [{"name": f"n{place}", "type": "number"} for place in range(7)]
    assert "n0, n1, n2, n3, n4 and 2 more -> " in repr(LudwigModel({**CONFIG, "input_features": many}))


def test_results_and_data_are_shown_without_their_content(trained):
    _, results = trained
    data = "PreprocessedDataset(training: 100 rows, validation: 100 rows, test: 100 rows)"
    assert repr(results.preprocessed_data) == data
    assert repr(results) == (
        f"TrainingResults(stop_reason='finished', selected={{'epoch': 1, 'step': 1}}, data={data}, "
        f"output_directory={results.output_directory!r})"
    )
    assert repr(results.preprocessed_data.test_set) == "Dataset(100 rows: x, c, z, y, k)"


def test_in_a_notebook_they_are_tables(trained):
    model, results = trained
    assert re.search(r"<td>x\s*</td><td>number\s*</td><td>input", model._repr_html_())
    assert re.search(r"<td>y\s*</td><td>accuracy\s*</td>", results._repr_html_())
    assert results.preprocessed_data.test_set._repr_html_().count("<tr") == 1 + 5
    odd = LudwigModel({**CONFIG, "input_features": [{"name": "<b>", "type": "number"}]})
    assert "<b>" not in odd._repr_html_()


def test_the_constant_is_the_most_frequent_class_or_the_mean(trained):
    model, results = trained
    data = results.preprocessed_data
    found = baselines(model.model, data.training_set.frame, {"test": data.test_set.frame})[CONSTANT]["test"]
    training, test = (TABLE[TABLE["split"] == part] for part in (0, 2))
    for name in ("y", "k"):
        dummy = DummyClassifier().fit(training, training[name])
        assert found[name]["accuracy"] == pytest.approx(accuracy_score(test[name], dummy.predict(test)))
    mean = np.full(len(test), training["z"].mean())
    assert found["z"]["root_mean_squared_error"] == pytest.approx(root_mean_squared_error(test["z"], mean))


def test_the_linear_model_is_fitted_on_the_same_inputs(trained):
    model, results = trained
    data = results.preprocessed_data
    found = baselines(model.model, data.training_set.frame, {"test": data.test_set.frame})[LINEAR]["test"]
    assert found["y"]["accuracy"] > 0.9  # both can be separated by a line
    assert found["k"]["accuracy"] == 1
    training, test = (TABLE[TABLE["split"] == part] for part in (0, 2))
    x, one_hot = ((TABLE["x"] - training["x"].mean()) / training["x"].std(ddof=0)), pd.get_dummies(TABLE["c"])
    design = pd.concat([x, one_hot], axis=1).to_numpy(float)
    scaled = (training["z"] - training["z"].mean()) / training["z"].std(ddof=0)
    ridge = Ridge().fit(design[training.index], scaled)
    own = ridge.predict(design[test.index]) * training["z"].std(ddof=0) + training["z"].mean()
    assert found["z"]["root_mean_squared_error"] == pytest.approx(root_mean_squared_error(test["z"], own), rel=1e-4)


def test_a_linear_model_that_would_be_too_large_is_left_out(trained, monkeypatch):
    model, results = trained
    data = results.preprocessed_data
    monkeypatch.setattr(baseline, "MOST_WEIGHTS", 10)
    found = baselines(model.model, data.training_set.frame, {"test": data.test_set.frame})
    assert found[LINEAR] == {} and found[CONSTANT]["test"].keys() == {"z", "y", "k"}


def test_texts_and_series_are_read_too():
    draw = np.random.default_rng(0)
    is_long = draw.random(200) > 0.5
    data = pd.DataFrame(
        {
            "t": np.where(is_long, "good word", "bad word"),
            "s": [" ".join(map(str, draw.normal(5 if up else 0, 0.1, 4))) for up in is_long],
            "y": is_long,
        }
    )
    for name, kind in (("t", "text"), ("s", "timeseries")):
        config = {
            "input_features": [{"name": name, "type": kind}],
            "output_features": [{"name": "y", "type": "binary"}],
            "trainer": {"epochs": 1},
        }
        model = LudwigModel(config)
        sets = model.train(dataset=data, output_directory=None).preprocessed_data
        found = baselines(model.model, sets.training_set.frame, {"test": sets.test_set.frame})
        assert found[LINEAR]["test"]["y"]["accuracy"] == 1


def test_lists_without_any_entry_are_read_too():
    for values in (torch.empty(0), torch.empty(0, dtype=torch.int64)):
        frame = Frame.of({"t": Ragged(values, torch.zeros(4, dtype=torch.int64))})
        numbers = baseline.Table.of(frame, ["t"]).numbers
        assert len(numbers) == 3 and (numbers == 0).all()


def test_without_a_saved_model_no_command_is_shown(tmp_path):
    model = LudwigModel(CONFIG)
    results = model.train(dataset=TABLE, output_directory=str(tmp_path), skip_save_model=True)
    assert summary(model, results, "table.csv").endswith(f"The run is in {results.output_directory}")


def test_the_summary_has_rows_scores_and_the_next_command(trained):
    model, results = trained
    text = summary(model, results, "my table.csv")
    assert "Rows: 300 read, 300 used (100 training, 100 validation, 100 test)." in text
    assert "Best evaluation: epoch 1, step 1 (training ended: finished)." in text
    own = model.evaluate(results.preprocessed_data.test_set)[0]
    (line,) = [line for line in text.splitlines() if re.match(r"y\s+accuracy\s+test", line)]
    assert line.split()[3] == f"{own['y']['accuracy']:.4g}"
    assert len(line.split()) == 6
    assert text.endswith(f"--model_path {results.output_directory}/model --dataset 'my table.csv'")
    assert max(map(len, text.splitlines()[:-2])) <= 100
