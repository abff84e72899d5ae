"""Arithmetic, clipping and left-out steps."""

from __future__ import annotations

import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from ludwig.api import LudwigModel
from ludwig.callbacks import Callback
from ludwig.runtime.engine import Clipping, Engine, precision_of
from ludwig.training import job

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [(False, "float32"), (True, "bfloat16"), ("bfloat16", "bfloat16"), ("float16", "bfloat16")],
)
def test_the_arithmetic_of_a_cpu(wanted, expected, caplog):
    assert precision_of(wanted, CPU) == expected
    assert ("slow in float16" in caplog.text) == (wanted == "float16")


@pytest.mark.parametrize(("native", "expected"), [(True, "bfloat16"), (False, "float16")])
def test_the_arithmetic_of_a_gpu(native, expected, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    cuda = torch.device("cuda")
    assert precision_of(True, cuda) == expected
    assert (precision_of("float16", cuda), precision_of("bfloat16", cuda)) == ("float16", "bfloat16")


def layer() -> nn.Linear:
    torch.manual_seed(0)
    one = nn.Linear(3, 2)
    one(torch.randn(5, 3)).square().sum().backward()
    return one


def test_the_norm_of_all_gradients_is_that_of_torch():
    ours, theirs = layer(), layer()
    expected = nn.utils.clip_grad_norm_(theirs.parameters(), 0.1)
    norm = Engine(CPU).clip(list(ours.parameters()), Clipping(norm_of_all=0.1))
    torch.testing.assert_close(norm, expected)
    for one, two in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one.grad, two.grad)


def test_gradients_may_go_unbounded():
    ours, theirs = layer(), layer()
    norm = Engine(CPU).clip(list(ours.parameters()), None)
    torch.testing.assert_close(norm, nn.utils.get_total_norm([weight.grad for weight in theirs.parameters()]))
    assert torch.equal(ours.weight.grad, theirs.weight.grad)
    assert Engine(CPU).clip([], None) == 0


@pytest.mark.parametrize(("norm", "moves"), [(1.0, True), (float("nan"), False), (float("inf"), False)])
def test_weights_take_in_finite_gradients_only(norm, moves):
    one = layer()
    before = one.weight.detach().clone()
    found = Engine(CPU).step(torch.optim.SGD(one.parameters(), 0.1), torch.tensor(norm))
    assert found is moves
    assert torch.equal(one.weight, before) is not moves


def table() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    x = draw.normal(size=400)
    return pd.DataFrame({"x": x, "y": 2 * x + 0.1 * draw.normal(size=400)})


def model(precision: bool | str = False, callbacks: list[Callback] | None = None) -> LudwigModel:
    options = {"epochs": 8, "batch_size": 32, "learning_rate": 0.01, "use_mixed_precision": precision}
    return LudwigModel(
        {
            "input_features": [{"name": "x", "type": "number"}],
            "output_features": [{"name": "y", "type": "number"}],
            "combiner": {"type": "concat", "num_fc_layers": 1, "output_size": 16, "dropout": 0.1},
            "trainer": options,
        },
        callbacks=callbacks,
    )


class Dtypes(Callback):
    """Notes in what the network computes, and how gradients are scaled."""

    def __init__(self) -> None:
        self.seen: set[torch.dtype] = set()
        self.scales: list[float] = []

    def on_trainer_train_setup(self, trainer, save_path, is_coordinator, **kwargs):
        trainer.model.combiner.register_forward_hook(lambda *call: self.seen.add(call[-1].values.dtype))

    def on_batch_end(self, trainer, progress_tracker, save_path, sync_step=True, **kwargs):
        if trainer.engine.scaler is not None:
            self.scales.append(trainer.engine.scaler.get_scale())


def test_a_network_trains_in_bfloat16_with_weights_in_float32():
    seen = Dtypes()
    one = model(True, [seen])
    stats = one.train(table(), output_directory=None).train_stats
    assert seen.seen == {torch.bfloat16, torch.float32}  # training, and evaluation
    assert {weight.dtype for _, weight in one.collect_weights()} == {torch.float32}
    exact = model().train(table(), output_directory=None).train_stats
    ours, theirs = (s.validation["y"]["r2"][-1] for s in (stats, exact))
    assert ours == pytest.approx(theirs, abs=0.02)
    assert ours > 0.95


def test_a_network_trains_in_float16_with_a_scaled_loss(monkeypatch):
    monkeypatch.setattr(job, "precision_of", lambda wanted, device: "float16")
    seen = Dtypes()
    stats = model(True, [seen]).train(table(), output_directory=None).train_stats
    assert torch.float16 in seen.seen
    assert min(seen.scales) > 1
    assert stats.validation["y"]["r2"][-1] > 0.95


def test_a_run_in_float16_is_resumed_with_its_scale(monkeypatch, tmp_path):
    monkeypatch.setattr(job, "precision_of", lambda wanted, device: "float16")
    straight = model(True)
    straight.train(table(), output_directory=None)

    class Ends(Callback):
        def should_early_stop(self, trainer, progress_tracker, is_coordinator, **kwargs):
            return progress_tracker.epoch == 3

    model(True, [Ends()]).train(table(), output_directory=str(tmp_path), skip_save_log=True)
    resumed = model(True)
    resumed.train(table(), model_resume_path=str(tmp_path / "api_experiment_run"), skip_save_log=True)
    pairs = zip(resumed.collect_weights(), straight.collect_weights(), strict=True)
    assert all(torch.equal(one, two) for (_, one), (_, two) in pairs)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a compiler")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch about itself
def test_a_compiled_network_trains_the_same():
    plain, translated = model(), model()
    sets = {"training_set": table()[:248], "validation_set": table()[248:312]}  # each size of a batch is a graph more
    translated.config = {**translated.config, "trainer": {**translated.config["trainer"], "compile": True}}
    for one in (plain, translated):
        one.config = {**one.config, "combiner": {**one.config["combiner"], "dropout": 0.0}}
        one.train(**sets, output_directory=None)
    for (name, ours), (_, theirs) in zip(translated.collect_weights(), plain.collect_weights(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4, msg=name)


def test_activations_that_are_computed_again_give_the_same_weights():
    plain, recomputed = model(), model()
    options = {**recomputed.config["trainer"], "enable_gradient_checkpointing": True}
    recomputed.config = {**recomputed.config, "trainer": options}
    for one in (plain, recomputed):
        one.train(table(), output_directory=None)
    pairs = zip(recomputed.collect_weights(), plain.collect_weights(), strict=True)
    assert all(torch.equal(one, two) for (_, one), (_, two) in pairs)  # dropout is drawn alike both times
