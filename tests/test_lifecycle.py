"""What becomes of a model: another config, other weights, columns that are held, hooks at the right moments."""

from __future__ import annotations

import copy
import dataclasses
import errno
import json
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file

from ludwig.api import LudwigModel
from ludwig.callbacks import Callback
from ludwig.error import ArgumentError, ArtifactError, LudwigWarning, NotTrainedError, StorageError
from ludwig.models.manifest import seal
from ludwig.training import Trainer
from ludwig.training.objective import Objective

ROWS = 80
X = np.sin(np.arange(ROWS) * 1.7)
TABLE = pd.DataFrame(
    {"x": X, "u": np.cos(np.arange(ROWS) * 0.9), "c": np.array(["a", "b", "c"])[np.arange(ROWS) % 3], "z": 5 * X + 3}
)
PLE = {"type": "ple", "num_bins": 4, "output_size": 3}


def declared(**changes: object) -> dict:
    return {
        "input_features": [
            {"name": "x", "type": "number", "encoder": PLE},
            {"name": "c", "type": "category"},
            {"name": "u", "type": "number", "encoder": PLE},
        ],
        "output_features": [{"name": "z", "type": "number"}],
        "combiner": {"type": "concat", "num_fc_layers": 1, "output_size": 8},
        "trainer": {"epochs": 3, "batch_size": 16, "learning_rate": 0.02},
        **changes,
    }


def trained(**changes: object) -> LudwigModel:
    model = LudwigModel(declared(**changes))
    model.train(TABLE, output_directory=None)
    return model


class TestConfig:
    def test_another_architecture_drops_the_network_with_a_warning(self):
        model = trained()
        with pytest.warns(LudwigWarning, match="another network"):
            model.config = declared(combiner={"type": "tabm", "num_members": 2})
        with pytest.raises(NotTrainedError):
            model.predict(TABLE)
        model.train(TABLE, output_directory=None)
        assert len(model.predict(TABLE)[0]) == ROWS

    def test_another_trainer_keeps_it(self):
        model = trained()
        before, _ = model.predict(TABLE)
        model.config = {**model.config, "trainer": {**model.config["trainer"], "epochs": 7}}
        pd.testing.assert_frame_equal(model.predict(TABLE)[0], before)
        assert model.config["trainer"]["epochs"] == 7

    def test_a_config_with_faults_changes_nothing(self):
        model = trained()
        before = model.config
        with pytest.raises(ValueError, match="learning_rat"):
            model.config = declared(trainer={"learning_rat": 1})
        assert model.config == before


