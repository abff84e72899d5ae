"""Import paths that users' scripts rely on."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from ludwig import constants, globals
from ludwig.backend import LOCAL_BACKEND, LocalBackend, initialize_backend
from ludwig.cli import main
from ludwig.error import ConfigValidationError
from ludwig.features import FEATURES
from ludwig.utils.data_utils import load_json, load_yaml, read_csv, save_json


def test_main_is_a_function_under_both_paths():
    assert callable(main)
    assert sys.modules["ludwig.cli.main"].main is main


@pytest.mark.parametrize("module", ["ludwig", "ludwig.cli"])
def test_the_command_is_a_module_too(module):
    done = subprocess.run([sys.executable, "-W", "error", "-m", module, "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, globals.LUDWIG_VERSION, "")
    assert subprocess.run([sys.executable, "-m", module, "trian"], capture_output=True).returncode == 1


def test_the_local_backend_needs_no_arguments():
    assert LocalBackend().cache_dir is None
    assert initialize_backend(LOCAL_BACKEND) is LOCAL_BACKEND


def test_constants_are_the_words_of_the_config():
    assert (constants.INPUT_FEATURES, constants.OUTPUT_FEATURES) == ("input_features", "output_features")
    kinds = {value for name, value in vars(constants).items() if name.isupper()}
    assert set(FEATURES.names()) <= kinds


def test_the_weights_are_named_as_scripts_name_them():
    assert globals.MODEL_WEIGHTS_FILE_NAME == "model_weights"
    assert globals.MODEL_SAFETENSORS_FILE_NAME == "model_weights.safetensors"


def test_old_functions_work_and_name_their_successors(tmp_path):
    table = pd.DataFrame({"a.b": [1, 2], "c": ["x", "y"]})
    table.to_csv(tmp_path / "table.csv", index=False, sep=";")
    (tmp_path / "config.yaml").write_text("a: {b: 1e-3}\n", encoding="utf-8")
    (tmp_path / "twice.yaml").write_text("a: 1\na: 2\n", encoding="utf-8")
    with pytest.warns(DeprecationWarning, match="Use json.dump"):
        save_json(tmp_path / "a.json", {"a": np.float64(0.5), "b": [np.int64(1)]})
    with pytest.warns(DeprecationWarning, match="Use json.load"):
        assert load_json(str(tmp_path / "a.json")) == {"a": 0.5, "b": [1]}
    with pytest.warns(DeprecationWarning, match="Use yaml.safe_load"):
        assert load_yaml(str(tmp_path / "config.yaml")) == {"a": {"b": 0.001}}
    with pytest.warns(DeprecationWarning), pytest.raises(ConfigValidationError, match="given twice"):
        load_yaml(tmp_path / "twice.yaml")
    with pytest.warns(DeprecationWarning, match="Use pandas.read_csv"):
        found = read_csv(tmp_path / "table.csv")
    assert found.to_dict("list") == table.to_dict("list")
