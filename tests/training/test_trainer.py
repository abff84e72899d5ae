"""Evaluations, selection, accumulation and the other options of the loop."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from ludwig.api import LudwigModel
from ludwig.callbacks import Callback
from ludwig.data.pipeline import fitted_state
from ludwig.error import ConfigValidationError, LudwigWarning, TrainingError
from ludwig.models.ecd.model import Ecd
from ludwig.runtime.atomic import read_json
from ludwig.training import build
from ludwig.training.progress import Progress


def table(rows: int = 100) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    x = draw.normal(size=rows)
    return pd.DataFrame({"x": x, "u": draw.normal(size=rows), "y": 3 * x + draw.normal(size=rows), "split": 0})


PLAIN = {"encoder": "passthrough", "preprocessing": {"normalization": "zscore"}}


def model(callbacks: list[Callback] | None = None, **trainer: object) -> LudwigModel:
    inputs = [{"name": name, "type": "number", **PLAIN} for name in ("x", "u")]
    options = {"epochs": 2, "batch_size": 16, "learning_rate": 0.05, "gradient_clipping": None, **trainer}
    outputs = [{"name": "y", "type": "number"}]
    sections = {"input_features": inputs, "output_features": outputs, "combiner": "concat", "trainer": options}
    return LudwigModel(sections, callbacks=callbacks)


def weights(one: LudwigModel) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for _, weight in one.collect_weights()])


def trained(data: pd.DataFrame, **trainer: object) -> LudwigModel:
    one = model(**trainer)
    one.train(dataset=data, output_directory=None)
    return one


@pytest.mark.parametrize(("size", "steps"), [(16, 2), (8, 4), (32, 1)])
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_accumulated_batches_equal_one_big_batch(size, steps, optimizer):
    # 100 rows: the last window has 4 rows, in batches of unequal size
    options = {"optimizer": optimizer, "should_shuffle": False}
    big = trained(table(), batch_size=32, **options)
    parts = trained(table(), batch_size=size, gradient_accumulation_steps=steps, **options)
    torch.testing.assert_close(weights(parts), weights(big), rtol=1e-4, atol=1e-6)


def test_one_step_of_gradient_descent_is_the_one_of_the_formula():
    data = table(20)
    one = trained(data, epochs=1, batch_size=20, optimizer="sgd", learning_rate=0.1)
    inputs, outputs = one.config_obj.resolve(one.assets)
    start = build(one.config_obj, fitted_state([*inputs, *outputs], one.training_set_metadata), 42)
    weight, bias = (p.clone().double() for p in start.parameters_by_name().values())
    inputs = torch.tensor(((data[["x", "u"]] - data[["x", "u"]].mean()) / data[["x", "u"]].std(ddof=0)).to_numpy())
    target = torch.tensor(((data.y - data.y.mean()) / data.y.std(ddof=0)).to_numpy())
    error = inputs @ weight[0] + bias[0] - target
    expected = torch.cat([weight[0] - 0.1 * 2 * (error[:, None] * inputs).mean(0), bias - 0.1 * 2 * error.mean()])
    torch.testing.assert_close(weights(one).double(), expected, rtol=1e-4, atol=1e-6)


class Evaluations(Callback):
    """Records the steps of the evaluations."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def on_eval_end(self, trainer, progress_tracker, save_path, **kwargs):
        self.steps.append(progress_tracker.steps)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"epochs": 3}, [7, 14, 21]),
        ({"epochs": 2, "checkpoints_per_epoch": 2}, [3, 6, 9, 12, 14]),  # always a last one
        ({"epochs": 2, "steps_per_checkpoint": 4}, [4, 8, 12, 14]),
        ({"train_steps": 9}, [9]),
        ({"train_steps": 25, "epochs": "auto"}, [10, 20, 25]),  # longer than an epoch
        ({"epochs": 2, "skip_all_evaluation": True}, []),
        ({"epochs": 2, "gradient_accumulation_steps": 2, "steps_per_checkpoint": 3}, [4, 6, 9, 13, 14]),
    ],
)
def test_evaluations_fall_where_the_config_sets_them_and_at_the_end(options, expected):
    evaluations = Evaluations()
    model([evaluations], **options).train(dataset=table(), output_directory=None)
    assert evaluations.steps == expected


def test_a_clean_pass_over_the_training_split_equals_evaluate():
    one = model(evaluate_training_set=True, early_stop=-1)
    data = table()
    results = one.train(dataset=data, output_directory=None)
    found = one.evaluate(data)[0]["y"]
    assert results.train_stats.training["y"]["mean_squared_error"][-1] == pytest.approx(
        found["mean_squared_error"], rel=1e-5
    )


