"""What only a GPU does: arithmetic in 16 bits, memory bounds, tables that live there, fused and captured steps."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import torch

from ludwig.api import LudwigModel
from ludwig.augmentations import AUGMENTATIONS
from ludwig.callbacks import Callback
from ludwig.columns.dense import Dense
from ludwig.columns.frame import Frame
from ludwig.data.loader import batches, shuffled
from ludwig.explain import IntegratedGradientsExplainer, predict_function
from ludwig.runtime import engine as engine_room
from ludwig.runtime.device import choose_device
from ludwig.runtime.engine import Engine

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Synchronization debug mode"),
    pytest.mark.filterwarnings("ignore:TensorFloat32 tensor cores"),
]


def table(rows: int = 2000) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    x = draw.normal(size=rows)
    return pd.DataFrame({"x": x, "c": draw.choice(list("abc"), rows), "y": 2 * x + 0.1 * draw.normal(size=rows)})


def model(callbacks: list[Callback] | None = None, gpus: int = 0, **trainer: object) -> LudwigModel:
    options = {"epochs": 6, "batch_size": 64, "learning_rate": 0.01, **trainer}
    return LudwigModel(
        {
            "input_features": [{"name": "x", "type": "number"}, {"name": "c", "type": "category"}],
            "output_features": [{"name": "y", "type": "number"}],
            "combiner": {"type": "concat", "num_fc_layers": 2, "output_size": 64},
            "trainer": options,
        },
        callbacks=callbacks,
        gpus=gpus,
    )


def r2(one: LudwigModel, data: pd.DataFrame | None = None) -> float:
    found = one.train(table() if data is None else data, output_directory=None)
    return found.train_stats.validation["y"]["r2"][-1]


@pytest.mark.parametrize("precision", [False, True, "bfloat16", "float16"])
def test_a_model_trains_in_any_arithmetic(precision):
    one = model(use_mixed_precision=precision)
    assert r2(one) > 0.95
    assert {weight.device.type for _, weight in one.collect_weights()} == {"cuda"}


@pytest.mark.parametrize("name", AUGMENTATIONS.names())
def test_images_are_augmented_on_the_device_whatever_that_of_the_generator(name):
    images = torch.randint(0, 256, (64, 3, 20, 30), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    augment = AUGMENTATIONS.get(name).Config().build()
    here = augment(images, torch.Generator().manual_seed(1))
    torch.use_deterministic_algorithms(True)
    try:
        there = augment(images.cuda(), torch.Generator().manual_seed(1))
        twice = [augment(images.cuda(), torch.Generator("cuda").manual_seed(1)) for _ in range(2)]
    finally:
        torch.use_deterministic_algorithms(False)
    assert there.is_cuda
    assert ((there.cpu().int() - here.int()).abs() <= 1).float().mean() > 0.99
    assert torch.equal(*twice)


def test_a_gpu_trains_about_what_a_cpu_trains():
    assert r2(model()) == pytest.approx(r2(model(gpus=-1)), abs=0.01)


def test_deterministic_kernels_give_the_same_bits_twice():
    found = []
    for _ in range(2):
        one = model(deterministic=True)
        one.train(table(), output_directory=None)
        found.append(torch.cat([weight.flatten() for _, weight in one.collect_weights()]))
    assert torch.equal(*found)


class Looks(Callback):
    """Notes where the batches lie, and whether steps are fused."""

    def on_trainer_train_setup(self, trainer, save_path, is_coordinator, **kwargs):
        self.fused = trainer.optimizer.param_groups[0].get("fused")


def test_steps_are_fused_and_wait_for_the_device_now_and_then_only():
    """A poll for a number of skipped steps waits; there are a few of them at the start, then one every few seconds."""
    looks = Looks()

    class Silent(Callback):
        def on_epoch_start(self, trainer, progress_tracker, save_path, **kwargs):
            torch.cuda.set_sync_debug_mode("warn")

        def on_eval_start(self, trainer, progress_tracker, save_path, **kwargs):
            torch.cuda.set_sync_debug_mode("default")

        def on_trainer_train_teardown(self, trainer, progress_tracker, save_path, is_coordinator, **kwargs):
            torch.cuda.set_sync_debug_mode("default")

    one = model([looks, Silent()], epochs=1, batch_size=256, evaluate_training_set=True)
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        one.train(table(70000), output_directory=None)
    waits = [each for each in found if "synchronizing CUDA operation" in str(each.message)]
    assert looks.fused
    assert len(waits) < 20  # of 191 steps


def test_a_step_without_numbers_is_left_out_without_waiting():
    weight = torch.nn.Parameter(torch.ones(3, device="cuda"))
    optimizer = torch.optim.Adam([weight], lr=0.1, fused=True)
    weight.grad = torch.full((3,), float("nan"), device="cuda")
    finite = Engine(torch.device("cuda", 0)).step(optimizer, torch.tensor(float("nan"), device="cuda"))
    assert not bool(finite)
    assert torch.equal(weight.detach(), torch.ones(3, device="cuda"))


def test_a_table_that_has_no_room_is_moved_in_pinned_chunks(monkeypatch):
    cuda = torch.device("cuda", 0)
    order = shuffled(100, 0, 1)
    frame = Frame.of({"x": Dense(torch.arange(100.0))})
    found = torch.cat([batch.column("x") for batch in batches(frame, 16, cuda, order)])
    assert found.device.type == "cuda"
    assert found.cpu().tolist() == order.tolist()
    resident = r2(model())
    monkeypatch.setattr(engine_room, "MEMORY_SHARE", 0.0)
    assert r2(model()) == pytest.approx(resident, abs=1e-3)


def test_a_batch_that_does_not_fit_is_trained_in_micro_batches():
    class Fills(Callback):
        def on_trainer_train_setup(self, trainer, save_path, is_coordinator, **kwargs):
            _, whole = torch.cuda.mem_get_info()  # room for the weights, and not for all activations of a batch
            torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + 0.6e9) / whole)

        def on_trainer_train_teardown(self, trainer, progress_tracker, save_path, is_coordinator, **kwargs):
            torch.cuda.set_per_process_memory_fraction(1.0)

    one = model([Fills()], batch_size=32768, epochs=1)
    one.config = {**one.config, "combiner": {"type": "concat", "num_fc_layers": 4, "output_size": 2048}}
    one.train(table(70000), output_directory=None)
    assert all(weight.isfinite().all() for _, weight in one.collect_weights())


def test_a_memory_bound_is_set():
    assert choose_device(0, gpu_memory_limit=0.5) == torch.device("cuda", 0)
    torch.cuda.set_per_process_memory_fraction(1.0)


@pytest.mark.parametrize("options", [{}, {"use_mixed_precision": "float16"}, {"deterministic": True}])
def test_a_run_is_resumed_bit_for_bit(options, tmp_path):
    class Ends(Callback):
        def should_early_stop(self, trainer, progress_tracker, is_coordinator, **kwargs):
            return progress_tracker.epoch == 3

    options = {"deterministic": True, **options}
    straight, resumed = model(**options), model(**options)
    straight.train(table(), output_directory=None)
    model([Ends()], **options).train(table(), output_directory=str(tmp_path), skip_save_log=True)
    resumed.train(table(), model_resume_path=str(tmp_path / "api_experiment_run"), skip_save_log=True)
    pairs = zip(resumed.collect_weights(), straight.collect_weights(), strict=True)
    assert all(torch.equal(one, two) for (_, one), (_, two) in pairs)


@pytest.mark.slow
def test_a_compiled_network_trains():
    assert r2(model(compile=True)) > 0.95


def test_sizes_are_measured():
    one = model(batch_size="auto", eval_batch_size="auto", epochs=1)
    one.train(table(), output_directory=None)
    assert 16 <= one.config["trainer"]["batch_size"] <= 256
    assert one.config["trainer"]["eval_batch_size"] >= 16


def test_explanations_go_through_recurrent_layers():
    rows = table(100).assign(t=[" ".join("ab"[place % 2] * (place % 5 + 1)) for place in range(100)])
    text = {"name": "t", "type": "text", "encoder": {"type": "embed", "embedding_size": 8, "reduce_output": None}}
    config = {
        "input_features": [text, {"name": "x", "type": "number"}],
        "output_features": [{"name": "y", "type": "number"}],
        "combiner": {"type": "sequence", "encoder": {"type": "rnn", "state_size": 8}},
        "trainer": {"epochs": 1},
    }
    recurrent = LudwigModel(config, gpus=0)
    recurrent.train(rows, output_directory=None)
    result = IntegratedGradientsExplainer(recurrent, rows[:5], rows, "y").explain()
    sums = [float(row.expected_values[0] + row.to_array().sum()) for row in result.row_explanations]
    np.testing.assert_allclose(sums, predict_function(recurrent, "y")(rows[:5]), atol=0.01)
