"""Checkpoints take a small share of a run's time, and the last state is always saved."""

import time

import numpy as np
import pandas as pd
import pytest

from ludwig.api import LudwigModel
from ludwig.callbacks import Callback
from ludwig.training import checkpoints
from ludwig.training.progress import Progress
from ludwig.training.save_times import SaveTimes


@pytest.fixture
def clock(monkeypatch):
    """Time that passes only when it is told to."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def progress(steps: int) -> Progress:
    return Progress(batch_size=1, steps_per_epoch=1, total_steps=9, learning_rate=0.1, steps=steps)


def test_a_checkpoint_is_due_while_all_together_stay_within_five_percent(clock):
    times = SaveTimes(None)
    assert not times.is_due()
    clock[0] += 1.0
    assert times.is_due()  # one is taken to need 50 ms
    with times.timed(progress(7)):
        clock[0] += 0.5
    assert times.steps == 7
    assert not times.is_due()
    clock[0] = 100 + 19.9  # half a second was spent, and the next will need as long
    assert not times.is_due()
    clock[0] = 100 + 20.1
    assert times.is_due()


class Counts(Callback):
    saved = 0

    def on_checkpoint(self, trainer, progress_tracker, **kwargs):
        self.saved += 1


def table(rows: int = 60) -> pd.DataFrame:
    x = np.random.default_rng(0).normal(size=rows)
    return pd.DataFrame({"x": x, "y": 2 * x})


CONFIG = {
    "input_features": [{"name": "x", "type": "number"}],
    "output_features": [{"name": "y", "type": "number"}],
    "trainer": {"epochs": 5, "batch_size": 10},
}


def test_a_short_run_saves_its_last_state_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(SaveTimes, "is_due", lambda self: False)
    counts = Counts()
    results = LudwigModel(CONFIG, callbacks=[counts]).train(table(), output_directory=str(tmp_path))
    assert counts.saved == 1
    found = checkpoints.load_latest(tmp_path / "api_experiment_run" / "model" / "training_checkpoints")
    assert found.progress.steps == len(results.train_stats.training["y"]["loss"]) * 5  # of 42 training rows


def test_each_evaluation_is_saved_where_time_allows(tmp_path, monkeypatch):
    monkeypatch.setattr(SaveTimes, "is_due", lambda self: True)
    counts = Counts()
    LudwigModel(CONFIG, callbacks=[counts]).train(table(), output_directory=str(tmp_path))
    assert counts.saved == 5
