"""Checkpoints survive kills at any moment, full disks, damage, and hold any state."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import math
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

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
    "values": [1, 2.5, None, True, "text", math.inf, -math.inf, math.nan],
    "pair": (1, (torch.tensor([7]), "x")),
    "by number": {0: {"a": torch.ones(2)}, 10: {}},
    "alike": {0: torch.ones(1), "0": torch.zeros(1), "a/b": torch.ones(2), "a": {"b": torch.zeros(2)}},
    "by pair": {(0, "a"): 1, None: torch.ones(3)},
    "long": [2**80, 0.1, -0.0, 5e-324],
    "empty": {},
    "nobody": ((), []),
}


def same(one: object, two: object) -> bool:
    if isinstance(one, torch.Tensor):
        return isinstance(two, torch.Tensor) and one.dtype == two.dtype and torch.equal(one, two)
    if isinstance(one, dict):
        return isinstance(two, dict) and list(one) == list(two) and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list | tuple):
        return type(one) is type(two) and len(one) == len(two) and all(map(same, one, two))
    return type(one) is type(two) and repr(one) == repr(two)


def test_any_nesting_of_state_comes_back(tmp_path):
    checkpoints.save(tmp_path, LATEST, Checkpoint({"w": torch.ones(3)}, progress(), NESTED, {}))
    assert same(checkpoints.load(tmp_path / LATEST).optimizer, NESTED)


def test_weights_that_share_memory_come_back_equal(tmp_path):
    table = torch.randn(6, 4)
    weights = {"encoder": table, "decoder": table, "row": table[1], "turned": table.T}
    checkpoints.save(tmp_path, BEST, Checkpoint(weights, progress()))
    assert same(checkpoints.load(tmp_path / BEST).weights, dict(sorted(weights.items())))


def test_numbers_of_numpy_come_back_as_plain_ones(tmp_path):
    state = {"rate": np.float32(0.5), "steps": np.int64(3), "on": np.bool_(True)}
    checkpoints.save(tmp_path, LATEST, Checkpoint({"w": torch.ones(1)}, progress(), state, {}))
    assert same(checkpoints.load(tmp_path / LATEST).optimizer, {"rate": 0.5, "steps": 3, "on": True})


def test_random_states_come_back_beside_the_optimizer(tmp_path):
    state = {"cpu": torch.get_rng_state()}
    checkpoints.save(tmp_path, LATEST, Checkpoint({"w": torch.ones(1)}, progress(), {"a": torch.ones(1)}, state))
    assert same(checkpoints.load_latest(tmp_path).random, state)


def test_progress_comes_back_with_what_is_no_number(tmp_path):
    found = progress()
    found.add(found.train_metrics, {"y": {"loss": math.nan, "ratio": math.inf, "share": np.float32(0.25)}})
    found.best_eval_loss = -math.inf
    checkpoints.save(tmp_path, LATEST, Checkpoint({"w": torch.ones(1)}, found))
    back = checkpoints.load_latest(tmp_path).progress
    assert repr(back.train_metrics) == "{'y': {'loss': [[0, 1, nan]], 'ratio': [[0, 1, inf]], 'share': [[0, 1, 0.25]]}}"
    assert back.best_eval_loss == -math.inf


def test_what_is_loaded_does_not_hang_on_the_files(tmp_path):
    checkpoints.save(tmp_path, BEST, checkpoint(3))
    found = checkpoints.load(tmp_path / BEST)
    (tmp_path / BEST / "weights.safetensors").write_bytes(b"")  # whoever still reads the file now dies
    assert found.weights["w"].tolist() == [3.0] * 10


def written_by_hand(path: Path) -> None:
    """The format as it is promised, written without our code."""
    path.mkdir(parents=True)
    save_file({"w": torch.arange(3.0)}, path / "weights.safetensors")
    save_file({"/state/0/m": torch.ones(2), "random.cpu": torch.get_rng_state()}, path / "optimizer.safetensors")
    state = [["state", {"dict": [[0, {"dict": [["m", {"tensor": "/state/0/m"}], ["t", {"tuple": [{"value": 1}]}]]}]]}]]
    (path / "optimizer.json").write_text(json.dumps({"dict": state}))
    known = {"batch_size": 1, "steps_per_epoch": 1, "total_steps": 10, "learning_rate": 0.1, "steps": 4}
    (path / "progress.json").write_text(json.dumps({**known, "best_eval_loss": None}))
    hashes = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in path.iterdir()}
    (path / "manifest.json").write_text(json.dumps({"format": 1, "sha256": hashes}, indent=4))


def test_checkpoints_of_the_first_version_are_read(tmp_path):
    written_by_hand(tmp_path / LATEST)
    found = checkpoints.load_latest(tmp_path)
    assert same(found.weights, {"w": torch.arange(3.0)})
    assert same(found.optimizer, {"state": {0: {"m": torch.ones(2), "t": (1,)}}})
    assert same(found.random, {"cpu": torch.get_rng_state()})
    assert found.progress == progress(4)


def test_the_files_are_what_is_promised(tmp_path):
    checkpoints.save(tmp_path, LATEST, checkpoint(2))
    folder = tmp_path / LATEST
    manifest = json.loads((folder / "manifest.json").read_text())
    others = [path for path in folder.iterdir() if path.name != "manifest.json"]
    assert manifest["sha256"] == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in others}
    assert manifest["format"] == FORMAT_VERSION
    assert load_file(folder / "weights.safetensors")["w"].tolist() == [2.0] * 10
    assert json.loads((folder / "progress.json").read_text())["steps"] == 2


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


@pytest.mark.parametrize("file", ["weights.safetensors", "optimizer.json", "progress.json", "manifest.json"])
def test_a_file_that_is_gone_leads_back_too(file, tmp_path, caplog):
    for steps in (1, 2):
        checkpoints.save(tmp_path, LATEST, checkpoint(steps))
    (tmp_path / LATEST / file).unlink()
    assert checkpoints.load_latest(tmp_path).progress.steps == 1
    assert file in caplog.text


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"sha256": {}}', '{"format": 1}', '{"format": 1, "sha256": {}}', "\x00"]
)
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


def test_progress_with_fields_of_a_newer_version_is_reported(tmp_path):
    written_by_hand(tmp_path / BEST)
    raw = json.loads((tmp_path / BEST / "progress.json").read_text())
    (tmp_path / BEST / "progress.json").write_text(json.dumps({**raw, "moods": []}))
    manifest = json.loads((tmp_path / BEST / "manifest.json").read_text())
    digest = hashlib.sha256((tmp_path / BEST / "progress.json").read_bytes()).hexdigest()
    manifest["sha256"]["progress.json"] = digest
    (tmp_path / BEST / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError, match=r"progress\.json.*moods.*Update ludwig"):
        checkpoints.load(tmp_path / BEST)


def test_all_may_be_damaged_or_none_there(tmp_path):
    assert checkpoints.load_latest(tmp_path) is None
    assert not checkpoints.is_there(tmp_path / BEST)
    with pytest.raises(ArtifactError, match=r"There is no checkpoint .*best\.ckpt"):
        checkpoints.load(tmp_path / BEST)
    checkpoints.save(tmp_path, LATEST, checkpoint())
    (tmp_path / LATEST / "weights.safetensors").write_bytes(b"")
    with pytest.raises(ArtifactError, match=r"No checkpoint in .* can be loaded.*weights\.safetensors"):
        checkpoints.load_latest(tmp_path)


# -- disks


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("name", [LATEST, BEST])
def test_what_cannot_be_written_is_reported_and_harms_nothing(code, name, tmp_path, monkeypatch):
    checkpoints.save(tmp_path, name, checkpoint(1))

    def refuses(file: Path) -> None:
        raise OSError(code, os.strerror(code))

    option = "skip_save_progress" if name == LATEST else "skip_save_model"
    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "sync_file", refuses)
        reported = rf"'{name}'.*{tmp_path}.*{os.strerror(code)}.*output_directory.*{option}=True"
        with pytest.raises(StorageError, match=reported) as caught:
            checkpoints.save(tmp_path, name, checkpoint(2))
    assert isinstance(caught.value, LudwigError)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert checkpoints.load(tmp_path / name).progress.steps == 1


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_only_be_read_is_reported(tmp_path):
    checkpoints.save(tmp_path, LATEST, checkpoint(1))
    tmp_path.chmod(0o555)
    with pytest.raises(StorageError, match="Permission denied"):
        checkpoints.save(tmp_path, LATEST, checkpoint(2))
    assert checkpoints.load_latest(tmp_path).progress.steps == 1


def test_a_file_where_the_folder_should_be_is_reported(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(StorageError, match="choose another output_directory"):
        checkpoints.save(tmp_path / "run", LATEST, checkpoint())


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
    print("error:", error)
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
def test_a_file_that_outgrows_its_place_is_reported_and_harms_nothing(tmp_path):
    reported, errors = python(FULL, str(tmp_path)).communicate()
    assert "error: The checkpoint 'latest.ckpt' cannot be written" in reported, errors
    assert "latest: 1 ['latest.ckpt']" in reported


# -- kill -9


KILLS = """
import os, random, signal, sys, time
from pathlib import Path
from tests.training.test_checkpoints import checkpoint
from ludwig.training import checkpoints