class TestWeights:
    def test_names_are_the_same_everywhere_and_begin_with_the_feature(self, tmp_path):
        model = trained()
        model.save(str(tmp_path))
        names = [name for name, _ in model.collect_weights()]
        assert {name.split(".")[0] for name in names} == {"input_features", "combiner", "output_features"}
        assert set(names) == set(load_file(tmp_path / "model_weights.safetensors"))

    def test_a_weight_of_another_shape_is_an_artifact_error(self, tmp_path):
        model = trained()
        model.save(str(tmp_path))
        path = tmp_path / "model_weights.safetensors"
        weights = load_file(path)
        weights["combiner.stack.layers.0.bias"] = torch.zeros(3)
        save_file(weights, path, metadata={"format_version": "2", "inputs": '["x", "c", "u"]'})
        seal(tmp_path)
        with pytest.raises(ArtifactError, match=r"combiner\.stack\.layers\.0\.bias.*\[3\].*\[8\]"):
            LudwigModel.load(str(tmp_path))

    def test_inputs_in_another_order_predict_the_same(self, tmp_path):
        model = trained()
        model.save(str(tmp_path))
        path = tmp_path / "model_hyperparameters.json"
        config = json.loads(path.read_text())
        config["input_features"].reverse()
        path.write_text(json.dumps(config))
        expected, _ = model.predict(TABLE)
        with pytest.warns(LudwigWarning, match="was edited"):
            loaded = LudwigModel.load(str(tmp_path))
        pd.testing.assert_frame_equal(loaded.predict(TABLE)[0], expected)

    def test_weights_of_another_order_are_refused(self, tmp_path):
        model = trained()
        model.save(str(tmp_path))
        other = trained(input_features=declared()["input_features"][::-1])
        with pytest.raises(ArtifactError, match="in the order x, c, u"):
            other.load_weights(str(tmp_path))

    @pytest.mark.parametrize(
        "trainer",
        [
            {},
            {"optimizer": {"type": "adamw", "weight_decay": 0.1}},
            {"optimizer": {"type": "sgd", "momentum": 0.9}, "regularization_lambda": 0.1},
            {"ema_decay": 0.5, "gradient_accumulation_steps": 2},
        ],
    )
    def test_a_column_of_a_group_is_frozen_alone(self, trainer):
        pattern = {"layers_to_freeze_regex": r"^input_features\.x\."}
        one = trained(trainer={"epochs": 1, "batch_size": 16, "learning_rate": 0.0, **pattern})
        other = trained(trainer={"epochs": 3, "batch_size": 16, "learning_rate": 0.05, **pattern, **trainer})
        moved = {
            name
            for (name, before), (_, after) in zip(one.collect_weights(), other.collect_weights(), strict=True)
            if not torch.equal(before, after)
        }
        assert "input_features.x.encoder.weight" not in moved
        assert "input_features.x.encoder.bias" not in moved
        assert {"input_features.u.encoder.weight", "combiner.stack.layers.0.weight"} <= moved

    def test_frozen_weights_are_saved_once(self, tmp_path):
        config = declared(trainer={**declared()["trainer"], "layers_to_freeze_regex": r"^combiner\."})
        model = LudwigModel(config)
        run = model.train(TABLE, output_directory=str(tmp_path), skip_save_log=True).output_directory
        folder = Path(run) / "model" / "training_checkpoints"
        names = {path.parent.name: set(load_file(path)) for path in folder.glob("*/weights.safetensors")}
        assert {name.split(".")[0] for name in names["frozen.ckpt"]} == {"combiner"}
        assert all(not name.startswith("combiner") for name in names["latest.ckpt"])
        expected, _ = model.predict(TABLE)
        loaded = LudwigModel.load(f"{run}/model", from_checkpoint=True)
        assert torch.equal(
            dict(loaded.collect_weights())["combiner.stack.layers.0.weight"],
            dict(model.collect_weights())["combiner.stack.layers.0.weight"],
        )
        pd.testing.assert_frame_equal(LudwigModel.load(f"{run}/model").predict(TABLE)[0], expected)


def test_word_vectors_are_read_once_and_never_again(tmp_path):
    vectors = tmp_path / "glove.txt"
    vectors.write_text("a 1 2\nb 3 4\n")
    encoder = {"type": "dense", "embedding_size": 2, "pretrained_embeddings": str(vectors)}
    inputs = [{"name": "c", "type": "category", "encoder": {**encoder, "embeddings_trainable": False}}]
    model = trained(input_features=inputs)
    table = dict(model.collect_weights())["input_features.c.encoder.table.weight"]
    ids = model.training_set_metadata["c"]["str2idx"]
    assert table[ids["a"]].tolist() == [1.0, 2.0]
    assert table[ids["b"]].tolist() == [3.0, 4.0]
    model.save(str(tmp_path / "saved"))
    vectors.unlink()
    expected, _ = model.predict(TABLE)
    pd.testing.assert_frame_equal(LudwigModel.load(str(tmp_path / "saved")).predict(TABLE)[0], expected)


def test_hooks_fire_where_things_happen():
    seen = []

    class Listens(Callback):
        def on_preprocess_start(self, config, **kwargs):
            seen.append("preprocess")

        def on_build_metadata_start(self, df, mode, **kwargs):
            seen.append("fit starts")

        def on_build_metadata_end(self, df, mode, **kwargs):
            seen.append("fit ends")

        def on_build_data_start(self, df, mode, **kwargs):
            seen.append(f"{mode} encoding starts")

        def on_preprocess_progress(self, progress, **kwargs):
            seen.append(progress)

        def on_build_data_end(self, df, mode, **kwargs):
            seen.append(f"{mode} encoding ends")

        def on_preprocess_end(self, training_set, validation_set, test_set, training_set_metadata, **kwargs):
            seen.append("done")

    LudwigModel(declared(), callbacks=[Listens()]).preprocess(TABLE)
    shares = [each for each in seen if isinstance(each, float)]
    steps = [each for each in seen if not isinstance(each, float)]
    encoding = ["training encoding starts", "training encoding ends"]
    assert steps == ["preprocess", "fit starts", "fit ends", *encoding, "done"]
    assert shares == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0])


