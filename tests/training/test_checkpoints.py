"""Checkpoints survive kills at any moment, full disks, damage, and hold any state."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from ludwig.error import ArtifactError, LudwigError, StorageError
from ludwig.globals import FORMAT_VERSION
from ludwig.training import checkpoints
from ludwig.training.checkpoints import BEST, LATEST, Checkpoint
from ludwig.training.progress import Progress

ROOT = Path(__file__).parents[2]


def progress(steps: int = 1) -> Progress:
    return Progress(batch_size=1, steps_per_epoch=1, total_steps=10, learning_rate=0.1, steps=steps)


def checkpoint(steps: int = 1, size: int = 10) -> Checkpoint:
    weights = {"w": torch.full((size,), float(steps))}
    return Checkpoint(weights, progress(steps), {"state": {0: {"m": weights["w"] / 3}}}, {"cpu": torch.get_rng_state()})


# -- what a checkpoint holds


NESTED = {
    "half": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
    "bytes": torch.arange(5, dtype=torch.uint8),
    "number": torch.tensor(3.25),
    "nothing": torch.empty(0, 4),
    "strided": torch.arange(12.0).view(3, 4).T,
    "values": [1, 2.5, None, True, "text", math.inf, -math.inf],
    "pair": (1, (torch.tensor([7]), "x")),
    "by number": {0: {"a": torch.ones(2)}, 10: {}},
    "empty": {},
}


def same(one: object, two: object) -> bool:
    if isinstance(one, torch.Tensor):
        return isinstance(two, torch.Tensor) and one.dtype == two.dtype and torch.equal(one, two)
    if isinstance(one, dict):
        return isinstance(two, dict) and list(one) == list(two) and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list | tuple):
        return type(one) is type(two) and len(one) == len(two) and all(map(same, one, two))
    return type(one) is type(two) and one == two


def test_any_nesting_of_state_comes_back(tmp_path):
    checkpoints.save(tmp_path, LATEST, Checkpoint({"w": torch.ones(3)}, progress(), NESTED, {}))
    assert same(checkpoints.load(tmp_path / LATEST).optimizer, NESTED)


def test_weights_that_share_memory_come_back_equal(tmp_path):
    table = torch.randn(6, 4)
    weights = {"encoder": table, "decoder": table, "row": table[1], "turned": table.T}
    checkpoints.save(tmp_path, BEST, Checkpoint(weights, progress()))
    assert same(checkpoints.load(tmp_path / BEST).weights, dict(sorted(weights.items())))


def test_metrics_that_are_no_numbers_come_back_as_null(tmp_path):
    found = progress()
    found.add(found.train_metrics, {"y": {"loss": math.nan}})
    checkpoints.save(tmp_path, LATEST, Checkpoint({"w": torch.ones(1)}, found))
    assert checkpoints.load_latest(tmp_path).progress.train_metrics["y"]["loss"] == [[0, 1, None]]


# -- damage


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    flipped = bytearray(content)
    flipped[len(flipped) // 2] ^= 1
    path.write_bytes({"cut": content[:-3], "emptied": b"", "flipped": bytes(flipped)}[how])


@pytest.mark.parametrize("how", ["cut", "emptied", "flipped"])
@pytest.mark.parametrize("file", ["weights.safetensors", "optimizer.safetensors", "optimizer.json", "progress.json"])
def test_a_damaged_file_leads_back_to_the_checkpoint_before(file, how, tmp_path, caplog):
    for steps in (1, 2):
        checkpoints.save(tmp_path, LATEST, checkpoint(steps))
    damage(tmp_path / LATEST / file, how)
    assert checkpoints.load_latest(tmp_path).progress.steps == 1
    assert f"is damaged: {file} is not what was written" in caplog.text


@pytest.mark.parametrize("content", ["", "{", "[]", '{"sha256": {}}', '{"format": 1}'])
def test_a_damaged_manifest_leads_back_too(content, tmp_path):
    for steps in (1, 2):
        checkpoints.save(tmp_path, LATEST, checkpoint(steps))
    (tmp_path / LATEST / "manifest.json").write_text(content)
    assert checkpoints.load_latest(tmp_path).progress.steps == 1


def test_a_checkpoint_of_a_newer_version_is_not_guessed_at(tmp_path):
    checkpoints.save(tmp_path, BEST, checkpoint())
    manifest = tmp_path / BEST / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format": FORMAT_VERSION + 1}))
    with pytest.raises(ArtifactError, match="newer version"):
        checkpoints.load(tmp_path / BEST)


# -- disks


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("name", [LATEST, BEST])
def test_what_cannot_be_written_is_told_and_harms_nothing(code, name, tmp_path, monkeypatch):
    checkpoints.save(tmp_path, name, checkpoint(1))

    def refuses(file: Path) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "sync_file", refuses)
        with pytest.raises(StorageError, match=rf"{os.strerror(code)}.*skip_save_progress") as caught:
            checkpoints.save(tmp_path, name, checkpoint(2))
    assert isinstance(caught.value, LudwigError)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert checkpoints.load(tmp_path / name).progress.steps == 1


FULL = """
import resource, sys, torch
from pathlib import Path
from tests.training.test_checkpoints import checkpoint
from ludwig.training import checkpoints
folder = Path(sys.argv[1])
checkpoints.save(folder, "latest.ckpt", checkpoint(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    checkpoints.save(folder, "latest.ckpt", checkpoint(2, size=100_000))
except checkpoints.StorageError as error:
    print("told:", error)
print("latest:", checkpoints.load_latest(folder).progress.steps, sorted(path.name for path in folder.iterdir()))
"""


def python(code: str, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_file_that_outgrows_its_place_is_told_and_harms_nothing(tmp_path):
    told, errors = python(FULL, str(tmp_path)).communicate()
    assert "told: The checkpoint 'latest.ckpt' cannot be written" in told, errors
    assert "latest: 1 ['latest.ckpt']" in told


# -- kill -9


LOOP = """
import sys
from pathlib import Path
from tests.training.test_checkpoints import checkpoint
from ludwig.training import checkpoints
folder, first = Path(sys.argv[1]), int(sys.argv[2])
for steps in range(first, first + 100_000):
    for name in ("latest.ckpt", "best.ckpt"):
        checkpoints.save(folder, name, checkpoint(steps, size=50_000))
    print(steps, flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_kill_at_any_moment_leaves_whole_checkpoints(tmp_path):
    draw = np.random.default_rng(int.from_bytes(os.urandom(4)))
    last = 0
    for _ in range(4):
        process = python(LOOP, str(tmp_path), str(last + 1))
        assert process.stdout is not None
        process.stdout.readline()  # it saves now
        time.sleep(float(draw.uniform(0, 0.3)))
        process.send_signal(signal.SIGKILL)
        told, _ = process.communicate()
        done = [int(line) for line in told.split() if line.isdigit()]
        whole = checkpoints.load_latest(tmp_path)
        best = checkpoints.load(tmp_path / BEST)
        for found in (whole, best):
            assert found.progress.steps >= max([last + 1, *done])
            assert found.weights["w"].unique().tolist() == [float(found.progress.steps)]
        last = whole.progress.steps
    checkpoints.save(tmp_path, BEST, checkpoint(last + 1))
    checkpoints.save(tmp_path, LATEST, checkpoint(last + 1))
    assert sorted(path.name for path in tmp_path.iterdir()) == [BEST, LATEST, "previous.ckpt"]


@pytest.mark.parametrize("renames", [0, 1, 2, 3])
def test_a_death_between_any_two_renames_leaves_whole_checkpoints(renames, tmp_path, monkeypatch):
    """Every rename in turn is the last act of the process, on systems that cannot exchange names too."""
    for name in (LATEST, BEST):
        checkpoints.save(tmp_path, name, checkpoint(1))
        checkpoints.save(tmp_path, name, checkpoint(2))
    monkeypatch.setattr("ludwig.runtime.atomic._exchanged", lambda one, other: False)

    class Dead(BaseException):
        pass

    for name in (LATEST, BEST):
        left = [renames]

        def dying(act, left=left):
            def rename(self, target):
                if left[0] == 0:
                    raise Dead
                left[0] -= 1
                return act(self, target)

            return rename

        with monkeypatch.context() as patched:
            patched.setattr(Path, "rename", dying(Path.rename))
            patched.setattr(Path, "replace", dying(Path.replace))
            patched.setattr("ludwig.runtime.atomic._remove", lambda path: None)  # the dead clear up nothing
            with contextlib.suppress(Dead):
                checkpoints.save(tmp_path, name, checkpoint(3))
        found = checkpoints.load_latest(tmp_path) if name == LATEST else checkpoints.load(tmp_path / BEST)
        assert found.progress.steps in (2, 3)
