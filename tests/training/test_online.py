"""Online training goes on from call to call, also where the model was saved, loaded, pickled or copied in between."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from ludwig.api import LudwigModel
from ludwig.callbacks import Callback
from ludwig.error import ArgumentError, ArtifactError, InputDataError, LudwigWarning

STATE = "online_training"  # the folder of a saved model


def table(rows: int = 40, seed: int = 0) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    x = draw.normal(size=rows)
    return pd.DataFrame({"x": x, "c": draw.choice(list("abc"), rows), "y": np.where(x > 0, "u", "v")})


LAYERS = {"type": "concat", "num_fc_layers": 1, "output_size": 6, "norm": "batch", "dropout": 0.3}


def declared(combiner: dict[str, Any] = LAYERS, **trainer: Any) -> LudwigModel:
    return LudwigModel(
        {
            "input_features": [{"name": "x", "type": "number"}, {"name": "c", "type": "category"}],
            "output_features": [{"name": "y", "type": "category"}],
            "combiner": combiner,
            "trainer": {"batch_size": 16, "learning_rate": 0.05, **trainer},
        }
    )


def online(**trainer: Any) -> LudwigModel:
    model = declared(**trainer)
    model.train_online(table())
    return model


def weights(model: LudwigModel) -> dict[str, torch.Tensor]:
    """Buffers, such as running means, too."""
    return {name: tensor.detach().clone() for name, tensor in model.model.state_dict().items()}


def state(model: LudwigModel) -> dict[str, Any]:
    """Everything that the next call goes on from, by its path: optimizer, schedule, averages, random state."""
    found: dict[str, Any] = {}

    def walk(value: Any, path: str) -> None:
        entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, entry in entries:
            walk(entry, f"{path}/{key}")
        if not isinstance(value, dict | list):
            found[path] = value

    kept = model.online.state
    walk(kept.optimizer, "")
    walk(kept.progress.to_json(), "progress")
    return found


def assert_same(one: LudwigModel, other: LudwigModel) -> None:
    for ours, theirs in ((weights(one), weights(other)), (state(one), state(other))):
        assert ours.keys() == theirs.keys()
        for path, value in ours.items():
            assert torch.equal(value, theirs[path]) if isinstance(value, torch.Tensor) else value == theirs[path], path


def saved_and_loaded(model: LudwigModel, folder: Path) -> LudwigModel:
    model.save(str(folder / "model"))
    return LudwigModel.load(str(folder / "model"))


WAYS: dict[str, Callable[[LudwigModel, Path], LudwigModel]] = {
    "save": saved_and_loaded,
    "save_twice": lambda model, folder: saved_and_loaded(saved_and_loaded(model, folder), folder),
    "pickle": lambda model, folder: pickle.loads(pickle.dumps(model)),
    "copy": lambda model, folder: copy.deepcopy(model),
}
OPTIONS = [
    {},
    {"ema_decay": 0.9},
    {"optimizer": "schedule_free_adamw"},
    {"learning_rate_scheduler": {"decay": "exponential", "decay_rate": 0.5, "decay_steps": 2}},
    {"learning_rate": "auto", "batch_size": "auto"},
]


@pytest.fixture(scope="module")
def model() -> LudwigModel:
    return online()


class TestCallsGoOn:
    @pytest.mark.parametrize("options", OPTIONS, ids=["plain", "ema", "schedule_free", "schedule", "auto"])
    def test_with_a_save_and_a_load_between_them_bit_for_bit(self, options, tmp_path):
        if "schedule_free" in str(options):
            pytest.importorskip("schedulefree")
        straight, broken = online(**options), saved_and_loaded(online(**options), tmp_path)
        for rows, seed in ((30, 1), (50, 2)):
            for model in (straight, broken):
                model.train_online(table(rows, seed), random_seed=seed)
        assert_same(straight, broken)

    @pytest.mark.parametrize("way", WAYS)
    def test_in_whatever_way_the_model_went_on(self, way, tmp_path):
        straight = online(ema_decay=0.9)
        other = WAYS[way](online(ema_decay=0.9), tmp_path)
        for model in (straight, other):
            model.train_online(table(30, 1))
        assert_same(straight, other)

    def test_and_not_from_a_fresh_optimizer(self, tmp_path):
        straight, other = online(), saved_and_loaded(online(), tmp_path)
        other.load_weights(str(tmp_path / "model"))  # after which online training begins anew
        for model in (straight, other):
            model.train_online(table(30, 1))
        assert any(not torch.equal(value, weights(other)[name]) for name, value in weights(straight).items())

    def test_from_a_trained_model_too(self, tmp_path):
        one = declared(epochs=1)
        results = one.train(table(), output_directory=str(tmp_path))
        assert not list(tmp_path.rglob(STATE))  # which the training has no need of
        other = LudwigModel.load(f"{results.output_directory}/model")
        for rows in (30, 20):
            for model in (one, other):
                model.train_online(table(rows))
            other = saved_and_loaded(other, tmp_path)
        assert_same(one, other)


class TestTheFolder:
    def test_a_model_that_was_not_trained_online_has_no_more_files(self, tmp_path):
        model = online()
        model.save(str(tmp_path / "model"))
        assert (tmp_path / "model" / STATE).is_dir()
        with pytest.warns(LudwigWarning, match="trained already"):
            model.train(table(), output_directory=None)
        model.save(str(tmp_path / "model"))
        assert not (tmp_path / "model" / STATE).exists()

    def test_a_damaged_state_is_not_loaded(self, tmp_path):
        saved_and_loaded(online(), tmp_path)
        file = tmp_path / "model" / STATE / "optimizer.safetensors"
        file.write_bytes(file.read_bytes()[:-4] + b"\0\1\2\3")
        with pytest.raises(ArtifactError, match=r"optimizer\.safetensors"):
            LudwigModel.load(str(tmp_path / "model"))

    def test_another_optimizer_in_the_saved_config_begins_anew_with_a_warning(self, tmp_path):
        saved_and_loaded(online(), tmp_path)
        path = tmp_path / "model" / "model_hyperparameters.json"
        config = json.loads(path.read_text(encoding="utf-8"))
        config["trainer"]["optimizer"] = {"type": "sgd"}
        path.write_text(json.dumps(config), encoding="utf-8")
        with pytest.warns(LudwigWarning, match="was edited"):
            model = LudwigModel.load(str(tmp_path / "model"))
        with pytest.warns(LudwigWarning, match="state of its optimizer no longer fits"):
            model.train_online(table(30, 1))
        model.train_online(table(30, 1))


class TestTheRows:
    @pytest.mark.parametrize(
        ("rows", "error", "match"),
        [
            (table()[["x", "c"]], InputDataError, "no column 'y'"),
            (table()[["x", "y"]], InputDataError, "no column 'c'"),
            (table().assign(x="many"), InputDataError, "not numbers"),
            (table().iloc[:0], InputDataError, "no rows. Training needs one row"),
            (table().assign(y=None), InputDataError, "Only 0 of 40 rows"),
            (table().assign(y="w"), InputDataError, "knows none of the classes"),
            (None, ArgumentError, "no data"),
        ],
        ids=["no_target", "no_input", "words", "empty", "no_targets", "new_class", "none"],
    )
    def test_that_do_not_fit_leave_the_model_as_it_was(self, rows, error, match, model):
        before, state_before = weights(model), copy.deepcopy(state(model))
        with pytest.raises(error, match=match):
            model.train_online(rows)
        assert all(torch.equal(value, before[name]) for name, value in weights(model).items())
        after = state(model)
        assert all(np.array_equal(value, after[path]) for path, value in state_before.items())

    def test_may_be_a_single_one(self, model):
        before = weights(model)
        model.train_online(table().iloc[:1])
        assert any(not torch.equal(value, before[name]) for name, value in weights(model).items())

    def test_of_a_new_category_get_the_reserved_id(self):
        model = online()
        name = "input_features.c.encoder.table.weight"
        before = dict(model.collect_weights())[name].detach().clone()
        with pytest.warns(LudwigWarning, match="values that the model does not know"):
            model.train_online(table().assign(c="d"))
        moved = (dict(model.collect_weights())[name].detach() != before).any(dim=1)
        words = model.training_set_metadata["c"]["idx2str"]
        assert words[0] == "<UNK>"
        assert "d" not in words
        assert moved[0]

    def test_of_a_new_class_have_no_part_in_the_loss(self):
        one, other = (declared({"type": "concat"}, optimizer="sgd") for _ in range(2))
        for model in (one, other):
            model.train_online(table())
        some = table(16, 3)
        with pytest.warns(LudwigWarning, match=r"does not know the class .* in 1 of 16 rows \('w'\)"):
            one.train_online(some.assign(y=some.y.where(some.index != 5, "w")))
        other.train_online(some.drop(5))
        for name, value in weights(one).items():
            torch.testing.assert_close(value, weights(other)[name])

    def test_of_a_fresh_model_are_what_its_state_is_fitted_on(self):
        model = declared()
        with pytest.raises(InputDataError, match="Training needs 2 rows"):
            model.train_online(table().iloc[:1])
        assert model.model is None
        model.train_online(table())
        assert set(model.training_set_metadata["c"]["idx2str"]) == {"<UNK>", "a", "b", "c"}

    def test_another_fitted_state_is_refused(self, model):
        other = declared().preprocess(table(seed=9).assign(c="z")).training_set_metadata
        before = weights(model)
        with pytest.raises(InputDataError, match="not that of the trained model"):
            model.train_online(table(), training_set_metadata=other)
        assert all(torch.equal(value, before[name]) for name, value in weights(model).items())
        model.train_online(table(), training_set_metadata=model.training_set_metadata)


def test_a_call_that_breaks_off_leaves_the_weights_that_are_evaluated():
    class Fails(Callback):
        fails = False

        def on_batch_end(self, trainer, progress_tracker, save_path, sync_step=True, **kwargs):
            if self.fails:
                raise RuntimeError("stop")

    callback = Fails()
    model = online(ema_decay=0.9)
    model.online, model.callbacks = None, [callback]
    model.train_online(table())
    callback.fails = True
    with pytest.raises(RuntimeError, match="stop"):
        model.train_online(table())
    trainer = model.online.trainer
    found = [weight.detach().clone() for weight in trainer.learner.trained]
    with trainer.learner.evaluated_weights():
        averages = [weight.detach().clone() for weight in trainer.learner.trained]
    assert all(torch.equal(one, other) for one, other in zip(found, averages, strict=True))