os.fsync = lambda handle: None  # as in tests/conftest.py: a kill loses nothing that was written
if sys.argv[2] == "two renames":
    checkpoints.written_aside.__globals__["_exchanged"] = lambda one, other: False
folder, kills, last, longest = Path(sys.argv[1]), 0, {"latest.ckpt": 0, "best.ckpt": 0}, 0.04
while kills < 40:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        for steps in range(max(last.values()) + 1, 1_000_000):
            for name in ("latest.ckpt", "best.ckpt"):
                checkpoints.save(folder, name, checkpoint(steps, size=50_000))
                os.write(writer, b"%d " % steps)
        os._exit(1)
    os.close(writer)
    time.sleep(random.uniform(0.0, longest))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    reported = [int(step) for step in os.read(reader, 1_000_000).split()]
    os.close(reader)
    known = {name: max([last[name], *reported[place::2]]) for place, name in enumerate(last)}
    for name, least in known.items():
        found = checkpoints.load_latest(folder) if name == "latest.ckpt" else None
        if name == "best.ckpt" and checkpoints.is_there(folder / name):
            found = checkpoints.load(folder / name)
        if found is None:
            assert least == 0, name
            continue
        last[name] = found.progress.steps
        assert last[name] >= least, (name, last[name], least)
        assert found.weights["w"].unique().tolist() == [float(last[name])]
        assert found.optimizer["state"][0]["m"].unique().numel() == 1
    kills += bool(reported)
    longest *= 1.0 if reported else 1.1  # a busy machine takes longer to save anything
