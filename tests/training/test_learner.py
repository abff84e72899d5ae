"""One optimizer step: accumulation, micro-batches, averages of weights, skipped steps."""

from __future__ import annotations

import dataclasses
import gc
import logging
import math

import numpy as np
import pandas as pd
import pytest
import torch

from ludwig.api import LudwigModel
from ludwig.callbacks import Callback
from ludwig.error import LudwigWarning, TrainingError
from ludwig.metrics.loss import LossMetric
from ludwig.models.ecd.model import Ecd

LOSS = {"type": "softmax_cross_entropy", "class_weights": [1.0, 4.0, 9.0]}


def table(rows: int = 100) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    x = draw.normal(size=rows)
    return pd.DataFrame({"x": x, "u": draw.normal(size=rows), "y": draw.choice(list("abc"), rows), "split": 0})


PLAIN = {"encoder": "passthrough", "preprocessing": {"normalization": "zscore"}}


def model(callbacks: list[Callback] | None = None, **trainer: object) -> LudwigModel:
    """A classifier that weighs its classes, so that batches with as many rows do not count alike."""
    options = {"epochs": 2, "batch_size": 32, "learning_rate": 0.05, "should_shuffle": False, **trainer}
    return LudwigModel(
        {
            "input_features": [{"name": name, "type": "number", **PLAIN} for name in ("x", "u")],
            "output_features": [{"name": "y", "type": "category", "loss": LOSS}],
            "combiner": {"type": "concat", "num_fc_layers": 1, "output_size": 8},
            "trainer": options,
        },
        logging_level=logging.WARNING,
        callbacks=callbacks,
    )


def weights(one: LudwigModel) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for _, weight in one.collect_weights()])


def trained(data: pd.DataFrame | None = None, **trainer: object) -> LudwigModel:
    one = model(**trainer)
    one.train(dataset=table() if data is None else data, output_directory=None)
    return one


@pytest.mark.parametrize(("size", "steps"), [(8, 4), (4, 8), (16, 2)])
def test_accumulated_batches_equal_one_big_batch_where_rows_have_weights(size, steps):
    parts = trained(batch_size=size, gradient_accumulation_steps=steps)
    torch.testing.assert_close(weights(parts), weights(trained()), rtol=1e-4, atol=1e-6)


def test_accumulated_norms_of_the_weights_count_once():
    options = {"regularization_lambda": 0.1, "optimizer": "sgd"}
    parts = trained(batch_size=8, gradient_accumulation_steps=4, **options)
    torch.testing.assert_close(weights(parts), weights(trained(**options)), rtol=1e-4, atol=1e-6)


