"""A model folder holds one model, whole: saving is one act, and what was saved is what is loaded."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from ludwig.api import LudwigModel
from ludwig.error import ArtifactError, LudwigWarning, StorageError
from ludwig.models import artifacts


def table(classes: str = "ab") -> pd.DataFrame:
    place = np.arange(60)
    return pd.DataFrame({"x": place / 60, "y": np.array(list(classes))[(place > 30).astype(int)]})


def trained(classes: str = "ab", epochs: int = 2) -> LudwigModel:
    one = LudwigModel(
        {
            "input_features": [{"name": "x", "type": "number"}],
            "output_features": [{"name": "y", "type": "category"}],
            "trainer": {"epochs": epochs, "learning_rate": 0.05},
        }
    )
    one.train(table(classes), output_directory=None)
    return one


@pytest.fixture(scope="module")
def model() -> LudwigModel:
    return trained()


@pytest.fixture
def folder(model, tmp_path) -> Path:
    model.save(str(tmp_path / "model"))
    return tmp_path / "model"


def predictions(one: LudwigModel) -> list[float]:
    return one.predict(table())[0]["y_probability"].tolist()


def test_the_folder_has_the_hashes_of_its_files(folder, model):
    files = json.loads((folder / "manifest.json").read_text())["files"]
    assert set(files) == {path.name for path in folder.iterdir()} - {"manifest.json"}
    assert predictions(LudwigModel.load(str(folder))) == predictions(model)
    assert [path.name for path in folder.parent.iterdir()] == ["model"]  # nothing is left beside it


def test_a_changed_byte_of_any_file_is_found(folder):
    for name in ("model_weights.safetensors", "training_set_metadata.json"):
        whole = (folder / name).read_bytes()
        for place in np.random.default_rng(0).choice(len(whole), 12, replace=False).tolist():
            (folder / name).write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with pytest.raises(ArtifactError):
                LudwigModel.load(str(folder))
        (folder / name).write_bytes(whole)
    LudwigModel.load(str(folder))


@pytest.mark.parametrize("name", ["model_weights.safetensors", "training_set_metadata.json"])
def test_a_file_that_is_gone_or_of_another_model_is_found(folder, tmp_path, name):
    trained("cd", epochs=3).save(str(tmp_path / "other"))
    (folder / name).write_bytes((tmp_path / "other" / name).read_bytes())
    with pytest.raises(ArtifactError, match=f"{name}' is damaged, or of another model"):
        LudwigModel.load(str(folder))
    (folder / name).unlink()
    with pytest.raises(ArtifactError, match=f"has no {name}"):
        LudwigModel.load(str(folder))


def test_an_edited_config_is_reported_and_taken(folder, model):
    file = folder / "model_hyperparameters.json"
    file.write_text(file.read_text().replace('"epochs": 2', '"epochs": 9'))
    with pytest.warns(LudwigWarning, match="was edited after the model was saved"):
        loaded = LudwigModel.load(str(folder))
    assert loaded.config["trainer"]["epochs"] == 9
    assert predictions(loaded) == predictions(model)


def test_a_manifest_without_hashes_is_no_manifest(folder):
    (folder / "manifest.json").write_text('{"files": {}}')
    with pytest.raises(ArtifactError, match="is damaged: it has no hash of model_hyperparameters.json"):
        LudwigModel.load(str(folder))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_folder_without_hashes_is_one_of_an_older_version(folder, model, value):
    (folder / "manifest.json").unlink()
    assert predictions(LudwigModel.load(str(folder))) == predictions(model)
    weights = load_file(folder / "model_weights.safetensors")
    name = next(iter(weights))
    lost = torch.full_like(weights[name], value)
    save_file({**weights, name: lost}, folder / "model_weights.safetensors")
    with pytest.raises(ArtifactError, match=f"'{name}' is not finite"):
        LudwigModel.load(str(folder))


def test_what_else_lies_in_the_folder_stays(folder, model):
    (folder / "notes").mkdir()
    (folder / "notes" / "a.txt").write_text("mine")
    (folder / "notes" / "a.txt").chmod(0o444)
    (folder / "assets").mkdir()  # of an earlier model
    model.save(str(folder))
    assert (folder / "notes" / "a.txt").read_text() == "mine"
    assert not (folder / "assets").exists()
    LudwigModel.load(str(folder))


def test_a_folder_behind_a_link_or_of_another_disk_is_written_to(folder, model, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to(folder)
    model.save(str(tmp_path / "link"))
    assert (tmp_path / "link").is_symlink()
    monkeypatch.setattr(artifacts, "may_be_exchanged", lambda folder: False)
    model.save(str(tmp_path / "mounted"))
    LudwigModel.load(str(tmp_path / "mounted"))


def test_a_save_that_fails_leaves_the_old_model(folder, model, monkeypatch):
    before = predictions(LudwigModel.load(str(folder)))
    other = trained("cd")

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(artifacts, "save_weights", full)
    with pytest.raises(StorageError, match="No space left on device"):
        other.save(str(folder))
    assert predictions(LudwigModel.load(str(folder))) == before
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_model_that_is_saved_between_two_equal_ones_is_no_part_of_what_is_read(folder, model, monkeypatch):
    other, read = trained("cd", epochs=3), artifacts.load_weights
    saves = [True]

    def read_beside_others(place: Path) -> dict[str, torch.Tensor]:
        if saves and saves.pop():
            other.save(str(folder))
            found = read(place)
            model.save(str(folder))  # whose manifest is the one that the reader began with
            return found
        return read(place)

    monkeypatch.setattr(artifacts, "load_weights", read_beside_others)
    assert predictions(LudwigModel.load(str(folder))) == predictions(model)


SAVER = """
import os, sys, time
sys.path.insert(0, {root!r})
from tests.test_model_folder import trained
one, two = trained("ab"), trained("cd")
for _ in sys.stdin:  # with each line a process begins that saves until it is killed
    child = os.fork()
    while child == 0:
        for model in (one, two):
            model.save({folder!r})
            time.sleep(0.05)  # a reader needs some luck where there is no pause at all
    print(child, flush=True)
    os.waitpid(child, 0)
"""


@pytest.mark.slow
def test_readers_and_killed_savers_leave_one_model_whole(tmp_path):
    expected = {labels: trained(labels).predict(table())[0]["y_predictions"].tolist() for labels in ("ab", "cd")}
    folder = tmp_path / "model"
    code = SAVER.format(root=str(Path(__file__).parents[1]), folder=str(folder))
    loads = 0
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "bufsize": 1, "text": True}
    savers = subprocess.Popen([sys.executable, "-c", code], **pipes)
    assert savers.stdin is not None and savers.stdout is not None
    for round_ in range(4):
        savers.stdin.write("\n")
        saver = int(savers.stdout.readline())
        time.sleep(0.3 + 0.07 * round_)
        for _ in range(10):  # while it saves
            loaded = LudwigModel.load(str(folder))
            labels = "".join(sorted(loaded.training_set_metadata["y"]["idx2str"]))
            assert loaded.predict(table())[0]["y_predictions"].tolist() == expected[labels]
            loads += 1
        os.kill(saver, signal.SIGKILL)
        LudwigModel.load(str(folder))
    savers.communicate()
    assert savers.returncode == 0
    assert loads == 40