def test_the_best_evaluation_is_kept_and_early_stopping_ends_training():
    data = table(200).drop(columns="split")
    one = model(epochs=60, learning_rate=0.3, early_stop=4)
    results = one.train(dataset=data, output_directory=None)
    evaluations = results.train_stats.validation["y"]["mean_squared_error"]
    best = int(np.argmin(evaluations))
    assert len(evaluations) == best + 1 + 4 < 60
    found = one.evaluate(results.preprocessed_data.validation_set)[0]["y"]["mean_squared_error"]
    assert found == pytest.approx(min(evaluations), rel=1e-5)


def test_frozen_weights_stay():
    one = model(layers_to_freeze_regex=".*bias")
    one.train(dataset=table(), output_directory=None)
    (bias,) = [weight for name, weight in one.collect_weights() if name.endswith("bias")]
    assert bias.item() == 0


@pytest.mark.parametrize("kind", ["l1", "l2", "l1_l2"])
def test_regularisation_makes_weights_small(kind):
    free, held = trained(table()), trained(table(), regularization_type=kind, regularization_lambda=0.5)
    assert weights(held).abs().sum() < weights(free).abs().sum()


@pytest.mark.parametrize("bounds", [{"clipglobalnorm": 1e-3}, {"clipnorm": 1e-3}, {"clipvalue": 1e-3}])
def test_clipped_gradients_move_weights_little(bounds):
    options = {"optimizer": "sgd", "learning_rate": 1.0, "train_steps": 1}
    start = trained(table(), **{**options, "learning_rate": 0.0})
    moved = trained(table(), **options, gradient_clipping={"clipglobalnorm": None, **bounds})
    assert 0 < (weights(moved) - weights(start)).norm() < 3e-3


@pytest.mark.parametrize("rows", [2, 17, 33])
def test_a_last_batch_of_one_row_is_trained_on(rows):
    assert weights(trained(table(rows), epochs=1)).isfinite().all()


def test_automatic_sizes_are_resolved_and_reported():
    one = model(batch_size="auto", learning_rate="auto")
    one.train(dataset=table(), output_directory=None)
    assert one.config["trainer"]["batch_size"] == 100  # all rows
    assert one.config["trainer"]["learning_rate"] == 0.0015
    two = model(batch_size="auto", effective_batch_size=32, gradient_accumulation_steps=4)
    two.train(dataset=table(), output_directory=None)
    assert two.config["trainer"]["batch_size"] == 8


def automatic(value: object, place: str = "config") -> list[str]:
    """The places of values that are left automatic."""
    if isinstance(value, dict):
        return [found for key, each in value.items() for found in automatic(each, f"{place}.{key}")]
    if isinstance(value, list):
        return [found for number, each in enumerate(value) for found in automatic(each, f"{place}[{number}]")]
    return [place] if value == "auto" else []


@pytest.mark.parametrize("options", [{}, {"batch_size": "auto", "learning_rate": "auto", "eval_batch_size": "auto"}])
def test_no_value_is_left_automatic(options, tmp_path):
    one = model(epochs=1, **options)
    folder = one.train(dataset=table(), output_directory=str(tmp_path)).output_directory
    saved = read_json(Path(folder) / "model" / "model_hyperparameters.json")
    described = read_json(Path(folder) / "description.json")["config"]
    assert saved == described == one.config
    assert automatic(saved) == []
    trainer = saved["trainer"]
    assert trainer["effective_batch_size"] == trainer["batch_size"] * trainer["gradient_accumulation_steps"]
    assert LudwigModel(saved).config == saved  # the saved config is one that trains


def test_metrics_that_are_not_finite_are_reported():
    data = table().assign(y=lambda t: t["y"] * 1e300, split=np.arange(100) % 2)
    one = model(epochs=1)
    with pytest.warns(LudwigWarning, match=r"Metrics of the best evaluation are not finite .*y.mean_squared_error"):
        one.train(dataset=data, output_directory=None)
    with pytest.warns(LudwigWarning, match=r"Metrics of the evaluation are not finite"):
        statistics, _, _ = one.evaluate(dataset=data)
    assert np.isfinite(statistics["y"]["mean_absolute_error"])


