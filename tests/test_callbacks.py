"""The order in which hooks fire, for every entry point."""

from __future__ import annotations

import inspect

import numpy as np
import pandas as pd
import pytest

from ludwig.api import LudwigModel
from ludwig.callbacks import Callback, CallbackList

HOOKS = [name for name in vars(Callback) if name.startswith(("on_", "should_"))]
QUIET = {"on_preprocess_progress", "on_batch_start", "on_batch_end"}


class Recorder(Callback):
    """Notes every hook."""

    def __init__(self) -> None:
        self.fired: list[str] = []
        self.arguments: dict[str, dict] = {}

    @property
    def loud(self) -> list[str]:
        return [name for name in self.fired if name not in QUIET]


def _noting(name: str):
    signature = inspect.signature(getattr(Callback, name))

    def hook(self, *args, **kwargs):
        self.fired.append(name)
        self.arguments[name] = signature.bind(self, *args, **kwargs).arguments
        return False

    return hook


for _name in HOOKS:
    setattr(Recorder, _name, _noting(_name))

PREPROCESS = ["on_preprocess_start", "on_build_metadata_start", "on_build_metadata_end", "on_build_data_start"]
PREPROCESS += ["on_build_data_end", "on_preprocess_end"]
ROUND = ["on_eval_start", "on_validation_start", "on_validation_end", "on_save_best_checkpoint", "should_early_stop"]
ROUND += ["on_eval_end"]
EPOCH = ["on_epoch_start", *ROUND, "on_epoch_end"]
TRAIN = ["on_train_init", "on_train_start", "on_trainer_train_setup", *EPOCH, *EPOCH, "on_checkpoint"]
TRAIN += ["on_test_start", "on_test_end", "on_trainer_train_teardown", "on_train_end"]
PREDICT = ["on_build_data_start", "on_build_data_end"]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    x = np.linspace(-1, 1, 60)
    return pd.DataFrame({"x": x, "y": 2 * x})


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def model(*callbacks: Callback) -> LudwigModel:
    trainer = {"epochs": 2, "batch_size": 21, "learning_rate": 0.01}
    sections = {
        "input_features": [{"name": "x", "type": "number"}],
        "output_features": [{"name": "y", "type": "number"}],
    }
    return LudwigModel({**sections, "trainer": trainer}, callbacks=list(callbacks))


def test_preprocessing(recorder, table):
    model(recorder).preprocess(dataset=table)
    assert recorder.loud == PREPROCESS
    assert recorder.fired.count("on_preprocess_progress") == 3  # a feature each, then all
    assert len(recorder.arguments["on_preprocess_end"]["training_set"]) == 42


def test_training(recorder, table, tmp_path):
    model(recorder).train(dataset=table, output_directory=str(tmp_path), skip_save_log=True)
    assert recorder.loud == [*PREPROCESS, *TRAIN]
    assert recorder.fired.count("on_batch_start") == recorder.fired.count("on_batch_end") == 4
    seen = recorder.arguments["on_epoch_end"]
    assert seen["save_path"].endswith("model")
    progress, trainer = seen["progress_tracker"], seen["trainer"]
    assert (progress.epoch, progress.steps, trainer.total_steps, trainer.steps_per_epoch) == (2, 4, 4, 2)
    assert progress.progress_pct == 100
    assert progress.log_metrics()["validation_metrics.y.loss"] == progress.validation_metrics["y"]["loss"][-1][2]
    assert recorder.arguments["on_train_init"]["experiment_name"] == "api_experiment"


def test_callbacks_of_a_call_come_after_those_of_the_model_and_for_that_call_only(table):
    order: list[str] = []

    class Named(Callback):
        def __init__(self, name: str) -> None:
            self.name = name

        def on_preprocess_start(self, config, **kwargs):
            order.append(self.name)

    one = model(Named("model"))
    one.train(dataset=table, output_directory=None, callbacks=[Named("call")])
    one.preprocess(dataset=table)
    assert order == ["model", "call", "model"]


def test_evaluation_and_prediction(recorder, table):
    one = model(recorder)
    one.train(dataset=table, output_directory=None)
    recorder.fired.clear()
    one.evaluate(table)
    assert recorder.fired == ["on_evaluation_start", *PREDICT, "on_evaluation_end"]
    recorder.fired.clear()
    one.predict(table)
    assert recorder.fired == PREDICT
    recorder.fired.clear()
    with pytest.raises(ValueError, match="no column"):
        one.evaluate(table.drop(columns="y"))
    assert recorder.fired[-1] == "on_evaluation_end"


def test_an_experiment_is_training_then_evaluation(recorder, table, tmp_path):
    model().experiment(dataset=table, output_directory=str(tmp_path), skip_save_log=True, callbacks=[recorder])
    assert recorder.loud == [*PREPROCESS, *TRAIN, "on_evaluation_start", "on_evaluation_end"]


def test_resuming_is_reported_and_only_then(recorder, table, tmp_path):
    results = model(recorder).train(dataset=table, output_directory=str(tmp_path))
    assert "on_resume_training" not in recorder.fired
    model(recorder).train(dataset=table, model_resume_path=results.output_directory)
    assert recorder.fired.count("on_resume_training") == 1


def test_failing_preprocessing_ends_with_nothing(recorder, table):
    with pytest.raises(ValueError, match="no column"):
        model(recorder).train(dataset=table.drop(columns="y"), output_directory=None)
    assert recorder.fired[-1] == "on_preprocess_end"
    assert recorder.arguments["on_preprocess_end"]["training_set"] is None


def test_a_callback_can_end_training(table):
    class Enough(Callback):
        def should_early_stop(self, trainer, progress_tracker, is_coordinator, **kwargs):
            return True

    results = model(Enough()).train(dataset=table, output_directory=None)
    assert len(results.train_stats.validation["y"]["loss"]) == 1


def test_the_list_forwards_hooks_with_the_arguments_that_callbacks_take():
    forwarded = [name for name in vars(CallbackList) if name.startswith(("on_", "should_"))]
    for name in forwarded:
        ours, theirs = (inspect.signature(getattr(cls, name)).parameters for cls in (CallbackList, Callback))
        assert len(ours) == len([p for p in theirs.values() if p.kind is not p.VAR_KEYWORD]), name
