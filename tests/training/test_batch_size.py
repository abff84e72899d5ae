"""Automatic sizes: which is fast, what fits, and that nothing of the model is touched."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch

from ludwig.api import LudwigModel
from ludwig.data.pipeline import fitted_state
from ludwig.error import ConfigValidationError, LudwigWarning
from ludwig.runtime.engine import Engine
from ludwig.training import build
from ludwig.training.batch_size import fastest, measured, sizes
from ludwig.training.optim.schedules import LearningRateScheduler
from ludwig.training.plan import Plan, plan_of
from ludwig.training.recipe import Size


def test_sizes_are_powers_of_two_up_to_the_bound():
    assert sizes(128) == [16, 32, 64, 128]
    assert sizes(100) == [16, 32, 64]
    assert sizes(11) == [8]
    assert sizes(1) == [1]


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({16: 1, 32: 1, 64: 1, 128: 1}, 128),  # a larger batch costs nothing more
        ({16: 1, 32: 2, 64: 4, 128: 8}, 16),  # rows cost the same in any batch
        ({16: 1, 32: 1, 64: 1.9, 128: 3.8}, 32),  # 64 is a little faster, not enough to train in fewer steps
        ({16: 1, 32: 9, 64: 1, 128: 2}, 64),  # a hiccup at one size ends no search
        ({16: 1, 32: 1, 64: None, 128: 1}, 32),  # 64 does not fit
        ({16: None}, 16),
    ],
)
def test_the_smallest_size_that_is_about_as_fast_as_any(seconds, expected):
    assert fastest(list(seconds), seconds.get) == expected


def test_noise_of_a_fifth_does_not_lead_far_away():
    draw = np.random.default_rng(0)
    true = {16: 1.0, 32: 1.05, 64: 1.15, 128: 1.4, 256: 2.5, 512: 5.0}  # rows a second: 16, 30, 56, 91, 102, 102
    found = [fastest(list(true), lambda size: true[size] * draw.uniform(1, 1.2)) for _ in range(200)]
    assert min(found) == 128
    assert np.mean([size <= 256 for size in found]) > 0.8


def text_model() -> LudwigModel:
    encoder = {"type": "embed", "embedding_size": 4}
    return LudwigModel(
        {
            "input_features": [{"name": "t", "type": "text", "encoder": encoder}, {"name": "x", "type": "number"}],
            "output_features": [{"name": "y", "type": "number"}],
            "combiner": {"type": "concat", "num_fc_layers": 1, "output_size": 4, "norm": "batch", "dropout": 0.5},
            "trainer": {"epochs": 1, "batch_size": "auto", "eval_batch_size": "auto", "learning_rate": "auto"},
        }
    )


def texts(rows: int = 200) -> pd.DataFrame:
    words = [" ".join(["word"] * (1 + place % 20)) for place in range(rows)]
    return pd.DataFrame({"t": words, "x": np.linspace(-1, 1, rows), "y": np.linspace(0, 1, rows), "split": 0})


def test_measuring_leaves_weights_buffers_and_random_states_alone_and_tries_the_longest_rows():
    one = text_model()
    data = one.preprocess(texts())
    inputs, outputs = one.config_obj.resolve(one.assets)
    facts = fitted_state([*inputs, *outputs], one.training_set_metadata)
    model, seen = build(one.config_obj, facts, 42), []
    predict = model.predict
    model.predict = lambda batch: (seen.append(batch.lengths("t").tolist()), predict(batch))[1]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    found = measured(model, data.training_set.frame, 40, Engine(torch.device("cpu")))
    assert found in (16, 32)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(weight.grad is None for weight in model.parameters())
    assert min(seen[0]) >= 19  # of the lengths from 1 to 20, 16 rows of the longest


def test_automatic_values_are_settled_in_the_config():
    one = text_model()
    one.train(texts(), output_directory=None)
    trainer = one.config["trainer"]
    assert trainer["batch_size"] == 128  # where epochs are counted
    assert trainer["learning_rate"] == 0.0015  # the usual one of few rows, also with a text among the inputs
    assert (trainer["epochs"], trainer["train_steps"], trainer["steps_per_checkpoint"]) == (1, None, 0)
    assert trainer["early_stop"] >= 5


SIZE = Size(rows=1000, row_bytes=100, weights=1000, validates=True)


class Options:
    batch_size = effective_batch_size = gradient_accumulation_steps = "auto"
    max_batch_size: int | None = None
    epochs, train_steps, steps_per_checkpoint, checkpoints_per_epoch, early_stop = 3, None, 0, 0, 5
    learning_rate, learning_rate_scheduler = 0.001, LearningRateScheduler()

    def __init__(self, **options: object) -> None:
        vars(self).update(options)


@pytest.mark.parametrize(
    ("options", "workers", "expected"),
    [
        ({"batch_size": 8}, 1, (8, 1)),
        ({"batch_size": 8, "gradient_accumulation_steps": 4}, 1, (8, 4)),
        ({"batch_size": 8, "effective_batch_size": 32}, 1, (8, 4)),
        ({"batch_size": 8, "effective_batch_size": 32}, 2, (8, 2)),
        ({"gradient_accumulation_steps": 4, "effective_batch_size": 32}, 2, (4, 4)),
        ({"effective_batch_size": 48}, 1, (16, 3)),
        ({}, 1, (64, 1)),
        ({"batch_size": 8, "gradient_accumulation_steps": 2, "effective_batch_size": 32}, 2, (8, 2)),
    ],
)
def test_rows_of_an_optimizer_step(options, workers, expected):
    plan = plan_of(Options(**options), SIZE, workers=workers, found=64)
    assert (plan.batch_size, plan.accumulation) == expected


@pytest.mark.parametrize(("workers", "expected"), [(1, (8, 4)), (4, (8, 1)), (8, (2, 2))])
def test_the_effective_batch_size_of_a_saved_config_holds_on_any_number_of_workers(workers, expected):
    settled = Options(batch_size=8, gradient_accumulation_steps=2, effective_batch_size=32)  # on two workers
    with pytest.warns(LudwigWarning, match=f"batches of {expected[0]} rows and accumulates {expected[1]},"):
        plan = plan_of(settled, SIZE, workers=workers, found=64)
    assert (plan.batch_size, plan.accumulation) == expected
    with pytest.raises(ConfigValidationError, match="x 3 workers"):
        plan_of(settled, SIZE, workers=3, found=64)


def planned(rows: int, batch_size: int, *, workers: int = 1, **options: object) -> Plan:
    size = dataclasses.replace(SIZE, rows=rows)
    return plan_of(Options(batch_size=batch_size, **options), size, workers=workers, found=1)


def test_steps_are_those_of_all_epochs_also_when_batches_grow():
    plan = planned(100, 10)
    assert (plan.steps_per_epoch, plan.total_steps()) == (10, 30)
    grown = plan.grown(2.5)
    assert (grown.batch_size, grown.steps_per_epoch) == (25, 4)
    assert grown.total_steps(steps=10, epoch=1, row=100) == 10 + 2 * 4
    assert grown.total_steps(steps=13, epoch=2, row=30) == 13 + 3 + 4
    assert plan.grown(100).batch_size == 100
    assert planned(100, 10, max_batch_size=30).grown(8).batch_size == 30
    assert planned(100, 10, train_steps=7).total_steps(5, 1, 50) == 7
    assert planned(100, 10, workers=3).steps_per_epoch == 4


def test_batches_grow_where_a_metric_plateaus_and_epochs_stay_as_many():
    seen: list[tuple[int, int, int]] = []

    from ludwig.callbacks import Callback

    class Watch(Callback):
        def on_epoch_end(self, trainer, progress_tracker, save_path, **kwargs):
            seen.append((progress_tracker.epoch, progress_tracker.steps, trainer.batch_size))

    options = {"epochs": 5, "batch_size": 10, "learning_rate": 0.0, "early_stop": -1}
    growth = {"increase_batch_size_on_plateau": 2, "increase_batch_size_on_plateau_patience": 1}
    bound = {"increase_batch_size_on_plateau_rate": 3.0, "max_batch_size": 50}
    one = LudwigModel(
        {
            "input_features": [{"name": "x", "type": "number"}],
            "output_features": [{"name": "y", "type": "number"}],
            "trainer": {**options, **growth, **bound, "should_shuffle": False},
        },
        callbacks=[Watch()],
    )
    stats = one.train(texts(100), output_directory=None).train_stats
    # the rate is zero, so no evaluation is better than the first: batches grow after the second and the third
    assert seen == [(1, 10, 10), (2, 20, 30), (3, 24, 50), (4, 26, 50), (5, 28, 50)]
    assert len(stats.training["y"]["loss"]) == 5


def test_workers_that_cannot_share_the_effective_batch_size_are_reported():
    with pytest.raises(ConfigValidationError, match=r"batch_size 64 x gradient_accumulation_steps 1 x 2 workers"):
        plan_of(Options(batch_size=64, effective_batch_size=64), SIZE, workers=2, found=1)


def test_batches_never_shrink():
    assert planned(1000, 64, max_batch_size=32).grown(2.0).batch_size == 64
    assert planned(1000, 64).grown(0.5).batch_size == 64
