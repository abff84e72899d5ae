import json
import math
import sys

import pytest

from ludwig.error import MissingExtraError
from ludwig.integrations.tracking import Tracking, Training, finite, flat, package_of, remember_id, remembered_id

STEPS = 3  # of an epoch: 42 rows in batches of 16


class Notebook:
    """A service that records what is logged to it."""

    name = "notebook"

    def __init__(self):
        self.begun, self.logged, self.ended = [], [], []

    def begin(self, training, run_id):
        self.begun.append((training, run_id))
        return run_id or f"id-{len(self.begun)}"

    def log(self, metrics, step, epoch):
        self.logged.append((step, epoch, metrics))

    def end(self, failed):
        self.ended.append(failed)


@pytest.fixture
def notebook():
    return Notebook()


def test_a_service_gets_the_beginning_each_evaluation_the_test_split_and_the_end(notebook, train, config, tmp_path):
    results = train(Tracking(notebook))
    ((training, run_id),) = notebook.begun
    assert run_id is None
    assert (training.experiment, training.name, training.root) == ("trial", "trial_run", tmp_path / "out")
    assert training.config == {**config, "trainer": {"batch_size": 16, "epochs": 2}}
    assert training.params["trainer.epochs"] == 2
    assert training.params["trainer.optimizer.type"] == "adamw"  # a default, two levels down
    assert training.params["input_features.x _$_.type"] == "number"
    assert training.params["output_features.y.type"] == "number"
    assert [(step, epoch) for step, epoch, _ in notebook.logged] == [(STEPS, 1), (2 * STEPS, 2), (2 * STEPS, 2)]
    first, second, last = (metrics for *_, metrics in notebook.logged)
    stats = results.train_stats
    found = [metrics["validation_metrics.y.loss"] for metrics in (first, second)]
    assert found == pytest.approx(stats.validation["y"]["loss"])
    assert last["test_metrics.y.r2"] == pytest.approx(stats.test["y"]["r2"][-1])
    assert {name.split(".")[-3] for name in last} == {"test_metrics"}  # the others were logged with the evaluation
    assert notebook.ended == [False]
    assert json.loads((tmp_path / "out/trial_run/tracking.json").read_text(encoding="utf-8")) == {"notebook": "id-1"}


def test_a_run_that_fails_is_ended_as_failed_and_goes_on_under_its_id(notebook, train, breaks, tmp_path):
    tracking = Tracking(notebook)
    with pytest.raises(RuntimeError, match="the disk is full"):
        train(tracking, breaks(2))
    assert notebook.ended == [True]
    train(tracking, epochs=3, model_resume_path=str(tmp_path / "out/trial_run"))
    assert [run_id for _, run_id in notebook.begun] == [None, "id-1"]
    assert notebook.ended == [True, False]
    train(tracking)  # a run of its own
    assert [run_id for _, run_id in notebook.begun] == [None, "id-1", None]
    assert notebook.begun[-1][0].name == "trial_run_0"


def test_a_training_that_stands_in_an_except_has_not_failed(notebook, train):
    try:
        raise KeyError("something before")
    except KeyError:
        train(Tracking(notebook))
    assert notebook.ended == [False]


def test_a_run_that_saves_nothing_is_tracked_and_leaves_nothing(notebook, train, tmp_path):
    train(Tracking(notebook), output_directory=None)
    ((training, _),) = notebook.begun
    assert (training.name, training.folder, training.root) == ("trial_run", None, None)
    assert notebook.ended == [False]
    assert list(tmp_path.iterdir()) == []


def test_only_the_main_process_speaks(notebook, tmp_path):
    tracking = Tracking(notebook)
    tracking.on_train_init({}, str(tmp_path), "trial", "run", str(tmp_path), None)
    tracking.on_train_start(model=None, config={}, config_fp=None)
    tracking.on_trainer_train_setup(None, None, False)
    tracking.on_train_end(str(tmp_path))
    assert (notebook.begun, notebook.ended, list(tmp_path.iterdir())) == ([], [], [])


def test_a_service_that_does_not_answer_is_not_closed(notebook, train):
    def fails(training, run_id):
        raise ConnectionError("nobody is there")

    tracking = Tracking(notebook)
    train(tracking)
    notebook.begin = fails
    with pytest.raises(ConnectionError):
        train(tracking)
    assert notebook.ended == [False]  # that of the first


def test_hooks_take_keywords_of_later_versions(notebook, tmp_path):
    tracking = Tracking(notebook)
    tracking.on_train_init({}, str(tmp_path), "trial", "run", str(tmp_path), None, later=1)
    tracking.on_train_start(model=None, config={}, config_fp=None, later=1)
    tracking.on_trainer_train_setup(None, None, True, later=1)
    tracking.on_train_end(str(tmp_path), later=1)
    assert notebook.ended == [False]


def test_nested_sections_are_flattened():
    section = {"epochs": 2, "optimizer": {"type": "adam", "betas": [0.9, 0.999]}, "none": {}}
    expected = {"t.epochs": 2, "t.optimizer.type": "adam", "t.optimizer.betas": [0.9, 0.999]}
    assert flat(section, "t") == expected


def test_what_is_no_number_is_left_out():
    assert finite({"a": 1, "b": math.nan, "c": math.inf, "d": -0.5}) == {"a": 1.0, "d": -0.5}


def test_ids_of_several_services_are_kept_side_by_side(tmp_path):
    assert remembered_id(tmp_path, "one") is None
    remember_id(tmp_path, "one", "1")
    remember_id(tmp_path, "two", "2")
    assert (remembered_id(tmp_path, "one"), remembered_id(tmp_path, "two")) == ("1", "2")
    assert remembered_id(tmp_path, "three") is None
    assert remembered_id(None, "one") is None


def test_a_run_without_a_folder_is_named_as_its_folder_would_be():
    assert Training("trial", "run", None, None, {}).name == "trial_run"
    assert Training("trial", "", None, None, {}).name == "trial"


def test_a_missing_package_is_reported_with_its_extra(monkeypatch):
    with pytest.raises(MissingExtraError, match=r"Dreaming needs the package 'nopackage'.*ludwig\[trackers\]"):
        package_of("nopackage", "Dreaming")


def test_a_broken_package_is_not_reported_as_missing(monkeypatch, tmp_path):
    (tmp_path / "broken_tracker.py").write_text("import nopackage\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="nopackage") as caught:
        package_of("broken_tracker", "Dreaming")
    assert not isinstance(caught.value, MissingExtraError)
    assert "broken_tracker" not in sys.modules
