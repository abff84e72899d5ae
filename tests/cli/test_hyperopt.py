import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import yaml

from ludwig.callbacks import Callback
from ludwig.cli import flags
from ludwig.cli.main import main

SKIPS = ("-ssm", "-ssp", "-ssl", "-sstp", "-ssuo", "-sspi")


def config_of(**executor):
    return {
        "input_features": [{"name": "x", "type": "number"}],
        "output_features": [{"name": "y", "type": "binary"}],
        "trainer": {"epochs": 1, "batch_size": 32},
        "hyperopt": {
            "parameters": {"trainer.learning_rate": {"space": "loguniform", "lower": 0.001, "upper": 0.1}},
            "executor": {"num_samples": 2, **executor},
        },
    }


@pytest.fixture
def folder(tmp_path, monkeypatch):
    x = np.random.default_rng(0).normal(size=60)
    pd.DataFrame({"x": x, "y": x > 0}).to_csv(tmp_path / "table.csv", index=False)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config_of()), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def searched(*words):
    return main(["hyperopt", "-c", "config.yaml", "--dataset", "table.csv", *words])


def test_a_search_prints_its_trials_and_its_best_model_predicts(folder, capsys):
    assert searched("-l", "error", "-sspi") == 0
    printed = capsys.readouterr().out
    assert "2 of 2 trials" in printed
    assert "trainer.learning_rate" in printed
    assert "Trial 0" not in printed  # a line a trial is progress, which the level leaves out
    (command,) = [line for line in printed.splitlines() if line.startswith("To predict: ludwig ")]
    assert main([*command.removeprefix("To predict: ludwig ").split(), "-od", "out", "-l", "error"]) == 0
    statistics = json.loads((folder / "results/hyperopt/hyperopt_statistics.json").read_text(encoding="utf-8"))
    trials = statistics["hyperopt_results"]
    assert [trial["metric_score"] for trial in trials] == sorted(trial["metric_score"] for trial in trials)
    assert trials[0]["model_path"] in command


def test_what_is_skipped_is_not_there_and_a_search_is_resumed_by_its_folder(folder, capsys):
    assert searched(*SKIPS, "-sshs", "-ssts", "-hlv", "2", "--experiment_name", "wide", "-rs", "7") == 0
    printed = capsys.readouterr().out
    assert "Trial 1: " in printed
    assert "To predict" not in printed
    assert not list(folder.glob("*.hdf5"))
    names = {path.name for path in (folder / "results" / "wide").rglob("*")}
    assert not names & {"hyperopt_statistics.json", "training_statistics.json", "predictions.parquet"}
    assert not list((folder / "results").rglob("*.safetensors"))

    (folder / "config.yaml").write_text(yaml.safe_dump(config_of(num_samples=3)), encoding="utf-8")
    assert searched(*SKIPS, "-hlv", "2", "-mrp", "results/wide", "-rs", "7") == 0
    printed = capsys.readouterr().out
    assert "Trial 2: " in printed
    assert "Trial 1: " not in printed
    assert [path.name for path in (folder / "results").iterdir()] == ["wide"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("-mrp", "results/none"), "no search to resume"),
        (("-mlp", "model"), "--model_load_path has no meaning in a search"),
        (("--training_set", "table.csv"), "training_set"),
        (("-rs", "-1"), "random_seed"),
    ],
)
def test_wrong_words_are_one_message_and_status_2(words, expected, folder, capsys):
    assert searched(*words, "-sspi") == 2
    said = capsys.readouterr().err
    assert expected in said
    assert "Traceback" not in said
    assert not (folder / "results").exists()


def test_a_config_without_a_search_or_with_a_wrong_one_is_one_message(folder, capsys):
    plain = {key: value for key, value in config_of().items() if key != "hyperopt"}
    assert main(["hyperopt", "-cs", yaml.safe_dump(plain), "--dataset", "table.csv"]) == 2
    assert "no section `hyperopt`" in capsys.readouterr().err
    wrong = config_of()
    wrong["hyperopt"]["parameters"] = {"trainer.learning_rat": {"space": "uniform", "lower": 0.1, "upper": 0.2}}
    assert main(["hyperopt", "-cs", yaml.safe_dump(wrong), "--dataset", "table.csv"]) == 2
    assert "learning_rate" in capsys.readouterr().err
    assert not (folder / "results").exists()


def test_a_search_whose_trials_all_fail_is_status_2(folder, monkeypatch, capsys):
    class Fails(Callback):
        def on_train_start(self, model, config, config_fp, **kwargs):
            raise RuntimeError("of the callback")

    monkeypatch.setattr(flags, "trackers_of", lambda options: [Fails()])
    assert searched("-l", "error", *SKIPS) == 2
    assert "All 2 trials of the search failed. The first one: RuntimeError: of the callback" in capsys.readouterr().err


def test_callbacks_hear_of_the_command_the_search_and_the_end(folder, monkeypatch):
    heard = []

    class Hears(Callback):
        def on_cmdline(self, cmd, *args):
            heard.append((cmd, args[:2]))

        def on_hyperopt_start(self, experiment_name, **kwargs):
            heard.append(experiment_name)

        def on_ludwig_end(self, **kwargs):
            heard.append("end")

    monkeypatch.setattr(flags, "trackers_of", lambda options: [Hears()])
    assert searched("-l", "error", *SKIPS) == 0
    assert heard == [("hyperopt", ("-c", "config.yaml")), "hyperopt", "end"]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there is no SIGINT for one process there")
def test_ctrl_c_ends_with_130_and_the_search_goes_on(folder):
    (folder / "config.yaml").write_text(yaml.safe_dump(config_of(num_samples=500)), encoding="utf-8")
    words = [sys.executable, "-m", "ludwig", "hyperopt", "-c", "config.yaml", "--dataset", "table.csv", *SKIPS]
    process = subprocess.Popen(
        [*words, "-hlv", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("Trial 0: ")
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in said
    done = json.loads((folder / "results/hyperopt/hyperopt_statistics.json").read_text(encoding="utf-8"))
    count = len(done["hyperopt_results"])
    assert count >= 1
    (folder / "config.yaml").write_text(yaml.safe_dump(config_of(num_samples=count + 1)), encoding="utf-8")
    assert searched(*SKIPS, "-l", "error", "-mrp", "results/hyperopt") == 0
    done = json.loads((folder / "results/hyperopt/hyperopt_statistics.json").read_text(encoding="utf-8"))
    assert len(done["hyperopt_results"]) == count + 1