def test_a_factor_scales_the_steps_of_its_weights(monkeypatch):
    options = {"optimizer": "sgd", "batch_size": 100, "epochs": 1, "gradient_clipping": None}
    start = weights(trained(**{**options, "learning_rate": 0.0}))
    plain = weights(trained(**options)) - start
    monkeypatch.setattr(Ecd, "rate_factors", lambda self: {id(weight): 0.1 for weight in self.combiner.parameters()})
    one = trained(**options)
    factors = torch.cat(
        [torch.full((w.numel(),), 0.1 if name.startswith("combiner") else 1.0) for name, w in one.collect_weights()]
    )
    torch.testing.assert_close(weights(one) - start, plain * factors, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("rate", [1.0, 0.1])
def test_lbfgs_finds_an_exact_fit_with_the_default_clipping(rate):
    draw = np.random.default_rng(0).normal(size=(200, 2))
    data = pd.DataFrame({"a": draw[:, 0], "b": draw[:, 1], "y": 3 * draw[:, 0] - draw[:, 1] + 2, "split": 0})
    trainer = {"epochs": 10, "batch_size": 200, "optimizer": "lbfgs", "learning_rate": rate}
    one = LudwigModel(
        {
            "input_features": [{"name": name, "type": "number", **PLAIN} for name in ("a", "b")],
            "output_features": [{"name": "y", "type": "number"}],
            "combiner": "concat",
            "trainer": trainer,
        }
    )
    one.train(data, output_directory=None)
    np.testing.assert_allclose(one.predict(data)[0]["y_predictions"], data["y"], atol=1e-2)


# -- batches that do not fit into memory


@pytest.fixture
def narrow(monkeypatch):
    """A device that has room for so many rows."""

    def make(rows: int) -> None:
        learn = Ecd.training_loss

        def training_loss(self, batch):
            if len(batch) > rows:
                raise torch.OutOfMemoryError("out of memory")
            return learn(self, batch)

        monkeypatch.setattr(Ecd, "training_loss", training_loss)

    return make


@pytest.mark.parametrize("accumulation", [1, 2])
def test_a_batch_that_does_not_fit_is_trained_in_micro_batches(narrow, accumulation, caplog):
    whole = trained(gradient_accumulation_steps=accumulation)
    narrow(9)
    parts = trained(gradient_accumulation_steps=accumulation)
    torch.testing.assert_close(weights(parts), weights(whole), rtol=1e-4, atol=1e-6)
    assert "32 rows does not fit into memory. From now on batches are trained in 4 micro-batches" in caplog.text
    assert parts.config["trainer"]["batch_size"] == 32


def test_what_gathers_metrics_sees_each_row_once(narrow):
    narrow(9)
    one = model()
    stats = one.train(dataset=table(), output_directory=None).train_stats
    assert all(np.isfinite(stats.training["y"]["loss"]))


def test_a_row_that_does_not_fit_ends_training(narrow):
    narrow(0)
    with pytest.raises(TrainingError, match=r"A single row does not fit into the memory of cpu.*gradient_checkpoint"):
        trained()


# -- gradients that are not finite


class Spoils(Callback):
    """Makes the gradients of some steps infinite, by the weights' own hook."""

    def __init__(self, *steps: int) -> None:
        self.steps, self.before, self.seen = steps, [], []

    def on_batch_start(self, trainer, progress_tracker, save_path, **kwargs):
        weight = trainer.learner.trained[0]
        if progress_tracker.steps + 1 in self.steps:
            self.handle = weight.register_hook(lambda gradient: gradient * float("nan"))
            self.before.append(torch.cat([w.detach().flatten() for w in trainer.learner.trained]))

    def on_batch_end(self, trainer, progress_tracker, save_path, sync_step=True, **kwargs):
        if progress_tracker.steps in self.steps:
            self.handle.remove()
            after = torch.cat([w.detach().flatten() for w in trainer.learner.trained])
            self.seen.append(torch.equal(after, self.before[-1]))


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "muon"])
def test_a_step_without_numbers_is_left_out(optimizer):
    spoils = Spoils(2, 5)
    one = model([spoils], optimizer=optimizer)
    one.train(dataset=table(), output_directory=None)
    assert spoils.seen == [True, True]
    assert weights(one).isfinite().all()


def test_running_statistics_take_in_nothing_of_such_a_step():
    def spoiled(module, arguments):
        return ([dataclasses.replace(signal, values=signal.values * float("nan")) for signal in arguments[0]],)

    class SpoilsInputs(Callback):
        def on_batch_start(self, trainer, progress_tracker, save_path, **kwargs):
            if progress_tracker.steps == 4:
                self.handle = trainer.model.combiner.register_forward_pre_hook(spoiled)

        def on_batch_end(self, trainer, progress_tracker, save_path, sync_step=True, **kwargs):
            if progress_tracker.steps == 5:
                self.handle.remove()

    one = model([SpoilsInputs()])
    one.config = {**one.config, "combiner": {**one.config["combiner"], "norm": "batch"}}
    one.train(dataset=table(), output_directory=None)
    assert any(name.endswith("running_mean") for name, _ in one.model.named_buffers())
    assert all(value.isfinite().all() for value in one.model.state_dict().values())


def test_many_in_a_row_end_training_with_the_best_weights():
    one = model([Spoils(*range(9, 99))], max_skipped_steps=3, epochs=20)
    text = "The gradients of 3 steps in a row, up to step 11, are not finite: training stops, and the best weights"
    with pytest.warns(LudwigWarning, match=text) as seen:
        stats = one.train(dataset=table(), output_directory=None).train_stats
    assert stats.stop_reason == "not_finite" and len(seen) == 1
    assert len(stats.training["y"]["loss"]) == 3  # two good evaluations, and the one in which training stopped
    good = trained(epochs=2)
    torch.testing.assert_close(weights(one), weights(good))


@pytest.mark.parametrize("split", [0, 1])
def test_a_run_without_a_finite_loss_is_an_error(monkeypatch, split):
    """The gradients stay finite here: predictions alone are out of bounds."""
    evaluate = LossMetric.compute
    monkeypatch.setattr(LossMetric, "compute", lambda self: evaluate(self) and math.inf)
    data = table().assign(split=np.where(np.arange(100) % 5 == 0, split, 0))
    with pytest.raises(TrainingError, match="The loss is not finite in any evaluation up to step"):
        model().train(dataset=data, output_directory=None)


