import copy
import sys
from types import SimpleNamespace

import pytest
import yaml

from ludwig.contribs.mlflow import MlflowCallback
from ludwig.error import MissingExtraError
from ludwig.integrations.mlflow import MlflowService
from ludwig.integrations.tracking import Training

STEPS = 3  # of an epoch: 42 rows in batches of 16


class MlflowException(Exception):
    def __init__(self, code):
        super().__init__(code)
        self.error_code = code


class Mlflow:
    """Stands for the package: runs in a dict, and the calls in their order."""

    MlflowException = MlflowException

    def __init__(self):
        self.uri = self.active = None
        self.experiments, self.runs, self.calls = {}, {}, []

    def is_tracking_uri_set(self):
        return self.uri is not None

    def get_tracking_uri(self):
        return self.uri

    def set_tracking_uri(self, uri):
        self.uri = uri

    def active_run(self):
        return self.active

    def get_experiment_by_name(self, name):
        return self.experiments.get(name)

    def create_experiment(self, name, artifact_location):
        number = str(len(self.experiments))
        self.experiments[name] = SimpleNamespace(experiment_id=number, artifact_location=artifact_location)
        return number

    def start_run(self, run_id=None, experiment_id=None, run_name=None):
        if run_id is not None and run_id not in self.runs:
            raise MlflowException("RESOURCE_DOES_NOT_EXIST")
        if run_id is None:
            run_id = f"run{len(self.runs)}"
            place = {"experiment": experiment_id, "name": run_name, "uri": self.uri}
            self.runs[run_id] = {**place, "params": {}, "metrics": [], "artifacts": {}, "status": "RUNNING"}
        self.active = SimpleNamespace(info=SimpleNamespace(run_id=run_id))
        return self.active

    @property
    def run(self):
        return self.runs[self.active.info.run_id]

    def get_run(self, run_id):
        return SimpleNamespace(data=SimpleNamespace(params=self.runs[run_id]["params"]))

    def log_params(self, params):
        assert len(params) <= 100 and not params.keys() & self.run["params"].keys()
        self.run["params"] |= {name: str(value) for name, value in params.items()}

    def log_metrics(self, metrics, step):
        assert len(metrics) <= 1000
        self.run["metrics"].append((step, metrics))

    def log_text(self, text, artifact_file):
        self.run["artifacts"][artifact_file] = text

    def log_artifacts(self, local_dir):
        self.run["artifacts"]["."] = local_dir

    def end_run(self, status):
        self.run["status"], self.active = status, None


@pytest.fixture
def fake(monkeypatch):
    mlflow = Mlflow()
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    return mlflow


def test_a_training_is_a_run_with_params_metrics_and_artifacts(fake, train, tmp_path):
    results = train(MlflowCallback())
    (run,) = fake.runs.values()
    assert fake.experiments["trial"].experiment_id == run["experiment"]
    assert (run["name"], run["status"]) == ("trial_run", "FINISHED")
    assert run["params"]["trainer.batch_size"] == "16"
    assert run["params"]["input_features.x ___.type"] == "number"  # MLflow refuses ($) in names
    assert [step for step, _ in run["metrics"]] == [STEPS, 2 * STEPS, 2 * STEPS]
    losses = [metrics["validation_metrics.y.loss"] for _, metrics in run["metrics"][:2]]
    assert losses == pytest.approx(results.train_stats.validation["y"]["loss"])
    assert yaml.safe_load(run["artifacts"]["config.yaml"])["trainer"] == {"batch_size": 16, "epochs": 2}
    assert run["artifacts"]["."] == results.output_directory


def test_without_a_uri_runs_go_to_a_database_in_the_output_directory(fake, train, tmp_path):
    train(MlflowCallback())
    (run,) = fake.runs.values()
    assert run["uri"] == f"sqlite:///{tmp_path}/out/mlflow.db"
    assert fake.experiments["trial"].artifact_location == (tmp_path / "out/mlartifacts").as_uri()
    assert fake.uri is None  # as it was
    train(MlflowCallback(), output_directory=str(tmp_path / "other"))
    assert fake.runs["run1"]["uri"] == f"sqlite:///{tmp_path}/other/mlflow.db"


def test_a_uri_that_is_set_or_given_is_kept_to(fake, train):
    fake.uri = "http://set"
    train(MlflowCallback())
    assert fake.runs["run0"]["uri"] == fake.uri == "http://set"
    assert fake.experiments["trial"].artifact_location is None  # the server knows where
    callback = MlflowCallback("http://given")
    assert fake.uri == "http://given"
    train(callback)
    assert fake.runs["run1"]["uri"] == "http://given"


def test_an_active_run_is_used_and_left_open(fake, train):
    fake.start_run(experiment_id="7", run_name="mine")
    fake.log_params({"trainer.epochs": "mine"})
    train(MlflowCallback())
    (run,) = fake.runs.values()
    assert (run["name"], run["status"]) == ("mine", "RUNNING")
    assert run["params"]["trainer.epochs"] == "mine"  # a param cannot change
    assert len(run["metrics"]) == 3
    assert fake.active is not None


