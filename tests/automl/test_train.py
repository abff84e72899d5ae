"""Automatic training on small tables: what comes back, what it costs, and that it can be had again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.datasets import load_diabetes, load_iris

from ludwig.api import LudwigModel
from ludwig.automl import auto_train, create_auto_config, train_with_config
from ludwig.error import ArgumentError, InputDataError, LudwigError, StorageError

SMALL = {"combiner": {"type": "concat", "num_fc_layers": 1, "output_size": 8}, "trainer": {"train_steps": 30}}
TWO = {**SMALL, "hyperopt": {"executor": {"num_samples": 2}}}
LONG = {**SMALL, "trainer": {"train_steps": 10**6, "early_stop": -1}}
QUIET = {"hyperopt_log_verbosity": 0}
DIABETES = load_diabetes(as_frame=True).frame


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("auto")
    iris = load_iris(as_frame=True)
    table = iris.frame.assign(target=iris.target_names[iris.target])
    user = {**SMALL, "hyperopt": {"executor": {"num_samples": 3}}}
    return auto_train(table, "target", 300, folder, user_config=user, **QUIET), table, folder


def test_the_best_model_is_no_worse_than_the_default_one(trained):
    results, table, _ = trained
    trials = {trial.number: trial for trial in results.hyperopt_results.ordered_trials}
    best = trials[int(results.best_trial_id.removeprefix("trial_"))]
    assert len(trials) == 3
    assert trials[0].parameters == results.config["hyperopt"]["search_alg"]["points_to_evaluate"][0]
    assert best.metric_score == min(trial.metric_score for trial in trials.values()) <= trials[0].metric_score
    rows = results.best_model.preprocess(table, random_seed=42).validation_set
    statistics, _, _ = results.best_model.evaluate(rows)
    assert statistics["target"]["loss"] == pytest.approx(best.metric_score)
    assert results.experiment_analysis.best_value == best.metric_score
    assert results.best_model is results.best_model


def test_the_results_show_columns_trials_and_folders(trained):
    results, _, folder = trained
    assert {guess.name: guess.type for guess in results.columns}["target"] == "category"
    assert {"hyperopt_statistics.json", "trial_0", "trial_2"} <= {
        path.name for path in (folder / "auto_train").iterdir()
    }
    assert "3 trials" in repr(results)
    assert "petal length" in results._repr_html_()


def test_the_time_limit_ends_the_first_trial_and_the_search(tmp_path):
    results = auto_train(DIABETES, "target", 2, tmp_path, user_config=LONG, **QUIET)
    (trial,) = results.hyperopt_results.ordered_trials
    assert trial.training_stats["stop_reason"] == "time"
    assert results.best_model.config["trainer"]["time_limit_s"] is None  # which was the search's
    assert isinstance(results.best_model, LudwigModel)


def test_training_twice_gives_the_same(tmp_path):
    runs = [auto_train(DIABETES, "target", 300, tmp_path, user_config=TWO, random_seed=3, **QUIET) for _ in range(2)]
    scores = [[(t.number, t.metric_score) for t in run.hyperopt_results.ordered_trials] for run in runs]
    assert scores[0] == scores[1]
    assert {path.name for path in tmp_path.iterdir()} == {"auto_train", "auto_train_0"}  # the second did not go on
    more = {**TWO, "hyperopt": {"executor": {"num_samples": 3}}}
    again = auto_train(DIABETES, "target", 300, tmp_path, user_config=more, random_seed=3, resume=True, **QUIET)
    assert scores[0] == [(t.number, t.metric_score) for t in again.hyperopt_results.ordered_trials if t.number < 2]
    assert len(again.hyperopt_results.ordered_trials) == 3


def test_a_config_is_trained_as_it_was_changed(tmp_path):
    config = create_auto_config(DIABETES, "target", 300, user_config=TWO)
    config["hyperopt"]["parameters"] = {
        "trainer.learning_rate": {"space": "choice", "categories": [0.01, 0.02]},
        "target.preprocessing.normalization": {"space": "choice", "categories": ["zscore", "minmax"]},
    }
    del config["hyperopt"]["search_alg"]["points_to_evaluate"]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    results = train_with_config(DIABETES, tmp_path / "config.yaml", tmp_path, experiment_name="mine", **QUIET)
    assert (tmp_path / "mine").is_dir()
    assert results.columns == []
    assert set(results.hyperopt_results.best_trial.parameters) == set(config["hyperopt"]["parameters"])
    assert results.config == config


def test_paths_in_a_file_begin_at_its_folder(tmp_path, monkeypatch):
    Image = pytest.importorskip("PIL.Image")
    (tmp_path / "photos").mkdir()
    shade = np.random.default_rng(0).integers(0, 256, 40)
    for place, value in enumerate(shade):
        Image.new("L", (8, 8), int(value)).save(tmp_path / "photos" / f"{place}.png")
    table = {"photo": [f"photos/{place}.png" for place in range(40)], "bright": np.where(shade > 127, "yes", "no")}
    pd.DataFrame(table).to_csv(tmp_path / "table.csv", index=False)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    one = {"trainer": {"train_steps": 2}, "hyperopt": {"executor": {"num_samples": 1}}}
    results = auto_train("../table.csv", "bright", 100, user_config=one, **QUIET)
    assert Path("auto_train/trial_0").is_dir()
    assert results.best_model.predict("../table.csv")[0].shape[0] == 40


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"target": "targt"}, InputDataError, "Did you mean 'target'"),
        ({"time_limit_s": 0}, ArgumentError, "time_limit_s"),
        ({"num_sample": 3}, ArgumentError, "no parameter 'num_sample'"),
        ({"callback": []}, ArgumentError, "Did you mean 'callbacks'"),
        ({"validation_set": DIABETES}, ArgumentError, "no parameter 'validation_set'"),
        ({"hyperopt_log_verbosity": "high"}, ArgumentError, "hyperopt_log_verbosity"),
        ({"experiment_name": 3}, ArgumentError, "experiment_name"),
        ({"output_directory": ""}, ArgumentError, "output_directory"),
        ({"dataset": "nowhere.csv"}, LudwigError, "There is no data file"),
        ({"dataset": DIABETES[:0]}, InputDataError, "no rows"),
        ({"dataset": DIABETES[["target"]]}, InputDataError, "no column besides target"),
    ],
)
def test_wrong_input_is_refused_before_anything_is_written(change, error, message, tmp_path):
    given = {"dataset": DIABETES, "target": "target", "time_limit_s": 5, "output_directory": tmp_path / "new"}
    with pytest.raises(error, match=message):
        auto_train(**{**given, **change})
    assert not list(tmp_path.iterdir())


def test_a_folder_that_takes_no_files_is_reported_first(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="Nothing can be written"):
        auto_train("nowhere.csv", "target", 5, tmp_path / "file" / "below")


def test_a_config_without_a_search_is_refused(tmp_path):
    config = create_auto_config(DIABETES, "target", 300)
    del config["hyperopt"]
    with pytest.raises(ArgumentError, match="has no section `hyperopt`"):
        train_with_config(DIABETES, config, tmp_path)
