"""Arguments of a wrong kind get one plain error, before anything is done; numpy's scalars are right ones."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ludwig.api import LudwigModel
from ludwig.callbacks import Callback
from ludwig.error import ArgumentError, ArtifactError, InputDataError, LudwigError

DRAW = np.random.default_rng(0)
TABLE = pd.DataFrame({"x": DRAW.normal(size=60), "c": DRAW.choice(list("abc"), 60), "y": DRAW.choice(["u", "v"], 60)})


def config(*inputs: dict[str, Any]) -> dict[str, Any]:
    features = list(inputs) or [{"name": "x", "type": "number"}]
    output = {"name": "y", "type": "category"}
    return {"input_features": features, "output_features": [output], "trainer": {"epochs": 1, "batch_size": 32}}


@pytest.fixture(scope="module")
def model() -> LudwigModel:
    model = LudwigModel(config())
    model.train(TABLE, output_directory=None)
    return model


@pytest.mark.parametrize("seed", ["a", -1, 1.5, 2**32, None, True])
def test_a_seed_is_checked_before_a_folder_is_made(tmp_path, seed):
    for method in ("train", "experiment"):
        with pytest.raises(ArgumentError, match="random_seed must be an integer, between 0 and 4294967295"):
            getattr(LudwigModel(config()), method)(TABLE, output_directory=str(tmp_path), random_seed=seed)
    assert not list(tmp_path.iterdir())
    for method in ("preprocess", "train_online"):
        with pytest.raises(ArgumentError, match="random_seed"):
            getattr(LudwigModel(config()), method)(TABLE, random_seed=seed)


def test_numpy_numbers_are_numbers(model):
    weights = []
    for seed in (7, np.int64(7), np.array(7), np.uint8(7)):
        other = LudwigModel(config(), gpus=np.int64(-1), logging_level=np.int64(logging.ERROR))
        other.train(TABLE, output_directory=None, random_seed=seed)
        weights.append(torch_sum(other))
    assert len(set(weights)) == 1
    expected = model.predict(TABLE)[0]
    for size in (np.int32(7), np.array(7), 7):
        pd.testing.assert_frame_equal(model.predict(TABLE, batch_size=size)[0], expected)


def torch_sum(model: LudwigModel) -> float:
    return sum(float(weight.double().sum()) for _, weight in model.collect_weights())


@pytest.mark.parametrize("size", ["8", 0, -1, 2.5, True])
def test_a_batch_has_a_row_at_least(model, size):
    for method in (model.predict, model.evaluate):
        with pytest.raises(ArgumentError, match="batch_size must be an integer, at least 1"):
            method(TABLE, batch_size=size)


@pytest.mark.parametrize("gpus", ["abc", "0,a", 1.5, {}, True, ["a"], -2, [[0]]])
def test_gpus_are_numbers(gpus):
    with pytest.raises(ArgumentError, match="gpus must be the number of a GPU"):
        LudwigModel(config(), gpus=gpus)


@pytest.mark.parametrize("gpus", [-1, "-1", "", [-1], np.int64(-1), np.array([-1]), [np.int8(-1)]])
def test_there_are_many_ways_to_want_no_gpu(gpus):
    assert LudwigModel(config(), gpus=gpus).device.type == "cpu"


@pytest.mark.parametrize("callbacks", [Callback(), [Callback], [3], "x", 5])
def test_callbacks_are_checked_when_they_are_passed(model, callbacks):
    with pytest.raises(ArgumentError, match="callbacks"):
        LudwigModel(config(), callbacks=callbacks)
    with pytest.raises(ArgumentError, match="callbacks"):
        model.predict(TABLE, callbacks=callbacks)


@pytest.mark.parametrize(
    "call",
    [
        lambda model: LudwigModel(config(), gpu_memory_limit="a"),
        lambda model: LudwigModel(config(), logging_level="loud"),
        lambda model: LudwigModel.set_logging_level("loud"),
        lambda model: LudwigModel.load(None),
        lambda model: LudwigModel.load("a\0b"),
        lambda model: LudwigModel.load("a" * 5000),
        lambda model: model.save(3),
        lambda model: model.load_weights(None),
        lambda model: model.collect_weights("a"),
        lambda model: model.train(TABLE, output_directory=3),
        lambda model: model.train(TABLE, experiment_name=3),
        lambda model: model.train(TABLE, model_resume_path=["a"]),
        lambda model: model.predict(5),
    ],
)
def test_arguments_of_a_wrong_kind_are_errors_of_ours(model, call):
    with pytest.raises(LudwigError):
        call(model)


@pytest.mark.parametrize(
    "metadata", [3, [1], "nowhere.json", ".", {"x": 3, "y": 4}, {"x": {"mean": "a"}, "y": []}, {"z": {}}]
)
def test_fitted_state_of_a_wrong_kind_is_an_error(metadata):
    with pytest.raises(LudwigError, match="training_set_metadata"):
        LudwigModel(config()).train(TABLE, training_set_metadata=metadata, output_directory=None)


@pytest.mark.parametrize(
    "other",
    [
        {"name": "c", "type": "category"},
        {"name": "x", "type": "category"},
        {"name": "x", "type": "number", "preprocessing": {"normalization": "minmax"}},
    ],
)
def test_preprocessed_data_of_another_config_is_refused(model, other):
    data = LudwigModel(config(other)).preprocess(TABLE)
    for call in (
        lambda: LudwigModel(config()).train(data, output_directory=None),
        lambda: model.predict(data.training_set),
        lambda: model.evaluate(data),
    ):
        with pytest.raises(InputDataError, match="that of another config: the input feature 'x'"):
            call()
    assert len(model.predict(LudwigModel(config()).preprocess(TABLE))[0]) == len(TABLE)


def edited(change: Callable[[dict[str, Any]], object]) -> Callable[[str], str]:
    def edit(text: str) -> str:
        content = json.loads(text)
        change(content)
        return json.dumps(content)

    return edit


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "[]",
        lambda text: '"a"',
        lambda text: "[" * 100_000,
        lambda text: "\0" + text,
        edited(lambda facts: facts.pop("x")),
        edited(lambda facts: facts.update(x=[])),
        edited(lambda facts: facts.update(x={})),
        edited(lambda facts: facts["x"].update(mean="a")),
        edited(lambda facts: facts["x"].update(grid=[None])),
        edited(lambda facts: facts["y"].update(idx2str=5)),
        edited(lambda facts: facts["y"].update(str2freq={})),
        edited(lambda facts: facts.update(format_version="new")),
    ],
)
def test_damaged_fitted_state_names_its_file(model, tmp_path, damage):
    folder = tmp_path / "model"
    model.save(str(folder))
    path: Path = folder / "training_set_metadata.json"
    path.write_text(damage(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(ArtifactError, match="training_set_metadata.json"):
        LudwigModel.load(str(folder))
    shutil.rmtree(folder)


def test_an_absent_column_is_called_as_the_user_called_it():
    feature = {"name": "b.c", "type": "number"}
    with pytest.raises(InputDataError, match=r"no column 'b\.c' of input feature 'b_c'"):
        LudwigModel(config(feature)).train(TABLE, output_directory=None)


@pytest.mark.parametrize(
    "labels",
    [
        [place if place % 2 else str(place) for place in range(60)],
        [complex(place) for place in range(60)],
        [10**30 + place for place in range(60)],
        ["\ud800"] * 60,
    ],
)
def test_predictions_are_saved_whatever_their_index(model, tmp_path, labels):
    table = TABLE.set_axis(pd.Index(labels, dtype=object), axis=0)
    found, _ = model.predict(table, skip_save_predictions=False, output_directory=str(tmp_path))
    assert found.index.tolist() == labels
    stored = pd.read_parquet(tmp_path / "predictions.parquet")
    assert stored["y_predictions"].tolist() == found["y_predictions"].tolist()
    assert [label.replace("\\ud800", "\ud800") for label in stored.index] == [str(label) for label in labels]
