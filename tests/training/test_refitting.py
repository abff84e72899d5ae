"""A refit model is the one that the same steps on all rows give."""

import os
import signal

import numpy as np
import pandas as pd
import pytest
import torch

from ludwig.api import LudwigModel
from ludwig.error import ConfigValidationError, LudwigWarning
from ludwig.training import refitting
from ludwig.training.loop import Loop


def table(rows: int = 200) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    x, u = draw.normal(size=rows), draw.normal(size=rows)
    data = pd.DataFrame({"x": x, "u": u, "y": x - u + draw.normal(size=rows) > 0})
    return data.assign(split=np.sort(draw.choice(3, rows, p=[0.6, 0.2, 0.2])))


def model(output: dict | None = None, **trainer: object) -> LudwigModel:
    return LudwigModel(
        {
            "input_features": [{"name": name, "type": "number"} for name in ("x", "u")],
            "output_features": [{"name": "y", "type": "binary", **(output or {})}],
            "trainer": {"batch_size": 16, "should_shuffle": False, **trainer},
        }
    )


def weights(one: LudwigModel) -> dict[str, torch.Tensor]:
    return {name: weight.clone() for name, weight in one.collect_weights()}


def test_it_is_trained_on_training_and_validation_rows_for_the_steps_that_were_found():
    data = table()
    first, again = model(), model(refit=True)
    found = first.train(data, output_directory=None)
    stats = again.train(data, output_directory=None).train_stats
    assert stats.selected == found.train_stats.selected  # the first training is the same
    assert stats.validation == found.train_stats.validation
    sizes = data.split.value_counts()
    steps = round(found.train_stats.selected["step"] * (sizes[0] + sizes[1]) / sizes[0])
    # the same by hand, with the vocabularies and scales of the first training
    rate = first.config["trainer"]["learning_rate"]
    by_hand = model(train_steps=steps, skip_all_evaluation=True, learning_rate=rate)
    joined = data.assign(split=data.split.map({0: 0, 1: 0, 2: 2}))
    by_hand.train(joined, output_directory=None, training_set_metadata=first.training_set_metadata)
    assert weights(again).keys() == weights(by_hand).keys()
    for name, weight in weights(by_hand).items():
        torch.testing.assert_close(weights(again)[name], weight, msg=name)
    assert any(not torch.equal(weights(first)[name], weight) for name, weight in weights(again).items())


def test_calibration_and_threshold_stay_those_of_the_validation_split():
    output = {"calibration": True, "threshold": "auto"}
    first, again = model(output), model(output, refit=True)
    for one in (first, again):
        one.train(table(), output_directory=None)
    for name in ("temperature", "chosen_threshold"):
        assert torch.equal(again.model.outputs["y"].get_buffer(name), first.model.outputs["y"].get_buffer(name))


def test_the_test_metrics_are_those_of_the_new_weights(tmp_path):
    data = table()
    again = model(refit=True)
    results = again.train(data, output_directory=str(tmp_path))
    loaded = LudwigModel.load(f"{results.output_directory}/model")
    pd.testing.assert_frame_equal(loaded.predict(data)[0], again.predict(data)[0])
    text = (tmp_path / "api_experiment_run" / "training_report.json").read_text()
    loss = again.evaluate(results.preprocessed_data.test_set)[0]["y"]["loss"]
    assert f"{loss:.6f}"[:7] in text


def kept(one: LudwigModel, data: pd.DataFrame) -> bool:
    """Whether the model has the weights that it has without the second training."""
    first = model()
    first.train(data, output_directory=None)
    return all(torch.equal(weights(first)[name], weight) for name, weight in weights(one).items())


def test_an_interrupted_refit_keeps_the_first_weights_and_raises(monkeypatch):
    step = Loop.step

    def interrupted(self, window):
        step(self, window)
        if self.config.skip_all_evaluation and self.progress.steps == 3:  # of the second training
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Loop, "step", interrupted)
    again = model(refit=True)
    with pytest.warns(LudwigWarning, match=r"refit was not finished \(interrupted\)"), pytest.raises(KeyboardInterrupt):
        again.train(table(), output_directory=None)
    monkeypatch.undo()
    assert kept(again, table())


def test_the_time_limit_is_that_of_both_trainings(monkeypatch):
    monkeypatch.setattr(refitting, "_time_left", lambda trainer: {"time_limit_s": 1e-3})
    again = model(refit=True)
    with pytest.warns(LudwigWarning, match=r"refit was not finished \(time\)"):
        again.train(table(), output_directory=None)
    assert kept(again, table())


def test_it_needs_evaluations():
    with pytest.raises(ConfigValidationError, match="refit: Needs evaluations"):
        model(refit=True, skip_all_evaluation=True)
