import json
import sys
from types import SimpleNamespace

import pytest

from ludwig.contribs.aim import AimCallback
from ludwig.error import MissingExtraError
from ludwig.integrations.aim import named

STEPS = 3  # of an epoch: 42 rows in batches of 16


class Run(dict):
    """A run that records what is logged to it."""

    def __init__(self, **given):
        super().__init__()
        self.given, self.hash = given, given["run_hash"] or "fresh"
        self.name, self.tracked, self.is_closed = None, [], False

    def track(self, value, name, step, epoch, context):
        self.tracked.append((name, tuple(context.values()), step, epoch, value))

    def close(self):
        self.is_closed = True


@pytest.fixture
def fake(monkeypatch):
    runs = []

    def start(**given):
        runs.append(Run(**given))
        return runs[-1]

    package = SimpleNamespace(Run=start, runs=runs)
    monkeypatch.setitem(sys.modules, "aim", package)
    return package


def test_a_training_is_a_run_with_configs_and_metrics_by_split(fake, train):
    results = train(AimCallback("somewhere"))
    (run,) = fake.runs
    assert run.given == {"run_hash": None, "repo": "somewhere", "experiment": "trial"}
    assert run.name == "trial_run"
    assert run["base_config"]["trainer"] == {"batch_size": 16, "epochs": 2}
    assert run["train_config"]["trainer"]["optimizer"]["type"] == "adamw"
    where = ("loss", ("validation", "y"))
    losses = {(step, epoch): value for *name, step, epoch, value in run.tracked if tuple(name) == where}
    first, second = results.train_stats.validation["y"]["loss"]
    assert losses == pytest.approx({(STEPS, 1): first, (2 * STEPS, 2): second})
    assert ("learning_rate", (), STEPS, 1, pytest.approx(0.0015)) in run.tracked
    assert run["status"] == "finished" and run.is_closed


def test_a_run_that_failed_goes_on_under_its_hash(fake, train, breaks, tmp_path):
    callback = AimCallback()
    with pytest.raises(RuntimeError, match="the disk is full"):
        train(callback, breaks(2))
    train(callback, epochs=3, model_resume_path=str(tmp_path / "out/trial_run"))
    assert [(run.given["run_hash"], run["status"]) for run in fake.runs] == [(None, "failed"), ("fresh", "finished")]


@pytest.mark.parametrize(
    ("flat", "name", "context"),
    [
        ("train_metrics.y.loss", "loss", {"subset": "train", "output": "y"}),
        ("best.test_metrics.y.r2", "best_r2", {"subset": "test", "output": "y"}),
        ("validation_metrics.size.in.cm.r2", "r2", {"subset": "validation", "output": "size.in.cm"}),
        ("learning_rate", "learning_rate", {}),
        ("best_valid_metric", "best_valid_metric", {}),
    ],
)
def test_flat_names_become_a_metric_and_its_context(flat, name, context):
    assert named(flat) == (name, context)


def test_a_missing_package_is_reported_at_once(monkeypatch):
    monkeypatch.setitem(sys.modules, "aim", None)
    with pytest.raises(MissingExtraError, match=r"'aim'.*ludwig\[trackers\]"):
        AimCallback()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_aim_itself_keeps_the_run(train, breaks, tmp_path):
    aim = pytest.importorskip("aim")
    (tmp_path / "repo").mkdir()
    callback = AimCallback(str(tmp_path / "repo"))
    with pytest.raises(RuntimeError, match="the disk is full"):
        train(callback, breaks(2))
    results = train(callback, epochs=3, model_resume_path=str(tmp_path / "out/trial_run"))
    run_hash = json.loads((tmp_path / "out/trial_run/tracking.json").read_text(encoding="utf-8"))["aim"]
    run = aim.Run(run_hash, repo=str(tmp_path / "repo"))
    try:
        assert (run.name, run.experiment, run["status"]) == ("trial_run", "trial", "finished")
        assert run["base_config"]["trainer"] == {"batch_size": 16, "epochs": 3}
        (losses,) = [
            metric.values.sparse_numpy()[1]
            for metric in run.metrics()
            if metric.name == "loss" and metric.context.to_dict() == {"subset": "validation", "output": "y"}
        ]
        assert sorted(losses) == pytest.approx(sorted(results.train_stats.validation["y"]["loss"]))
    finally:
        run.close()
