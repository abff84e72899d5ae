"""What a config leaves open follows from the size of the data and of the model."""

import dataclasses
import logging
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ludwig.api import LudwigModel
from ludwig.training.optim import OPTIMIZERS
from ludwig.training.optim.schedules import LearningRateScheduler
from ludwig.training.recipe import Pace, Size, batch_size_of, learning_rate_of, pace_of, schedule_of
from ludwig.training.trainer import Trainer

SIZE = Size(rows=10_000, row_bytes=100, weights=100_000, validates=True)


def options(**given: Any) -> Trainer.Config:
    return Trainer.Config(**given)


def pace(step_rows: int = 512, accumulation: int = 1, size: Size = SIZE, **given: Any) -> Pace:
    return pace_of(options(**given), size, step_rows, accumulation)


def steps(step_rows: int = 512, size: Size = SIZE, **given: Any) -> int:
    """Steps of a whole run."""
    found = pace(step_rows, size=size, **given)
    return found.train_steps or found.epochs * math.ceil(size.rows / step_rows)


def sized(**changes: Any) -> Size:
    return dataclasses.replace(SIZE, **changes)


@pytest.mark.parametrize(
    ("given", "size", "expected"),
    [
        ({}, SIZE, 512),
        ({"epochs": 3}, SIZE, 128),
        ({"epochs": 3, "train_steps": 50}, SIZE, 512),
        ({}, sized(rows=300), 300),
        ({"max_batch_size": 64}, SIZE, 64),
        ({}, sized(row_bytes=2**20), 16),
        ({}, sized(weights=2**26), 32),
        ({}, sized(weights=2**40), 1),
    ],
)
def test_the_batch_size(given, size, expected):
    assert batch_size_of(options(**given), size) == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [(100, 0.0015), (1000, 0.002), (4000, 0.004), (10_000, 0.005), (51_200, 0.0025), (10**6, 0.0025)],
)
def test_the_learning_rate_grows_with_the_root_of_the_rows_up_to_12800(rows, expected):
    assert learning_rate_of(options(), sized(rows=rows), 0.001) == pytest.approx(expected)


def test_a_part_may_suggest_a_smaller_learning_rate_and_a_given_one_holds():
    assert learning_rate_of(options(), SIZE, 1e-5) == 1e-5
    assert learning_rate_of(options(learning_rate=0.3), SIZE, 1e-5) == 0.3


def test_by_default_steps_are_counted():
    assert pace() == Pace(epochs=100, train_steps=None, steps_per_checkpoint=100, checkpoints_per_epoch=0, early_stop=5)
    assert pace(step_rows=283, size=sized(rows=283)).steps_per_checkpoint == 10


def test_epochs_that_are_given_are_counted_as_ever():
    found = pace(epochs=7, step_rows=128)
    assert (found.epochs, found.train_steps, found.steps_per_checkpoint) == (7, None, 0)
    assert found.early_stop == 7  # 500 steps of patience in epochs of 79
    assert pace(epochs=7, step_rows=8).early_stop == 5


def test_patience_is_counted_in_steps_whatever_the_interval():
    assert pace(steps_per_checkpoint=10).early_stop == 50
    assert pace(steps_per_checkpoint=400).early_stop == 5
    assert pace(steps_per_checkpoint=10, early_stop=3).early_stop == 3


def test_given_steps_are_obeyed_and_cut_into_intervals():
    found = pace(train_steps=300)
    assert (found.train_steps, found.steps_per_checkpoint) == (300, 20)
    assert pace(train_steps=300, checkpoints_per_epoch=2).steps_per_checkpoint == 0


def test_a_schedule_that_falls_to_the_end_gets_a_run_that_ends_with_it():
    for schedule in ({"decay": "linear"}, {"decay": "cosine"}, {"decay": "one_cycle"}, {"decay": "wsd"}):
        found = pace(learning_rate_scheduler=LearningRateScheduler(**schedule))
        assert (found.epochs * 20, found.early_stop) == (600, -1)
    for schedule in ({}, {"decay": "exponential"}, {"decay": "cosine", "t_0": 10}):
        assert pace(learning_rate_scheduler=LearningRateScheduler(**schedule)).early_stop == 5
    cosine = LearningRateScheduler(decay="cosine")
    assert pace(learning_rate_scheduler=cosine, early_stop=3).early_stop == 3


def test_many_rows_get_a_cosine_over_the_run_unless_something_else_ends_it():
    many = sized(rows=50_000)
    assert schedule_of(options(), many).decay == "cosine"
    assert schedule_of(options(), SIZE).decay is None
    for given in ({"epochs": 3}, {"early_stop": 5}, {"optimizer": OPTIMIZERS.get("schedule_free_adamw").Config()}):
        assert schedule_of(options(**given), many).decay is None
    for decay in (None, "linear"):
        assert schedule_of(options(learning_rate_scheduler=LearningRateScheduler(decay=decay)), many).decay == decay
    plateau = LearningRateScheduler(reduce_on_plateau=2)
    assert schedule_of(options(learning_rate_scheduler=plateau), many).decay is None
    found = pace(size=many, learning_rate_scheduler=schedule_of(options(), many))
    assert (found.epochs, found.early_stop) == (math.ceil(2000 * (50_000 / 12_800) ** 0.6 / 98), -1)


def test_more_rows_get_more_steps():
    budgets = [steps(min(rows, 512), sized(rows=rows)) for rows in (283, 12_800, 100_000, 1_000_000)]
    assert budgets[0] == budgets[1] == 2000
    assert budgets == sorted(budgets)
    assert budgets[3] > budgets[2] > 2000


def test_without_a_validation_split_few_rows_get_few_steps():
    blind = [steps(min(rows, 500), sized(rows=rows, validates=False)) for rows in (283, 5000, 10**5)]
    assert blind[:2] == [100, 500]
    assert blind[2] > 2000


def test_accumulated_batches_are_more_steps():
    found = pace(accumulation=4)
    assert (found.epochs * 20, found.steps_per_checkpoint, found.early_stop) == (8000, 400, 5)


def table(rows: int = 300) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    x = draw.normal(size=rows)
    return pd.DataFrame({"x": x, "y": 3 * x + draw.normal(size=rows)})


CONFIG = {"input_features": [{"name": "x", "type": "number"}], "output_features": [{"name": "y", "type": "number"}]}


def test_what_was_open_is_saved_logged_in_one_line_and_trains_the_same_again(caplog):
    model = LudwigModel(CONFIG, logging_level=logging.INFO)
    with caplog.at_level(logging.INFO, logger="ludwig"):
        stats = model.train(table(), output_directory=None).train_stats
    (line,) = [record.getMessage() for record in caplog.records if "Settled by" in record.getMessage()]
    trainer = model.config["trainer"]
    assert trainer["learning_rate_scheduler"]["decay"] is None
    assert trainer["train_steps"] is None
    for name in ("epochs", "steps_per_checkpoint", "early_stop", "batch_size", "learning_rate"):
        assert trainer[name] != "auto"
        assert f"{name} {trainer[name]}" in line
    assert vars(stats.evaluation_frequency) == {"frequency": 10, "period": "step"}
    again = LudwigModel(model.config, logging_level=logging.ERROR)
    again.train(table(), output_directory=None)
    pd.testing.assert_frame_equal(again.predict(table())[0], model.predict(table())[0])
