import json
import struct
import sys
from types import SimpleNamespace

import pytest

from ludwig.contribs.wandb import WandbCallback
from ludwig.error import MissingExtraError

STEPS = 3  # of an epoch: 42 rows in batches of 16


class Run:
    """A run that records what is logged to it."""

    def __init__(self, **given):
        self.given, self.id = given, given.get("id") or "fresh"
        self.axes, self.logged, self.exit_code = [], [], None
        self.changed = {}
        self.config = SimpleNamespace(update=lambda config, allow_val_change: self.changed.update(config))

    def define_metric(self, name, step_metric):
        self.axes.append((name, step_metric))

    def log(self, metrics):
        self.logged.append(metrics)

    def finish(self, exit_code):
        self.exit_code = exit_code


@pytest.fixture
def fake(monkeypatch):
    runs = []

    def init(**given):
        runs.append(Run(**given))
        return runs[-1]

    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    monkeypatch.delenv("WANDB_DIR", raising=False)
    package = SimpleNamespace(run=None, init=init, runs=runs)
    monkeypatch.setitem(sys.modules, "wandb", package)
    return package


def test_a_training_is_a_run_with_config_and_metrics(fake, train, config, tmp_path):
    results = train(WandbCallback())
    (run,) = fake.runs
    assert run.given == {
        "project": "trial",
        "name": "trial_run",
        "config": {**config, "trainer": {"batch_size": 16, "epochs": 2}},
        "dir": tmp_path / "out",
        "id": None,
        "resume": "allow",
    }
    assert run.axes == [("*", "steps")]
    assert [(metrics["steps"], metrics["epoch"]) for metrics in run.logged] == [(3, 1), (6, 2), (6, 2)]
    losses = [metrics["validation_metrics.y.loss"] for metrics in run.logged[:2]]
    assert losses == pytest.approx(results.train_stats.validation["y"]["loss"])
    assert run.logged[-1]["test_metrics.y.r2"] == pytest.approx(results.train_stats.test["y"]["r2"][-1])
    assert run.exit_code == 0


def test_project_and_folder_of_the_environment_come_first(fake, train, monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_PROJECT", "flowers")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path / "elsewhere"))
    train(WandbCallback())
    assert fake.runs[0].given["project"] == "flowers"
    assert fake.runs[0].given["dir"] == str(tmp_path / "elsewhere")


def test_a_run_that_failed_goes_on_under_its_id(fake, train, breaks, tmp_path):
    callback = WandbCallback()
    with pytest.raises(RuntimeError, match="the disk is full"):
        train(callback, breaks(2))
    train(callback, epochs=3, model_resume_path=str(tmp_path / "out/trial_run"))
    assert [(run.given["id"], run.exit_code) for run in fake.runs] == [(None, 1), ("fresh", 0)]


def test_an_open_run_is_used_and_left_open(fake, train):
    fake.run = Run(id="mine")
    train(WandbCallback())
    assert fake.runs == [] and fake.run.exit_code is None
    assert fake.run.changed["trainer"] == {"batch_size": 16, "epochs": 2}
    assert len(fake.run.logged) == 3
    assert fake.run.axes == []  # the axes of what else it holds are not ours


def test_a_missing_package_is_reported_at_once(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(MissingExtraError, match=r"'wandb'.*ludwig\[trackers\]"):
        WandbCallback()


def records(path):
    """The records of an offline run: a header of 7 bytes, then a log of blocks as LevelDB writes them."""
    from wandb.proto.wandb_internal_pb2 import Record

    block, head = 32768, struct.Struct("<IHB")  # checksum, length, kind: 1 whole, 2 first, 3 middle, 4 last
    data, place, whole = path.read_bytes(), 7, b""
    while place + head.size <= len(data):
        if block - place % block < head.size:
            place += block - place % block
            continue
        _, length, kind = head.unpack_from(data, place)
        whole += data[place + head.size : place + head.size + length]
        place += head.size + length
        if kind in (1, 4):
            yield Record.FromString(whole)
            whole = b""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_wandb_itself_keeps_the_run_offline(train, breaks, tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    for name in ("WANDB_PROJECT", "WANDB_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    callback = WandbCallback()
    with pytest.raises(RuntimeError, match="the disk is full"):
        train(callback, breaks(2))
    run_id = json.loads((tmp_path / "out/trial_run/tracking.json").read_text(encoding="utf-8"))["wandb"]
    (file,) = (tmp_path / "out/wandb").glob(f"offline-run-*/run-{run_id}.wandb")
    found = list(records(file))
    (run,) = [record.run for record in found if record.WhichOneof("record_type") == "run"]
    assert (run.run_id, run.project, run.display_name) == (run_id, "trial", "trial_run")
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert config["trainer"] == {"batch_size": 16, "epochs": 2}
    history = [record.history.item for record in found if record.WhichOneof("record_type") == "history"]
    evaluations = [{item.key or item.nested_key[0]: json.loads(item.value_json) for item in items} for items in history]
    assert [values["steps"] for values in evaluations] == [STEPS, 2 * STEPS]
    (ended,) = [record.exit.exit_code for record in found if record.WhichOneof("record_type") == "exit"]
    assert ended == 1
    results = train(callback, epochs=3, model_resume_path=str(tmp_path / "out/trial_run"))
    losses = results.train_stats.validation["y"]["loss"]
    assert [values["validation_metrics.y.loss"] for values in evaluations] == pytest.approx(losses[:2])
    assert len(list((tmp_path / "out/wandb").glob(f"offline-run-*/run-{run_id}.wandb"))) == 2
