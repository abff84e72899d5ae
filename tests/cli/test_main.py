import json
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml

from ludwig.callbacks import Callback
from ludwig.cli import flags
from ludwig.cli.main import COMMANDS, main
from ludwig.config import load_config
from ludwig.error import ArgumentError, LudwigWarning

CONFIG = {
    "input_features": [{"name": "x", "type": "number"}, {"name": "c", "type": "category"}],
    "output_features": [{"name": "y", "type": "binary"}],
    "trainer": {"epochs": 2, "batch_size": 16},
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    draw = np.random.default_rng(0)
    x = draw.normal(size=60)
    table = pd.DataFrame({"x": x, "c": draw.choice(["a", "b"], 60), "y": x > 0})
    table.to_csv(tmp_path / "table.csv", index=False)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_train_predict_and_evaluate_hand_on_to_each_other(folder, capsys):
    assert main(["train", "--config", "config.yaml", "--dataset", "table.csv", "-l", "error"]) == 0
    model = "results/experiment_run/model"
    assert main(["predict", "-m", model, "--dataset", "table.csv", "-od", "out", "-l", "error"]) == 0
    assert len(pd.read_parquet(folder / "out" / "predictions.parquet")) == 60
    assert main(["evaluate", "-m", model, "--dataset", "table.csv", "-od", "out", "-l", "error"]) == 0
    statistics = json.loads((folder / "out" / "test_statistics.json").read_text(encoding="utf-8"))
    assert {"accuracy", "confusion_matrix", "roc_curve"} <= set(statistics["y"])
    assert "roc_auc" in capsys.readouterr().out


def test_experiment_takes_the_config_as_text_and_leaves_out_what_is_skipped(folder):
    words = ["experiment", "--config_str", yaml.safe_dump(CONFIG), "--dataset", "table.csv", "-l", "error"]
    assert main([*words, "-ssm", "-ssl", "-sstp", "-ssuo", "--model_name", "two"]) == 0
    run = folder / "results" / "experiment_two"
    assert (run / "test_statistics.json").exists()
    assert not (run / "predictions.parquet").exists()
    assert not (run / "model" / "model_weights.safetensors").exists()


def test_preprocess_leaves_what_train_then_finds(folder, capsys):
    assert main(["preprocess", "-pc", "config.yaml", "--dataset", "table.csv", "-l", "error"]) == 0
    assert "training: 42 rows" in capsys.readouterr().out
    (kept,) = folder.glob("table.*.hdf5")
    before = kept.stat().st_ino
    assert main(["train", "-c", "config.yaml", "--dataset", "table.csv", "-l", "error"]) == 0
    assert list(folder.glob("table.*.hdf5")) == [kept]
    assert kept.stat().st_ino == before  # not written again


def test_caches_are_listed_and_removed(folder, capsys):
    assert main(["preprocess", "-c", "config.yaml", "--dataset", "table.csv", "-l", "error"]) == 0
    (kept,) = folder.glob("*.hdf5")
    capsys.readouterr()
    assert main(["cache", "list"]) == 0
    assert kept.name in capsys.readouterr().out
    assert main(["cache", "clear", str(folder)]) == 0
    assert "one cache removed" in capsys.readouterr().out
    assert not kept.exists()
    assert main(["cache", "list"]) == 0
    assert "There are no caches" in capsys.readouterr().out


def test_a_rendered_config_is_the_same_config(folder, capsys):
    assert main(["render_config", "-c", "config.yaml"]) == 0
    assert load_config(yaml.safe_load(capsys.readouterr().out)) == load_config(CONFIG)
    assert main(["export_schema", "-o", "schema.json"]) == 0
    assert "input_features" in json.loads((folder / "schema.json").read_text(encoding="utf-8"))["properties"]


def test_wrong_input_is_one_message_and_status_2(folder, capsys):
    assert main(["train", "-c", "none.yaml", "--dataset", "table.csv"]) == 2
    assert "no config file 'none.yaml'" in capsys.readouterr().err
    assert main(["train", "-c", "config.yaml", "--dataset", "none.csv", "-l", "error"]) == 2
    assert "no data file 'none.csv'" in capsys.readouterr().err
    assert not (folder / "results").exists()


def test_an_unknown_command_is_reported_with_its_nearest(capsys):
    assert main(["trian"]) == 1
    assert "Did you mean 'train'?" in capsys.readouterr().err


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_shows_its_options(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert command in capsys.readouterr().out


def test_help_and_version(capsys):
    assert main(["--help"]) == 0
    found = capsys.readouterr().out
    assert all(name in found for name in COMMANDS)
    assert main(["--version"]) == 0


def test_a_flag_logs_the_training_to_a_service(folder, monkeypatch):
    runs = []

    class Run(dict):
        hash = "fresh"

        def track(self, value, name, step, epoch, context):
            self.setdefault("tracked", []).append(name)

        def close(self):
            runs.append(self)

    monkeypatch.setitem(sys.modules, "aim", SimpleNamespace(Run=lambda **given: Run(given)))
    for command in ("train", "experiment"):
        assert main([command, "-c", "config.yaml", "--dataset", "table.csv", "-l", "error", "--aim"]) == 0
    assert [(run["experiment"], run["status"]) for run in runs] == [("experiment", "finished")] * 2
    assert "loss" in runs[0]["tracked"]
    model = "results/experiment_run/model"
    with pytest.warns(LudwigWarning, match="trained already"):
        main(["train", "-c", "config.yaml", "--dataset", "table.csv", "-mlp", model, "-l", "error", "--aim"])
    assert len(runs) == 3


@pytest.mark.parametrize(("flag", "package"), [("mlflow",) * 2, ("wandb",) * 2, ("comet", "comet_ml"), ("aim",) * 2])
def test_the_missing_package_of_a_service_is_reported_before_anything_is_done(
    flag, package, folder, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["train", "-c", "no.yaml", "--dataset", "none.csv", f"--{flag}"]) == 2
    assert f"'{package}'" in capsys.readouterr().err
    assert not (folder / "results").exists()


@pytest.mark.parametrize("command", ["train", "experiment"])
@pytest.mark.parametrize("fails", [False, True])
def test_callbacks_hear_of_the_command_and_of_its_end(command, fails, folder, monkeypatch):
    heard = []

    class Hears(Callback):
        def on_cmdline(self, cmd, *args):
            heard.append((cmd, args[:2]))

        def on_train_start(self, model, config, config_fp, **kwargs):
            if fails:
                raise ArgumentError("of the callback")

        def on_train_end(self, output_directory, **kwargs):
            heard.append("train end")

        def on_ludwig_end(self, **kwargs):
            heard.append("end")

    monkeypatch.setattr(flags, "trackers_of", lambda options: [Hears()])
    status = main([command, "-c", "config.yaml", "--dataset", "table.csv", "-l", "error"])
    assert status == (2 if fails else 0)
    assert heard == [(command, ("-c", "config.yaml")), "train end", "end"]
