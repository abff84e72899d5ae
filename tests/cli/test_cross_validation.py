import json

import numpy as np
import pandas as pd
import pytest
import yaml

from ludwig.cli.main import main

CONFIG = {
    "input_features": [{"name": "x", "type": "number"}],
    "output_features": [{"name": "y", "type": "binary"}],
    "trainer": {"epochs": 1, "batch_size": 16},
}
WORDS = ["experiment", "-c", "config.yaml", "--dataset", "table.csv", "-l", "error", "-ssl", "-ssm", "-ssp"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    x = np.sin(np.arange(40))
    pd.DataFrame({"x": x, "y": x > 0, "day": np.arange(40)}).to_csv(tmp_path / "table.csv", index=False)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_folds_are_trained_and_their_statistics_and_rows_written(folder, capsys):
    assert main([*WORDS, "--k_fold", "2", "--output_directory", "out"]) == 0
    statistics = json.loads((folder / "out" / "kfold_training_statistics.json").read_text(encoding="utf-8"))
    values = [statistics[name]["fold_eval_stats"]["y"]["accuracy"] for name in ("fold_1", "fold_2")]
    assert statistics["overall"]["y"]["accuracy_mean"] == pytest.approx(np.mean(values))
    assert statistics["overall"]["y"]["accuracy_std"] == pytest.approx(np.std(values))
    indices = json.loads((folder / "out" / "kfold_split_indices.json").read_text(encoding="utf-8"))
    rows = [row for fold in indices.values() for row in fold["test_indices"]]
    assert sorted(rows) == list(range(40))
    assert (folder / "out" / "kfold_run" / "fold_2" / "test_statistics.json").exists()
    assert not (folder / "out" / "kfold_run" / "fold_2" / "model" / "model_weights.safetensors").exists()
    assert "accuracy" in capsys.readouterr().out


def test_rows_are_not_written_where_they_are_skipped(folder):
    assert main([*WORDS, "-kf", "2", "-skfsi", "-sstd", "-ssts", "-sstp", "-sses", "--fold_type", "random"]) == 0
    written = {path.name for path in (folder / "results").iterdir()}
    assert "kfold_training_statistics.json" in written
    assert not {"kfold_split_indices.json", "kfold_run"} & written


def test_folds_in_order_of_time(folder):
    assert main([*WORDS, "-kf", "2", "--fold_type", "time", "--fold_column", "day"]) == 0
    indices = json.loads((folder / "results" / "kfold_split_indices.json").read_text(encoding="utf-8"))
    assert max(indices["fold_1"]["training_indices"]) < min(indices["fold_1"]["test_indices"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-kf", "1"], "num_folds must be an integer, at least 2"),
        (["-kf", "2", "--model_name", "mine", "-es", "full"], "--model_name, --eval_split does not go with --k_fold"),
        (["-kf", "2", "--training_set", "table.csv"], "--training_set does not go with --k_fold"),
        (["--fold_type", "time"], "--fold_type needs --k_fold"),
        (["-skfsi"], "--skip_save_k_fold_split_indices needs --k_fold"),
    ],
)
def test_what_does_not_go_together_is_refused(folder, words, message, capsys):
    assert main([*WORDS, *words]) == 2
    assert message in capsys.readouterr().err
    assert not (folder / "results").exists()


def test_folds_need_data(folder, capsys):
    assert main(["experiment", "-c", "config.yaml", "-kf", "2"]) == 2
    assert "--k_fold needs --dataset" in capsys.readouterr().err
