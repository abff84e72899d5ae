"""A call leaves the process as it found it, runs in threads do not see each other, and models can be copied."""

from __future__ import annotations

import copy
import logging
import multiprocessing
import pickle
import random
import signal
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from ludwig.api import LudwigModel
from ludwig.callbacks import Callback
from ludwig.columns.frame import Frame
from ludwig.config import load_config
from ludwig.data.preprocess import Tables, preprocess
from ludwig.models.assets import Assets
from ludwig.training import Job, run_job

ROWS = 90
DRAW = np.random.default_rng(0)
X = DRAW.normal(size=ROWS)
TABLE = pd.DataFrame(
    {
        "x": X,
        "c": DRAW.choice(list("abc"), ROWS),
        "t": DRAW.choice(["one two", "two three four", "one"], ROWS),
        "y": np.where(X > 0, "up", "down"),
    }
)


def declared(**trainer: object) -> dict:
    """Dropout is at work everywhere, so that draws matter."""
    return {
        "input_features": [
            {"name": "x", "type": "number"},
            {"name": "c", "type": "category", "encoder": {"type": "dense", "dropout": 0.2}},
            {"name": "t", "type": "text", "encoder": {"type": "embed", "embedding_size": 8, "dropout": 0.2}},
        ],
        "output_features": [{"name": "y", "type": "binary"}],
        "combiner": {"type": "concat", "num_fc_layers": 1, "output_size": 8, "dropout": 0.3},
        "trainer": {"epochs": 3, "batch_size": 16, "learning_rate": 0.02, "modality_dropout": 0.2, **trainer},
    }


def trained(seed: int = 42, **trainer: object) -> LudwigModel:
    model = LudwigModel(declared(**trainer))
    model.train(TABLE, output_directory=None, random_seed=seed)
    return model


def weights(model: LudwigModel) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for _, weight in model.collect_weights()])


