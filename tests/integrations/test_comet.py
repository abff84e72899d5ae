import json
import sys
import zipfile

import pytest

from ludwig.contribs.comet import CometCallback
from ludwig.error import ArgumentError, MissingExtraError

STEPS = 3  # of an epoch: 42 rows in batches of 16


class Experiment:
    """An experiment that records what is logged to it."""

    def __init__(self, **given):
        self.given, self.key = given, given.get("experiment_key") or "fresh"
        self.params, self.assets, self.others, self.logged = {}, {}, {}, []
        self.name, self.ended = None, False

    def get_key(self):
        return self.key

    def set_name(self, name):
        self.name = name

    def log_parameters(self, params):
        self.params |= params

    def log_asset_data(self, text, name):
        self.assets[name] = text

    def log_other(self, name, value):
        self.others[name] = value

    def log_metrics(self, metrics, step, epoch):
        self.logged.append((step, epoch, metrics))

    def end(self):
        self.ended = True


class Comet:
    """Stands for the package; like it, it gives an experiment that has ended as the running one."""

    def __init__(self):
        self.settings = {"comet.api_key": "key"}
        self.experiments = []

    def get_config(self, name):
        return self.settings.get(name)

    def get_running_experiment(self):
        return self.experiments[-1] if self.experiments else None

    def start(self, **given):
        self.experiments.append(Experiment(**given))
        return self.experiments[-1]


@pytest.fixture
def fake(monkeypatch):
    package = Comet()
    monkeypatch.setitem(sys.modules, "comet_ml", package)
    return package


def test_a_training_is_an_experiment_with_params_config_and_metrics(fake, train):
    results = train(CometCallback())
    (experiment,) = fake.experiments
    assert experiment.given == {"project_name": "trial", "experiment_key": None, "mode": "create"}
    assert experiment.name == "trial_run"
    assert experiment.params["trainer.optimizer.type"] == "adamw"
    assert json.loads(experiment.assets["config.json"])["trainer"] == {"batch_size": 16, "epochs": 2}
    assert [(step, epoch) for step, epoch, _ in experiment.logged] == [(3, 1), (6, 2), (6, 2)]
    losses = [metrics["validation_metrics.y.loss"] for *_, metrics in experiment.logged[:2]]
    assert losses == pytest.approx(results.train_stats.validation["y"]["loss"])
    assert experiment.others == {"status": "finished"} and experiment.ended


def test_the_project_of_the_settings_comes_first(fake, train):
    fake.settings["comet.project_name"] = "flowers"
    train(CometCallback())
    assert fake.experiments[0].given["project_name"] == "flowers"


def test_a_run_that_failed_goes_on_under_its_key_and_another_does_not(fake, train, breaks, tmp_path):
    callback = CometCallback()
    with pytest.raises(RuntimeError, match="the disk is full"):
        train(callback, breaks(2))
    assert fake.experiments[0].others == {"status": "failed"} and fake.experiments[0].ended
    train(callback, epochs=3, model_resume_path=str(tmp_path / "out/trial_run"))
    train(callback)
    found = [(each.given["experiment_key"], each.given["mode"]) for each in fake.experiments]
    assert found == [(None, "create"), ("fresh", "get_or_create"), (None, "create")]


def test_an_open_experiment_is_used_and_left_open(fake, train):
    mine = fake.start(experiment_key="mine")
    train(CometCallback())
    assert fake.experiments == [mine]
    assert len(mine.logged) == 3 and not mine.ended


def test_a_missing_key_is_reported_at_once(fake):
    fake.settings.clear()
    with pytest.raises(ArgumentError, match="Set COMET_API_KEY, or COMET_START_ONLINE=false"):
        CometCallback()
    fake.settings["comet.start.online"] = False
    CometCallback()


def test_a_missing_package_is_reported_at_once(monkeypatch):
    monkeypatch.setitem(sys.modules, "comet_ml", None)
    with pytest.raises(MissingExtraError, match=r"'comet_ml'.*ludwig\[trackers\]"):
        CometCallback()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_comet_itself_keeps_the_experiment_offline(train, breaks, tmp_path, monkeypatch):
    monkeypatch.setenv("COMET_START_ONLINE", "false")
    monkeypatch.chdir(tmp_path)  # the service writes where it stands
    monkeypatch.setenv("COMET_OFFLINE_DIRECTORY", str(tmp_path / "comet"))
    pytest.importorskip("comet_ml")
    callback = CometCallback()
    with pytest.raises(RuntimeError, match="the disk is full"):
        train(callback, breaks(2))
    key = json.loads((tmp_path / "out/trial_run/tracking.json").read_text(encoding="utf-8"))["comet"]
    with zipfile.ZipFile(tmp_path / "comet" / f"{key}.zip") as archive:
        messages = [json.loads(line) for line in archive.read("messages.json").splitlines()]
        assert json.loads(archive.read("experiment.json"))["project_name"] == "trial"
    others = {m["payload"]["key"]: m["payload"]["value"] for m in messages if m["type"] == "log_other"}
    assert (others["Name"], others["status"]) == ("trial_run", "failed")
    metrics = [m["payload"]["metric"] for m in messages if m["type"] == "metric_msg"]
    losses = {m["step"]: m["metricValue"] for m in metrics if m["metricName"] == "validation_metrics.y.loss"}
    results = train(callback, epochs=3, model_resume_path=str(tmp_path / "out/trial_run"))
    first, second, _ = results.train_stats.validation["y"]["loss"]
    assert losses == pytest.approx({STEPS: first, 2 * STEPS: second})
    assert len(list((tmp_path / "comet").glob(f"{key}*.zip"))) == 2  # the second goes on with the first
