"""A run does not go on as another one, and what it had is left as it was."""

from __future__ import annotations

import copy
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ludwig.api import LudwigModel
from ludwig.error import ArtifactError, ConfigValidationError
from ludwig.lifecycle.resuming import first_difference

TABLE = pd.DataFrame({"x": np.arange(80.0), "y": np.arange(80.0) * 2, "k": np.array(list("ab"))[np.arange(80) % 2]})
CONFIG = {
    "input_features": [{"name": "x", "type": "number"}],
    "output_features": [{"name": "y", "type": "number"}],
    "combiner": {"type": "concat", "num_fc_layers": 1, "output_size": 8},
    "trainer": {"epochs": 2},
}
OTHERS = {
    "a layer of another size": (
        {"combiner": {"type": "concat", "num_fc_layers": 1, "output_size": 9}},
        r"combiner\.output_size: .*8.*9",
    ),
    "another combiner": ({"combiner": {"type": "tabm"}}, r"combiner\."),
    "another output": ({"output_features": [{"name": "k", "type": "category"}]}, r"output_features\[0\]\."),
    "one more output": (
        {"output_features": [{"name": "y", "type": "number"}, {"name": "k", "type": "category"}]},
        "output_features: ",
    ),
    "another type": ({"input_features": [{"name": "x", "type": "category"}]}, r"input_features\[0\]\."),
    "another optimizer": (
        {"trainer": {"epochs": 4, "optimizer": "sgd"}},
        r"trainer\.optimizer\.type: .*'adamw'.*'sgd'",
    ),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    return Path(LudwigModel(CONFIG).train(TABLE, output_directory=str(folder), skip_save_log=True).output_directory)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", OTHERS)
def test_another_network_or_optimizer_is_refused_before_anything_is_written(run, name):
    change, text = OTHERS[name]
    before = content(run)
    model = LudwigModel({**copy.deepcopy(CONFIG), **change})
    with pytest.raises(ConfigValidationError, match=text):
        model.train(TABLE, model_resume_path=str(run), skip_save_log=True)
    assert content(run) == before
    LudwigModel.load(str(run / "model"))


@pytest.mark.parametrize("content", [b'{"input_fea', b"[]", b"\xff\xfe{}"])
def test_a_damaged_config_of_the_run_is_an_error_of_ours(run, tmp_path, content):
    copied = tmp_path / "run"
    shutil.copytree(run, copied)
    (copied / "model" / "model_hyperparameters.json").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"model_hyperparameters\.json' is damaged"):
        LudwigModel(CONFIG).train(TABLE, model_resume_path=str(copied), skip_save_log=True)


def test_the_first_difference_is_named_with_its_path():
    assert first_difference({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]}) is None
    assert first_difference({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}) == ("a[1].b", 2, 3)
    assert first_difference({"a": [1]}, {"a": [1, 2]}) == ("a", [1], [1, 2])
    assert first_difference({"a": 1}, {"a": 1, "c": 0}) == ("c", None, 0)