def test_many_in_a_row_from_the_beginning_are_an_error():
    with pytest.raises(TrainingError, match=r"up to step 3, are not finite\. Lower trainer\.learning_rate"):
        model([Spoils(*range(99))], max_skipped_steps=3).train(dataset=table(), output_directory=None)


# -- means of weights


class Weights(Callback):
    """Notes the weights after each step."""

    def __init__(self) -> None:
        self.all: list[torch.Tensor] = []

    def on_batch_end(self, trainer, progress_tracker, save_path, sync_step=True, **kwargs):
        self.all.append(torch.cat([weight.detach().double().flatten() for weight in trainer.learner.trained]))

    def on_trainer_train_setup(self, trainer, save_path, is_coordinator, **kwargs):
        self.first = torch.cat([weight.detach().double().flatten() for weight in trainer.learner.trained])


def test_a_running_mean_is_that_of_the_formula():
    seen = Weights()
    one = model([seen], ema_decay=0.8)
    one.train(dataset=table(), output_directory=None)
    mean = seen.first
    for step, values in enumerate(seen.all, 1):
        decay = min(0.8, (1 + step) / (10 + step))
        mean = decay * mean + (1 - decay) * values
    torch.testing.assert_close(weights(one).double(), mean, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("averaged", [{"ema_decay": 0.9}, {"optimizer": "schedule_free_adamw"}])
def test_evaluated_weights_do_not_disturb_trained_ones(averaged):
    often, seldom = Weights(), Weights()
    model([often], steps_per_checkpoint=1, **averaged).train(dataset=table(), output_directory=None)
    model([seldom], **averaged).train(dataset=table(), output_directory=None)
    assert all(torch.equal(one, two) for one, two in zip(often.all, seldom.all, strict=True))


def test_the_weights_of_a_schedule_free_optimizer_are_its_averages():
    seen = Weights()
    one = model([seen], optimizer="schedule_free_adamw")
    one.train(dataset=table(), output_directory=None)
    assert not torch.allclose(weights(one).double(), seen.all[-1])


def test_gradient_norms_are_reported_before_clipping():
    norms: list[float] = []

    class Watch(Callback):
        def on_batch_end(self, trainer, progress_tracker, save_path, sync_step=True, **kwargs):
            norms.append(float(trainer.last_gradient_norm))

    bounds = {"clipglobalnorm": 1e-6}
    model([Watch()], gradient_clipping=bounds, train_steps=1).train(dataset=table(), output_directory=None)
    free = norms.pop()
    model([Watch()], gradient_clipping=None, train_steps=1).train(dataset=table(), output_directory=None)
    assert free == pytest.approx(norms[0])
    assert free > 1e-3


@pytest.mark.parametrize("averaged", [{"ema_decay": 0.9}, {"optimizer": "schedule_free_adamw"}])
def test_online_training_leaves_the_weights_that_are_evaluated(averaged):
    twice = model(**averaged)
    for _ in range(2):
        twice.train_online(table())
    trainer = twice.online.trainer
    found = weights(twice)
    trainer.learner.take(trainer.weights_in_training)
    assert not torch.equal(weights(twice), found)
    with trainer.learner.evaluated_weights():
        assert torch.equal(weights(twice), found)


@pytest.mark.parametrize("averaged", [{"ema_decay": 0.9}, {"optimizer": "schedule_free_adamw"}])
def test_a_network_outlives_its_online_training(averaged):
    one = model(**averaged)
    one.train_online(table())
    network, found = one.model, weights(one)
    del one
    gc.collect()
    assert torch.equal(torch.cat([weight.detach().flatten() for weight in network.parameters()]), found)


@pytest.mark.filterwarnings("ignore:The model is trained already")
def test_gradients_of_a_run_that_broke_off_do_not_count():
    class Breaks(Callback):
        def on_batch_end(self, trainer, progress_tracker, save_path, sync_step=True, **kwargs):
            raise RuntimeError("between two batches of a step")

    once, again = trained(gradient_accumulation_steps=2), trained(gradient_accumulation_steps=2)
    with pytest.raises(RuntimeError, match="between two"):
        again.train(table(), output_directory=None, callbacks=[Breaks()])
    assert torch.equal(weights(once), weights(again))
    for each in (once, again):
        each.train(table(), output_directory=None)
    assert torch.equal(weights(once), weights(again))
