"""The commands that show what is inside of a saved model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ludwig.api import LudwigModel
from ludwig.cli.main import main

CONFIG = {
    "input_features": [{"name": "x", "type": "number"}, {"name": "größe/cm", "type": "number"}],
    "output_features": [{"name": "y", "type": "binary"}],
    "combiner": {"type": "concat", "num_fc_layers": 1, "output_size": 4},
    "trainer": {"epochs": 1, "batch_size": 16, "layers_to_freeze_regex": "^combiner"},
}
DRAW = np.random.default_rng(0)
TABLE = pd.DataFrame({"x": DRAW.normal(size=60), "größe/cm": DRAW.normal(size=60), "y": DRAW.random(60) > 0.5})


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    TABLE.to_csv(folder / "table.csv", index=False)
    results = LudwigModel(CONFIG).train(TABLE, output_directory=str(folder), skip_save_log=True)
    return Path(results.output_directory)


def test_inspect_shows_what_the_run_reported(run, capsys):
    assert main(["inspect", "-m", str(run / "model"), "--json", "--weights", "-l", "error"]) == 0
    found = json.loads(capsys.readouterr().out)
    model = LudwigModel.load(str(run / "model"))
    sizes = {name: weight.numel() for name, weight in model.collect_weights()}
    frozen = sum(size for name, size in sizes.items() if name.startswith("combiner"))
    assert found["total_parameters"] == sum(sizes.values())
    assert found["frozen_parameters"] == frozen > 0
    assert found["trainable_parameters"] == sum(sizes.values()) - frozen
    assert found["size_mb"] == pytest.approx(4 * sum(sizes.values()) / 1e6)
    assert (found["model_type"], found["combiner_type"]) == ("ecd", "concat")
    assert (found["num_input_features"], found["num_output_features"]) == (2, 1)
    assert found["rows"]["total"]["used"] == 60
    report = json.loads((run / "training_report.json").read_text(encoding="utf-8"))
    assert found["metrics"]["test"]["y"]["accuracy"] == report["metrics"]["test"]["y"]["accuracy"]["best"]
    assert found["versions"]["trained_with"] == report["environment"]
    assert {entry["name"]: entry["parameters"] for entry in found["weights"]} == sizes
    file = run / "model" / "model_weights.safetensors"
    assert found["files_mb"][file.name] == pytest.approx(file.stat().st_size / 1e6)

    assert main(["inspect", "-m", str(run / "model"), "-l", "error"]) == 0
    printed = capsys.readouterr().out
    assert "größe/cm" in printed
    assert printed.index("training ") < printed.index("test ")


def test_inspect_of_a_model_without_a_run_knows_what_the_model_knows(run, tmp_path, capsys):
    model = LudwigModel.load(str(run / "model"))
    model.train_online(TABLE)
    model.save(str(tmp_path / "mine"))
    assert main(["inspect", "-m", str(tmp_path / "mine"), "--json", "-l", "error"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["rows"], found["selected"], found["metrics"]) == (None, None, {})
    assert found["trained_online"]
    assert found["files_mb"]["online_training"] > 0


def test_collect_summary_lists_what_the_others_take(run, capsys):
    assert main(["collect_summary", "-m", str(run / "model"), "-l", "error"]) == 0
    printed = capsys.readouterr().out.split()
    model = LudwigModel.load(str(run / "model"))
    for name in [*dict(model.collect_weights()), *dict(model.model.named_modules()), "y::logits", "x::encoded"]:
        assert not name or name in printed


def test_collect_weights_writes_numpy_files(run, tmp_path, capsys):
    words = ["collect_weights", "-m", str(run / "model"), "-od", str(tmp_path), "-l", "error"]
    assert main([*words, "-t", "combiner.stack.layers.0.weight"]) == 0
    (file,) = tmp_path.iterdir()
    assert file.name == "combiner.stack.layers.0.weight.npy"
    expected = dict(LudwigModel.load(str(run / "model")).collect_weights())["combiner.stack.layers.0.weight"]
    np.testing.assert_array_equal(np.load(file), expected.detach().numpy())
    assert main(words) == 0
    assert len([*tmp_path.iterdir()]) == len(LudwigModel.load(str(run / "model")).collect_weights())
    assert main([*words, "-t", "combiner.stack.layers.0.weigh"]) == 2
    assert "Did you mean 'combiner.stack.layers.0.weight'" in capsys.readouterr().err


def test_collect_activations_writes_numpy_files(run, tmp_path, capsys):
    words = ["collect_activations", "-m", str(run / "model"), "--dataset", str(run.parent / "table.csv"), "-bs", "7"]
    layers = ["y::logits", "größe/cm::encoded", "combiner"]
    assert main([*words, "-od", str(tmp_path), "-lyr", *layers, "-l", "error"]) == 0
    names = {"y__logits.npy", "größe_cm__encoded.npy", "combiner.npy"}
    assert {file.name for file in tmp_path.iterdir()} == names
    logits = np.load(tmp_path / "y__logits.npy")
    predictions, _ = LudwigModel.load(str(run / "model")).predict(TABLE)
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), predictions["y_probabilities_True"], rtol=1e-5)
    assert main([*words, "-od", str(tmp_path / "no"), "-lyr", "combine", "-l", "error"]) == 2
    assert "Did you mean 'combiner'" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()