def test_without_artifacts_only_numbers_are_logged(fake, train):
    train(MlflowCallback(log_artifacts=False))
    (run,) = fake.runs.values()
    assert run["artifacts"] == {} and run["metrics"]


def test_a_run_that_failed_goes_on(fake, train, breaks, tmp_path):
    callback = MlflowCallback()
    with pytest.raises(RuntimeError, match="the disk is full"):
        train(callback, breaks(2))
    assert fake.runs["run0"]["status"] == "FAILED"
    assert fake.active is None and fake.uri is None
    train(callback, epochs=3, model_resume_path=str(tmp_path / "out/trial_run"))
    (run,) = fake.runs.values()
    assert run["status"] == "FINISHED"
    assert [step for step, _ in run["metrics"]][-2:] == [3 * STEPS, 3 * STEPS]
    assert run["params"]["trainer.epochs"] == "2"


def test_a_run_that_the_store_does_not_know_begins_anew(fake, train, breaks, tmp_path, caplog):
    with pytest.raises(RuntimeError, match="the disk is full"):
        train(MlflowCallback(), breaks(2))
    fake.runs = {"other": fake.runs["run0"]}
    train(MlflowCallback(), epochs=3, model_resume_path=str(tmp_path / "out/trial_run"))
    assert "no run 'run0'" in caplog.text
    assert fake.runs["run1"]["status"] == "FINISHED"
    fake.start_run = lambda **kwargs: (_ for _ in ()).throw(MlflowException("INTERNAL_ERROR"))
    with pytest.raises(MlflowException, match="INTERNAL_ERROR"):
        train(MlflowCallback(), epochs=4, model_resume_path=str(tmp_path / "out/trial_run"))


def test_artifacts_that_cannot_be_kept_leave_no_run_open(fake, train):
    fake.log_artifacts = lambda folder: (_ for _ in ()).throw(OSError("the disk is full"))
    with pytest.raises(OSError, match="the disk is full"):
        train(MlflowCallback())
    assert fake.active is None and fake.uri is None


def test_many_and_long_names_fit_in(fake):
    names = [f"f{number}" for number in range(250)] + ["f" * 300]
    features = [{"name": name, "type": "number"} for name in names]
    service = MlflowService(None, log_artifacts=False)
    service.begin(Training("trial", "run", None, None, {}, {"input_features": features}), None)
    service.log({f"{name}.loss": 0.5 for name in names}, 1, 1)
    (run,) = fake.runs.values()
    assert len(run["params"]) == sum(len(metrics) for _, metrics in run["metrics"]) == 251
    assert max(map(len, run["params"])) == 250  # MLflow takes no longer ones


def test_it_can_be_copied(fake, train):
    train(copy.deepcopy(MlflowCallback(log_artifacts=False)))
    assert fake.runs["run0"]["artifacts"] == {}


def test_a_missing_package_is_reported_at_once(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(MissingExtraError, match=r"'mlflow'.*ludwig\[trackers\]"):
        MlflowCallback()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_mlflow_itself_keeps_the_run(train, breaks, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    callback = MlflowCallback()
    with pytest.raises(RuntimeError, match="the disk is full"):
        train(callback, breaks(2))
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path}/out/mlflow.db")
    experiment = client.get_experiment_by_name("trial")
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status) == ("trial_run", "FAILED")
    results = train(callback, epochs=3, model_resume_path=str(tmp_path / "out/trial_run"))
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.params["trainer.batch_size"] == "16"
    assert run.data.metrics["test_metrics.y.r2"] == pytest.approx(results.train_stats.test["y"]["r2"][-1])
    history = client.get_metric_history(run.info.run_id, "validation_metrics.y.loss")
    found = {metric.step: metric.value for metric in history}
    losses = results.train_stats.validation["y"]["loss"]
    assert found == pytest.approx({(number + 1) * STEPS: loss for number, loss in enumerate(losses)})
    artifacts = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert {"config.yaml", "description.json", "model"} <= artifacts
    inside = {file.path for file in client.list_artifacts(run.info.run_id, "model")}
    assert {"model/model_hyperparameters.json", "model/model_weights.safetensors"} <= inside
    assert not mlflow.is_tracking_uri_set() and mlflow.active_run() is None


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_mlflow_itself_keeps_an_active_run_open(train, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    uri = f"sqlite:///{tmp_path}/mine.db"
    callback = MlflowCallback(uri, log_artifacts=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)  # it sets the variable too, which is put back after the test
    try:
        with mlflow.start_run(run_name="mine") as mine:
            train(callback)
            assert mlflow.active_run().info.run_id == mine.info.run_id
        run = mlflow.get_run(mine.info.run_id)
    finally:
        mlflow.set_tracking_uri(None)
    assert (run.info.run_name, run.info.status) == ("mine", "FINISHED")
    assert run.data.metrics["steps"] == 2 * STEPS