def test_a_batch_size_that_is_edited_in_a_saved_config_keeps_the_effective_one():
    one = model(epochs=1, batch_size=32)
    one.train(dataset=table(), output_directory=None)
    config = one.config
    config["trainer"]["batch_size"] = 16
    two = LudwigModel(config)
    with pytest.warns(LudwigWarning, match="batches of 16 rows and accumulates 2,"):
        two.train(dataset=table(), output_directory=None)
    assert two.config["trainer"]["gradient_accumulation_steps"] == 2
    config["trainer"]["batch_size"] = 24
    with pytest.raises(
        ConfigValidationError, match="effective_batch_size: Must be a multiple of batch_size 24, or auto"
    ):
        LudwigModel(config)


def test_the_test_split_is_evaluated_at_every_evaluation_where_that_is_asked_for():
    splits = table(200).drop(columns="split")
    once, always = (model(epochs=3, evaluate_test_set=asked) for asked in (False, True))
    ends, plain = (each.train(dataset=splits, output_directory=None).train_stats for each in (always, once))
    assert len(plain.test["combined"]["loss"]) == 1
    assert len(ends.test["combined"]["loss"]) == len(ends.validation["combined"]["loss"]) == 3
    assert ends.validation == plain.validation  # nothing follows from it
    best = min(range(3), key=ends.validation["combined"]["loss"].__getitem__)
    assert ends.test["combined"]["loss"][best] == pytest.approx(plain.test["combined"]["loss"][0])


def progress(**best: float) -> Progress:
    fresh = Progress(batch_size=1, steps_per_epoch=1, total_steps=1, learning_rate=0.1)
    fresh.best_eval_metric_value, fresh.best_eval_loss = best.get("value"), best.get("loss")
    return fresh


@pytest.mark.parametrize(
    ("best", "value", "loss", "direction", "expected"),
    [
        ({}, 0.5, 1.0, "maximize", True),
        ({"value": 0.5, "loss": 1.0}, 0.6, 9.0, "maximize", True),
        ({"value": 0.5, "loss": 1.0}, 0.6, 0.1, "minimize", False),
        ({"value": 1.0, "loss": 1.0}, 1.0, 0.9, "maximize", True),  # the loss breaks the tie
        ({"value": 1.0, "loss": 1.0}, 1.0, 1.0, "maximize", False),  # the first is kept
        ({"value": 0.5, "loss": 1.0}, math.nan, 0.1, "minimize", False),  # no number is worse than any
        ({"value": math.nan, "loss": math.nan}, 5.0, 5.0, "minimize", True),
        ({"value": 1.0, "loss": 1.0}, 1.0, math.nan, "maximize", False),
    ],
)
def test_which_evaluation_is_better(best, value, loss, direction, expected):
    assert progress(**best).improves(value, loss, direction) is expected


def test_the_optimizer_follows_the_schedule():
    seen: list[float] = []

    class Watch(Callback):
        def on_batch_end(self, trainer, progress_tracker, save_path, sync_step=True, **kwargs):
            seen.append(trainer.optimizer.param_groups[0]["lr"])

    model([Watch()], learning_rate=0.1, learning_rate_scheduler={"decay": "linear"}).train(
        dataset=table(), output_directory=None
    )
    assert seen == pytest.approx([0.1 * (1 - step / 14) for step in range(14)])


def test_a_time_limit_ends_training_with_an_evaluation(monkeypatch):
    evaluations = Evaluations()
    clock = iter(range(1000))
    monkeypatch.setattr("ludwig.training.progress.time.monotonic", lambda: next(clock))
    one = model([evaluations], epochs=50, time_limit_s=9.5)
    stats = one.train(dataset=table(), output_directory=None).train_stats
    assert len(stats.training["y"]["loss"]) == len(evaluations.steps)
    assert 7 <= evaluations.steps[-1] <= 10  # a look at the clock after each step


def test_time_that_a_run_has_taken_counts_when_it_is_resumed(tmp_path):
    results = model(epochs=2).train(dataset=table(), output_directory=str(tmp_path), skip_save_log=True)
    again = model(epochs=50, time_limit_s=1e-6)
    more = again.train(dataset=table(), model_resume_path=results.output_directory, skip_save_log=True)
    assert len(more.train_stats.training["y"]["loss"]) == 2  # no time is left


def text_table() -> pd.DataFrame:
    draw = np.random.default_rng(0)
    counts = draw.integers(1, 40, 200)
    return pd.DataFrame({"t": [" ".join(["word"] * count) for count in counts], "y": counts.astype(float), "split": 0})