for name in last:
    checkpoints.save(folder, name, checkpoint(1_000_000))
print(sorted(path.name for path in folder.iterdir()), max(last.values()))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("way", ["exchange", "two renames"])
def test_a_kill_at_any_moment_leaves_whole_checkpoints(way, tmp_path):
    """Forty saving processes are killed at random moments; what they left is whole, current, and cleared up."""
    reported, errors = python(KILLS, str(tmp_path), way).communicate()
    assert reported.startswith(str([BEST, LATEST, "previous.ckpt"])), errors
    assert int(reported.split()[-1]) > 40


@pytest.mark.parametrize("way", ["exchange", "two renames"])
def test_whoever_reads_while_another_writes_finds_a_whole_one(way, tmp_path, monkeypatch):
    if way == "two renames":
        monkeypatch.setattr("ludwig.runtime.atomic._exchanged", lambda one, other: False)
    for name in (LATEST, BEST):
        checkpoints.save(tmp_path, name, checkpoint(0))

    def write() -> None:
        for steps in range(1, 40):
            for name in (LATEST, BEST):
                checkpoints.save(tmp_path, name, checkpoint(steps))

    writer = threading.Thread(target=write)
    writer.start()
    seen = []
    while writer.is_alive():
        seen.append([checkpoints.load_latest(tmp_path), checkpoints.load(tmp_path / BEST)])
    writer.join()
    for found in map(list, zip(*seen, strict=True)):
        steps = [each.progress.steps for each in found]
        assert steps == sorted(steps)
        assert len({*steps}) > 1
        assert all(each.weights["w"].tolist() == [each.progress.steps] * 10 for each in found)


def test_a_checkpoint_that_moves_while_it_is_read_is_read_anew(tmp_path, monkeypatch):
    checkpoints.save(tmp_path, BEST, checkpoint(3))
    whole, moved = checkpoints._hash, []

    def moving(path: Path) -> str | None:
        if not moved:
            moved.append((tmp_path / BEST).rename(tmp_path / f".{BEST}.00000000-1-1.old"))
        return whole(path)

    monkeypatch.setattr(checkpoints, "_hash", moving)
    assert checkpoints.load(tmp_path / BEST).progress.steps == 3
    assert checkpoints.is_there(tmp_path / BEST)


def test_a_checkpoint_that_is_replaced_all_the_time_is_reported(tmp_path, monkeypatch):
    checkpoints.save(tmp_path, BEST, checkpoint())
    whole = checkpoints._hash

    def replacing(path: Path) -> str | None:
        if path.name == "weights.safetensors":
            checkpoints.save(tmp_path, BEST, checkpoint())
        return whole(path)

    monkeypatch.setattr(checkpoints, "_hash", replacing)
    with pytest.raises(ArtifactError, match="Does another run write there"):
        checkpoints.load(tmp_path / BEST)


@pytest.mark.parametrize("renames", [0, 1, 2, 3, 4])
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
        assert found.progress.steps == (3 if renames >= (1 if name == LATEST else 2) else 2)