class TestTheProcessIsLeftAsItWas:
    def test_random_states_modes_threads_levels_filters_and_handlers(self):
        trained().evaluate(TABLE, collect_overall_stats=True)  # packages that are imported when used leave their traces
        before = _state_of_the_process()
        model = LudwigModel(declared(), logging_level=logging.INFO, allow_parallel_threads=False)
        model.train(TABLE, output_directory=None)
        model.predict(TABLE)
        model.evaluate(TABLE, collect_overall_stats=True)
        model.train_online(TABLE)
        LudwigModel.create_model({**declared(), "input_features": [{"name": "x", "type": "number"}]})
        after = _state_of_the_process()
        assert [name for name in before if not _equal(before[name], after[name])] == []

    def test_random_states_also_where_packages_are_imported_for_the_first_time(self, tmp_path):
        code = f"""
import random, sys
sys.path.insert(0, {str(Path(__file__).parents[1])!r})
import numpy as np, torch
from tests.test_isolation import TABLE, LudwigModel, declared
def states():
    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
before = states()
model = LudwigModel(declared())
results = model.train(TABLE, output_directory={str(tmp_path)!r})
model.evaluate(TABLE, collect_overall_stats=True)
from ludwig.cli.summary import summary
summary(model, results, None)
assert states() == before
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def test_also_after_an_error(self):
        class Fails(Callback):
            def on_batch_end(self, *args, **kwargs):
                raise RuntimeError("stop")

        before = _state_of_the_process()
        with pytest.raises(RuntimeError, match="stop"):
            LudwigModel(declared(), allow_parallel_threads=False, callbacks=[Fails()]).train(
                TABLE, output_directory=None
            )
        after = _state_of_the_process()
        assert [name for name in before if not _equal(before[name], after[name])] == []


def _state_of_the_process() -> dict:
    return {
        "python": random.getstate(),
        "numpy": np.random.get_state()[1],
        "torch": torch.get_rng_state(),
        "gradients": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "threads": torch.get_num_threads(),
        "dtype": torch.get_default_dtype(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "levels": {name: logging.getLogger(name).level for name in ("", "ludwig", "ludwig.training.loop")},
        "handlers": list(logging.getLogger("ludwig").handlers),
        "filters": list(warnings.filters),
        "signals": [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
    }


def _equal(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray | torch.Tensor):
        return bool((torch.as_tensor(one) == torch.as_tensor(other)).all())
    return one == other


class TestTheCallersModesDoNotMatter:
    @pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
    def test_training_computes_gradients(self, mode):
        with mode():
            within = trained()
            within.train_online(TABLE)
        outside = trained()
        outside.train_online(TABLE)
        assert torch.equal(weights(within), weights(outside))

    def test_the_callers_seed_does_not_matter(self):
        torch.manual_seed(1)
        one = weights(trained())
        torch.manual_seed(2)
        assert torch.equal(one, weights(trained()))

    def test_nor_do_the_callers_default_device_and_dtype(self):
        expected = weights(trained())
        torch.set_default_dtype(torch.float64)
        try:
            built = LudwigModel.create_model({**declared(), "input_features": [{"name": "x", "type": "number"}]})
        finally:
            torch.set_default_dtype(torch.float32)
        assert {weight.dtype for weight in built.parameters()} == {torch.float32}
        assert expected.dtype == torch.float32


class TestThreads:
    def test_a_training_equals_the_same_training_alone(self):
        alone = [weights(trained(seed)) for seed in (1, 2, 3)]
        beside: dict[int, torch.Tensor] = {}
        threads = [
            threading.Thread(target=lambda seed=seed: beside.__setitem__(seed, weights(trained(seed))))
            for seed in (1, 2, 3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(torch.equal(expected, beside[seed]) for seed, expected in zip((1, 2, 3), alone, strict=True))

    def test_each_logs_at_its_own_level(self, caplog):
        barrier = threading.Barrier(2)

        class Waits(Callback):
            def on_epoch_end(self, trainer, progress_tracker, save_path, **kwargs):
                barrier.wait(timeout=60)

        def train(level: int) -> None:
            model = LudwigModel(declared(early_stop=1, learning_rate=0.0), logging_level=level, callbacks=[Waits()])
            model.train(TABLE, output_directory=None)

        threads = [threading.Thread(target=train, args=(level,)) for level in (logging.INFO, logging.ERROR)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        stops = [record for record in caplog.records if "training stops" in record.getMessage()]
        assert len(stops) == 1  # both stopped, and one of the two returns it


class TestCopies:
    @pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
    def test_a_trained_model_predicts_the_same(self, copied):
        model = trained()
        model.train_online(TABLE)
        other = copied(model)
        expected, _ = model.predict(TABLE)
        pd.testing.assert_frame_equal(other.predict(TABLE)[0], expected)
        assert other.config == model.config
        other.train_online(TABLE)
        pd.testing.assert_frame_equal(model.predict(TABLE)[0], expected)

    def test_a_config_is_equal(self):
        config = load_config(declared())
        assert pickle.loads(pickle.dumps(config)) == config


def job(resumes: bool = False) -> Job:
    config = load_config(declared())
    specs = [spec for side in config.resolve(Assets()) for spec in side]
    data = preprocess(Tables(whole=TABLE), specs, config.preprocessing, 0)
    return Job(config, config.trainer, data.facts, data.training, data.validation, data.test, seed=7)


def test_a_job_gives_the_same_bits_in_a_spawned_process():
    here = run_job(job())
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        there = pool.apply(run_job, (job(),))
    assert here.weights.keys() == there.weights.keys()
    assert all(torch.equal(weight, there.weights[name]) for name, weight in here.weights.items())
    assert here.progress.validation_metrics == there.progress.validation_metrics
    assert (here.resolved, here.progress.stop_reason) == (there.resolved, "finished")


def test_a_job_goes_on_from_given_weights():
    first = run_job(job())
    start = {name: weight.clone() for name, weight in first.weights.items()}
    changed = Job(**{**vars(job()), "weights": start})
    again = run_job(changed)
    assert any(not torch.equal(weight, start[name]) for name, weight in again.weights.items())
    assert isinstance(changed.training, Frame)