def text_model(callbacks: list[Callback], **trainer: object) -> LudwigModel:
    encoder = {"type": "embed", "embedding_size": 4}
    inputs = [{"name": "t", "type": "text", "encoder": encoder}]
    options = {"epochs": 1, "batch_size": 10, **trainer}
    outputs = [{"name": "y", "type": "number"}]
    sections = {"input_features": inputs, "output_features": outputs, "combiner": "concat", "trainer": options}
    return LudwigModel(sections, callbacks=callbacks)


def test_bucketing_puts_rows_of_like_length_together():
    spread: list[int] = []

    class Watch(Callback):
        def on_batch_end(self, trainer, progress_tracker, save_path, sync_step=True, **kwargs):
            ((_, batch),) = trainer.last_steps
            spread.append(int(batch.lengths("t").max() - batch.lengths("t").min()))

    text_model([Watch()], bucketing_field="t").train(dataset=text_table(), output_directory=None)
    sorted_spread = spread.copy()
    spread.clear()
    text_model([Watch()]).train(dataset=text_table(), output_directory=None)
    assert sum(sorted_spread) < sum(spread) / 4


def test_bucketing_needs_an_input_of_sequences():
    with pytest.raises(ConfigValidationError, match=r"trainer\.bucketing_field: 'x' is no column of sequences"):
        model(bucketing_field="x").train(dataset=table(), output_directory=None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ema_decay": 0.9, "optimizer": "schedule_free_adamw"}, r"trainer\.ema_decay: .*averages the weights itself"),
        (
            {"optimizer": "schedule_free_adamw", "learning_rate_scheduler": {"decay": "linear"}},
            r"trainer\.learning_rate_scheduler\.decay: .*needs no decay",
        ),
        ({"optimizer": "adam", "no_weight_decay": ["biases"]}, r"trainer\.no_weight_decay: Has no effect"),
        (
            {"optimizer": {"type": "adafactor", "lr": 0.1, "relative_step": True}},
            r"trainer\.optimizer\.lr: Has no effect with relative_step",
        ),
        ({"no_weight_decay": ["bias"]}, r"trainer\.no_weight_decay.*biases"),
        ({"use_mixed_precision": "bf16"}, r"trainer\.use_mixed_precision.*bfloat16"),
        ({"ema_decay": 1.0}, r"trainer\.ema_decay.*less than 1"),
    ],
)
def test_options_that_do_not_go_together_are_reported(options, message):
    with pytest.raises(ConfigValidationError, match=message):
        model(**options)


def test_adafactor_takes_its_own_rate_or_the_trainers():
    rates: list[float | None] = []

    class Watch(Callback):
        def on_batch_end(self, trainer, progress_tracker, save_path, sync_step=True, **kwargs):
            rates.append(trainer.optimizer.param_groups[0]["lr"])

    for optimizer in ({"relative_step": True}, {}, {"lr": 0.02}):
        one = model([Watch()], optimizer={"type": "adafactor", **optimizer}, train_steps=1, learning_rate=0.01)
        one.train(dataset=table(), output_directory=None)
    assert rates == [None, 0.01, 0.02]


def test_online_training_without_finite_gradients_is_an_error(monkeypatch):
    learn = Ecd.training_loss

    def spoiled(self, batch):
        step = learn(self, batch)
        return dataclasses.replace(step, parts={name: loss * math.nan for name, loss in step.parts.items()})

    monkeypatch.setattr(Ecd, "training_loss", spoiled)
    with pytest.raises(TrainingError, match="are not finite"):
        model().train_online(table())


def test_a_selecting_metric_that_is_undefined_for_the_classes_is_refused():
    table = pd.DataFrame({"x": np.arange(60.0), "y": list("abc") * 20})
    config = {
        "input_features": [{"name": "x", "type": "number"}],
        "output_features": [{"name": "y", "type": "category"}],  # hits at 3 of 3 classes are always 1
        "trainer": {"epochs": 1, "validation_field": "y", "validation_metric": "hits_at_k"},
    }
    with pytest.raises(ConfigValidationError, match=r"validation_metric: 'hits_at_k' is undefined .*'y'.* accuracy"):
        LudwigModel(config).train(table, output_directory=None)


def test_freezing_nothing_is_an_error_that_shows_names():
    with pytest.raises(ConfigValidationError, match=r"layers_to_freeze_regex: Must match .*'nothing'.*decoder"):
        model(layers_to_freeze_regex="nothing").train(dataset=table(), output_directory=None)