class TestObjective:
    class Doubled(Objective):
        """Twice the loss of the model."""

        def loss(self, model, batch):
            step = model.training_loss(batch)
            return dataclasses.replace(step, parts={name: 2 * part for name, part in step.parts.items()})

    class Weighted(Objective):
        """The squared error of rows weighted by a column that is no feature."""

        def loss(self, model, batch):
            step = model.training_loss(batch)
            errors = (step.predictions["z"].logits - model.target("z", batch)).square()
            weights = batch.column("w")
            return dataclasses.replace(step, parts={"z": (errors * weights).sum() / weights.sum()})

        def weights_of(self, model, batch):
            return {"z": batch.column("w").sum()}

        def columns(self):
            return {"w": "binary"}

    @pytest.mark.parametrize("accumulation", [1, 2])
    def test_it_may_read_columns_besides_the_features(self, monkeypatch, accumulation):
        data = TABLE.assign(w=np.arange(ROWS) % 3 != 0, split=0)
        trainer = {"epochs": 2, "batch_size": ROWS // accumulation, "should_shuffle": False}
        trainer |= {"gradient_accumulation_steps": accumulation, "gradient_clipping": None}
        known = LudwigModel(declared()).preprocess(data).training_set_metadata
        few = LudwigModel(declared(trainer={**trainer, "batch_size": ROWS, "gradient_accumulation_steps": 1}))
        few.train(data[data.w], training_set_metadata=known, output_directory=None)
        monkeypatch.setattr(Trainer.Config, "objective", lambda config: self.Weighted())
        weighted = LudwigModel(declared(trainer=trainer))
        weighted.train(data, output_directory=None)
        for (name, one), (_, other) in zip(few.collect_weights(), weighted.collect_weights(), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5, msg=name)
        assert len(weighted.predict(TABLE)[0]) == ROWS  # which needs no such column

    def test_another_loss_enters_there(self, monkeypatch):
        plain = {"epochs": 2, "batch_size": 16, "optimizer": "sgd", "gradient_clipping": None}
        expected = trained(trainer={**plain, "learning_rate": 0.02})
        monkeypatch.setattr(Trainer.Config, "objective", lambda config: self.Doubled())
        found = trained(trainer={**plain, "learning_rate": 0.01})
        for (_, one), (_, other) in zip(expected.collect_weights(), found.collect_weights(), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("trainer", "reason"),
    [
        ({"epochs": 2}, "finished"),
        ({"epochs": 50, "early_stop": 1, "learning_rate": 0.0}, "patience"),
        ({"epochs": 5000, "time_limit_s": 0.01, "early_stop": -1}, "time"),
    ],
)
def test_why_training_ended(trainer, reason, tmp_path):
    model = LudwigModel(declared(trainer={"batch_size": 16, **trainer}))
    results = model.train(TABLE, output_directory=str(tmp_path), skip_save_log=True)
    assert results.train_stats.stop_reason == reason
    for name in ("training_statistics.json", "training_report.json"):
        text = (Path(results.output_directory) / name).read_text()
        assert json.loads(text)["stop_reason"] == reason


def test_a_callback_may_stop_training():
    class Stops(Callback):
        def should_early_stop(self, trainer, progress_tracker, is_coordinator, **kwargs):
            return True

    model = LudwigModel(declared(), callbacks=[Stops()])
    assert model.train(TABLE, output_directory=None).train_stats.stop_reason == "callback"


class TestRequirements:
    @pytest.fixture
    def encoder(self, monkeypatch):
        """An encoder that wants its numbers scaled to their range."""
        from ludwig.encoders.number import PiecewiseLinearEncoder

        monkeypatch.setattr(PiecewiseLinearEncoder.Config, "requires", lambda config: {"normalization": "minmax"})

    def test_what_an_encoder_depends_on_is_how_its_column_is_read(self, encoder):
        inputs = [{"name": "x", "type": "number"}]
        model = LudwigModel(declared(input_features=inputs))
        numbers = model.preprocess(TABLE).training_set.dataset[model.config["input_features"][0]["proc_column"]]
        assert (numbers.min(), numbers.max()) == (0.0, 1.0)

    def test_another_requirement_is_another_column(self, encoder, monkeypatch):
        model = LudwigModel(declared(input_features=[{"name": "x", "type": "number"}]))
        required = model.config["input_features"][0]["proc_column"]
        monkeypatch.undo()
        without = LudwigModel(declared(input_features=[{"name": "x", "type": "number"}]))
        assert without.config["input_features"][0]["proc_column"] != required

    def test_a_contradiction_is_a_fault_of_the_config(self, encoder):
        inputs = [{"name": "x", "type": "number", "preprocessing": {"normalization": "log1p"}}]
        with pytest.raises(ValueError, match=r"input_features\[0\]\.preprocessing\.normalization: Must be 'minmax'"):
            LudwigModel(declared(input_features=inputs))


def test_inputs_are_augmented_in_training_alone(monkeypatch):
    from ludwig.models.ecd.input_types import NumberInput

    seen = []

    def augment(numbers, generator):
        seen.append((len(numbers), generator))
        return numbers + torch.rand(numbers.shape, generator=generator)

    monkeypatch.setattr(NumberInput.Config, "augment", lambda self: augment)
    one = trained(input_features=[{"name": "x", "type": "number"}])
    calls = len(seen)
    assert sum(rows for rows, _ in seen) == 3 * round(ROWS * 0.7)  # each row of the training split once an epoch
    one.predict(TABLE)
    one.evaluate(TABLE)
    assert len(seen) == calls
    other = trained(input_features=[{"name": "x", "type": "number"}])
    for (_, first), (_, second) in zip(one.collect_weights(), other.collect_weights(), strict=True):
        assert torch.equal(first, second)  # drawn from the run's own generator


class TestTrainingAgain:
    """What one call asked for is not in force in the next."""

    @pytest.mark.filterwarnings("ignore:The model is trained already")
    def test_weights_that_were_frozen_move_again(self):
        model = trained(trainer={**declared()["trainer"], "layers_to_freeze_regex": r"^combiner\."})
        assert all(weight.requires_grad for weight in model.model.parameters())
        before = {name: weight.clone() for name, weight in model.collect_weights()}
        model.config = declared()
        model.train(TABLE, output_directory=None)
        assert all(not torch.equal(weight, before[name]) for name, weight in model.collect_weights())

    @pytest.mark.filterwarnings("ignore:The model is trained already")
    def test_inputs_are_no_longer_left_out(self):
        start = trained()
        one, other = copy.deepcopy(start), copy.deepcopy(start)
        other.config = declared(trainer={**declared()["trainer"], "modality_dropout": 0.5, "learning_rate": 0.0})
        other.train(TABLE, output_directory=None)
        other.config = declared()
        for each in (one, other):
            each.train(TABLE, output_directory=None)
        assert _equal_weights(one, other)

    @pytest.mark.filterwarnings("ignore:The model is trained already")
    def test_after_online_training_it_begins_with_the_weights_that_users_see(self):
        averaged = {**declared()["trainer"], "ema_decay": 0.9}
        model = trained(trainer=averaged)
        model.train_online(TABLE)
        model.train(TABLE, output_directory=None)
        fresh = copy.deepcopy(model)
        for each in (model, fresh):
            each.train_online(TABLE)
        assert _equal_weights(model, fresh)

    def test_other_options_hold_for_online_training_too(self):
        model = trained()
        model.train_online(TABLE)
        before = {name: weight.clone() for name, weight in model.collect_weights()}
        model.config = declared(trainer={**declared()["trainer"], "learning_rate": 0.0})
        model.train_online(TABLE)
        assert all(torch.equal(weight, before[name]) for name, weight in model.collect_weights())

    @pytest.mark.parametrize("act", ["train_online", "preprocess"])
    def test_the_splits_stay_those_of_the_training(self, act):
        model = LudwigModel(declared())
        model.train(TABLE, output_directory=None, random_seed=7)
        expected = list(model.predict(TABLE, split="test")[0].index)
        getattr(model, act)(TABLE, random_seed=3)
        assert list(model.predict(TABLE, split="test")[0].index) == expected

    def test_a_training_that_came_to_nothing_leaves_no_network(self):
        class Fails(Callback):
            def on_train_start(self, model, config, config_fp, **kwargs):
                raise RuntimeError("stop")

        model, other = LudwigModel(declared()), LudwigModel(declared())
        with pytest.raises(RuntimeError, match="stop"):
            model.train(TABLE, output_directory=None, random_seed=1, callbacks=[Fails()])
        with pytest.raises(NotTrainedError):
            model.predict(TABLE)
        for each in (model, other):
            each.train(TABLE, output_directory=None, random_seed=2)
        assert _equal_weights(model, other)


def _equal_weights(one: LudwigModel, other: LudwigModel) -> bool:
    pairs = zip(one.collect_weights(), other.collect_weights(), strict=True)
    return all(torch.equal(weight, again) for (_, weight), (_, again) in pairs)


class TestPreprocessedData:
    def test_all_of_it_are_the_rows_of_its_splits(self):
        texts = TABLE.assign(t=["one two", "three", "four five six", "seven"] * (ROWS // 4))
        model = LudwigModel(declared(input_features=[*declared()["input_features"], {"name": "t", "type": "text"}]))
        data = model.train(texts, output_directory=None).preprocessed_data
        by_split = [model.predict(data, split=split)[0] for split in ("training", "validation", "test")]
        whole = model.predict(data)[0].z_predictions
        assert len(whole) == ROWS
        np.testing.assert_allclose(whole, pd.concat(by_split).z_predictions, rtol=1e-6)
        squared = model.evaluate(data)[0]["z"]["mean_squared_error"]
        assert squared == pytest.approx(model.evaluate(texts)[0]["z"]["mean_squared_error"], rel=1e-4)

    def test_a_split_that_it_has_not_is_named(self):
        model = LudwigModel(declared())
        data = model.train(training_set=TABLE, output_directory=None).preprocessed_data
        with pytest.raises(ArgumentError, match="no test split. It has: training"):
            model.predict(data, split="test")

    def test_it_goes_with_no_other_data(self):
        model = LudwigModel(declared())
        data = model.preprocess(TABLE)
        assert model.preprocess(data) is data
        with pytest.raises(ArgumentError, match="validation_set is a DataFrame"):
            model.train(training_set=data.training_set, validation_set=TABLE, output_directory=None)
        with pytest.raises(ArgumentError, match="not both"):
            model.train(data, training_set=TABLE, output_directory=None)


def test_the_metric_that_selected_is_evaluated_later_too():
    model = LudwigModel(declared(trainer={**declared()["trainer"], "validation_metric": "huber"}))
    data = model.train(TABLE, output_directory=None)
    errors = np.abs(model.predict(TABLE)[0].z_predictions - TABLE.z) / model.training_set_metadata["z"]["std"]
    expected = np.where(errors < 1, errors**2 / 2, errors - 0.5).mean()  # with the default delta of 1
    assert model.evaluate(TABLE)[0]["z"]["huber"] == pytest.approx(expected, rel=1e-4)
    best = min(data.train_stats.validation["z"]["huber"])
    assert model.evaluate(data.preprocessed_data.validation_set)[0]["z"]["huber"] == pytest.approx(best, rel=1e-5)


def test_a_place_that_cannot_be_written_to_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    place = str(tmp_path / "file")
    model = LudwigModel(declared())
    with pytest.raises(StorageError, match="Nothing can be written to '.*file'"):
        model.train(TABLE, output_directory=place)
    model.train(TABLE, output_directory=None)
    for act in (
        lambda: model.save(place),
        lambda: model.save_config(place),
        lambda: model.predict(TABLE, skip_save_predictions=False, output_directory=place),
        lambda: model.evaluate(TABLE, skip_save_eval_stats=False, output_directory=place),
    ):
        with pytest.raises(StorageError, match="Nothing can be written to '.*file'"):
            act()


def test_a_disk_that_fills_up_at_the_end_of_a_training_loses_no_model(tmp_path, monkeypatch):
    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    model, expected = LudwigModel(declared()), trained()
    monkeypatch.setattr("ludwig.models.artifacts.save_weights", full)
    with pytest.raises(StorageError, match="No space left on device.*can be saved elsewhere with `save`"):
        model.train(TABLE, output_directory=str(tmp_path), skip_save_log=True)
    assert _equal_weights(model, expected)


def test_two_runs_at_once_have_a_folder_each(tmp_path):
    runs: list[str] = []

    def train() -> None:
        model = LudwigModel(declared())
        runs.append(model.train(TABLE, output_directory=str(tmp_path), skip_save_log=True).output_directory)

    threads = [threading.Thread(target=train) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {Path(run).name for run in runs} == {"api_experiment_run", "api_experiment_run_0", "api_experiment_run_1"}


def test_an_experiment_without_a_run_keeps_its_predictions_where_it_was_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    skips = dict.fromkeys(("training_description", "training_statistics", "model", "progress", "log"), True)
    skipped = {f"skip_save_{name}": True for name in (*skips, "processed_input", "unprocessed_output")}
    LudwigModel(declared()).experiment(TABLE, output_directory=str(tmp_path / "out"), **skipped)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out" / "predictions.parquet").is_file()
