"""The same seed on the same machine gives the same bytes, in any process."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ludwig.runtime.process import repeatable

ROOT = Path(__file__).parents[2]
CODE = """
from tests.training.test_resume import model, table
data = table().assign(s=[("red", "green", "blue", "grey")[i % 4] + str(i % 9) for i in range(150)])
for seed in SEEDS:
    one = model("adam")
    features = [*one.config["input_features"], {"name": "s", "type": "category"}]
    one.config = {**one.config, "input_features": features}
    one.train(dataset=data, output_directory=f"OUT/{seed}", skip_save_log=True, random_seed=seed)
"""


def digests(folder: Path, hash_seed: int, *seeds: int) -> list[dict[str, str]]:
    """Of the files of runs in a process of its own, those aside that hold times; one for each seed."""
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    code = CODE.replace("OUT", str(folder)).replace("SEEDS", str(seeds))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return [digests_of(folder / str(seed) / "api_experiment_run") for seed in seeds]


def digests_of(run: Path) -> dict[str, str]:
    files = [run / "model" / "model_weights.safetensors", run / "model" / "training_set_metadata.json"]
    files += [run / "model" / "model_hyperparameters.json", run / "training_statistics.json"]
    files += [run / "model" / "training_checkpoints" / "latest.ckpt" / "optimizer.safetensors"]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.mark.slow
def test_two_processes_write_the_same_bytes(tmp_path):
    first, other = digests(tmp_path / "a", 1, 5, 6)
    assert digests(tmp_path / "b", 2, 5) == [first]
    assert other["model_weights.safetensors"] != first["model_weights.safetensors"]


def test_deterministic_kernels_are_on_inside_the_block_only():
    assert not torch.are_deterministic_algorithms_enabled()
    with repeatable(True):
        assert torch.are_deterministic_algorithms_enabled()
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"]
    assert not torch.are_deterministic_algorithms_enabled()
    with pytest.raises(ValueError, match="inside"), repeatable(True):
        raise ValueError("inside")
    assert not torch.are_deterministic_algorithms_enabled()
    with repeatable(False):
        assert not torch.are_deterministic_algorithms_enabled()
