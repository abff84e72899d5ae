"""Bad input gets one plain error: what is wrong, and where."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ludwig.api import LudwigModel
from ludwig.error import ArtifactError, InputDataError, LudwigError, LudwigWarning, NotTrainedError, TrainingError
from ludwig.models.manifest import seal

ROWS = 60
NUMBER, CATEGORY = {"name": "x", "type": "number"}, {"name": "c", "type": "category"}
TARGET = {"name": "y", "type": "category"}


def table(**changes: object) -> pd.DataFrame:
    draw = np.random.default_rng(0)
    columns = {"x": draw.normal(size=ROWS), "c": draw.choice(list("abc"), ROWS), "y": draw.choice(["u", "v"], ROWS)}
    return pd.DataFrame({**columns, "z": draw.normal(size=ROWS), **changes})


def config(inputs: list[dict] | None = None, outputs: list[dict] | None = None, **sections: object) -> dict:
    trainer = {"epochs": 2, "batch_size": 16}
    return {
        "input_features": inputs or [NUMBER, CATEGORY],
        "output_features": outputs or [TARGET],
        "trainer": trainer,
        **sections,
    }


def train(data: object, raw: dict | None = None) -> LudwigModel:
    model = LudwigModel(raw or config())
    model.train(dataset=data, output_directory=None)
    return model


X = table().x
BAD_DATA: dict[str, tuple[Callable[[], object], str]] = {
    "missing column": (
        lambda: train(table().rename(columns={"c": "cc"})),
        r"no column 'c' of input feature 'c' \(Did you mean 'cc'\?\)",
    ),
    "target all missing": (lambda: train(table(y=None)), "output feature 'y' has no value in the training split"),
    "one class": (lambda: train(table(y="u")), "one class only in the training split \\('u'\\)"),
    "constant target": (lambda: train(table(z=3.0), config(outputs=[{"name": "z", "type": "number"}])), "is constant"),
    "empty": (lambda: train(table().head(0)), "The data has no rows"),
    "one row": (lambda: train(table().head(1)), "The data has one row"),
    "text in numbers": (
        lambda: train(table(x=["a", "b", *map(str, X[2:])])),
        r"2 cells of 60 that are not numbers: 'a', 'b'",
    ),
    "infinity": (lambda: train(table(x=X.where(X.index > 4, np.inf))), "5 cells of 60 that are infinite: inf, inf"),
    "three values in a binary": (
        lambda: train(table(), config(outputs=[{"name": "c", "type": "binary"}], inputs=[NUMBER])),
        "3 different values .* where a binary has two",
    ),
    "vectors of two sizes": (
        lambda: train(table(v=["1 2"] * 58 + ["1", "1 2 3"]), config([{"name": "v", "type": "vector"}])),
        "2 cells of 60 that are not vectors of 2 numbers: '1', '1 2 3'",
    ),
    "split column missing": (
        lambda: train(table(), config(preprocessing={"split": {"type": "fixed", "column": "part"}})),
        "no column 'part', which preprocessing.split names",
    ),
    "log of negative numbers": (
        lambda: train(table(), config([{**NUMBER, "preprocessing": {"normalization": "log1p"}}])),
        "log1p, which needs numbers above -1",
    ),
    "no table": (lambda: train(5), "The data must be a path"),
    "dict of one row": (lambda: train({"x": 1, "c": "a", "y": "u"}), "For one row, put it in lists"),
    "no data": (lambda: LudwigModel(config()).train(), "There is no data: give `dataset`"),
    "whole and parts": (
        lambda: LudwigModel(config()).train(dataset=table(), training_set=table()),
        "either `dataset` or training_set",
    ),
    "unknown split": (lambda: train(table()).predict(table(), split="tst"), "no split 'tst'. Did you mean 'test'"),
    "unknown return type": (lambda: train(table()).predict(table(), return_type=list), "return_type must be"),
    "target missing in evaluation": (
        lambda: train(table()).evaluate(table().drop(columns="y")),
        "no column 'y' of output feature 'y'",
    ),
    "new value of a binary": (
        lambda: train(table(b=np.arange(ROWS) % 2 == 0), config([{"name": "b", "type": "binary"}])).predict(
            {"b": ["hm", "hm"]}
        ),
        "2 cells of 2 that are neither 'False' nor 'True': 'hm'",
    ),
    "unknown class weight": (
        lambda: train(
            table(), config(outputs=[{**TARGET, "loss": {"type": "softmax_cross_entropy", "class_weights": {"w": 1}}}])
        ),
        "'w' is not a class of the data",
    ),
}


@pytest.mark.parametrize("case", sorted(BAD_DATA))
def test_bad_data_and_calls_are_reported_in_one_sentence(case):
    attempt, words = BAD_DATA[case]
    with pytest.raises(LudwigError, match=words):
        attempt()


BAD_CONFIGS: dict[str, tuple[dict, str]] = {
    "empty": ({}, "input_features: Must be set"),
    "unknown section": (config(foo=1), "foo: Unknown parameter"),
    "unknown key of a feature": (config([{**NUMBER, "encodr": "ple"}]), r"\[0\].encodr: .* Did you mean 'encoder'"),
    "unknown key of a component": (
        config([{**NUMBER, "encoder": {"type": "ple", "num_bin": 3}}]),
        r"encoder.num_bin: Unknown parameter. Did you mean 'num_bins'",
    ),
    "unknown type": (config([{"name": "x", "type": "numbr"}]), "Did you mean 'number'"),
    "unknown encoder": (config([{**NUMBER, "encoder": "plee"}]), "no encoder 'plee' for a number feature"),
    "wrong type": (config(trainer={"epochs": "many"}), "trainer.epochs: Must be an integer. Received: 'many'"),
    "out of bounds": (
        config(trainer={"learning_rate": 5.0}),
        "trainer.learning_rate: Must be at least 0 and at most 1",
    ),
    "twice the same name": (config([NUMBER, NUMBER]), "'x' is used 2 times"),
    "input and output": (
        config(outputs=[{"name": "o", "column": "x", "type": "number"}]),
        "both an input and an output",
    ),
    "unknown dependency": (config(outputs=[{**TARGET, "dependencies": ["z"]}]), "no output feature 'z'"),
    "circle": (
        config(outputs=[{**TARGET, "dependencies": ["z"]}, {"name": "z", "type": "number", "dependencies": ["y"]}]),
        "form a cycle: y -> z -> y",
    ),
    "unknown tied": (config([{**NUMBER, "tied": "w"}, CATEGORY]), "no other input 'w'"),
    "tied to another type": (config([{**NUMBER, "tied": "c"}, CATEGORY]), "must have the same type"),
    "unknown metric": (config(trainer={"validation_metric": "acuracy"}), "Did you mean 'accuracy'"),
    "unknown field": (config(trainer={"validation_field": "yy"}), "no output 'yy'"),
    "combined has loss only": (
        config(trainer={"validation_field": "combined", "validation_metric": "accuracy"}),
        "only the metric loss",
    ),
    "both samplings": (
        config(preprocessing={"oversample_minority": 0.5, "undersample_majority": 0.5}),
        "Cannot go together with undersample_majority",
    ),
    "shares that do not sum to 1": (
        config(preprocessing={"split": {"type": "random", "probabilities": [0.8, 0.1, 0.2]}}),
        "which sum to 1.1",
    ),
    "two ways to say when": (
        config(trainer={"steps_per_checkpoint": 2, "checkpoints_per_epoch": 2}),
        "Cannot go together with steps_per_checkpoint",
    ),
    "sequence beside a vector": (
        config([NUMBER, {"name": "t", "type": "text", "encoder": {"type": "embed", "reduce_output": None}}]),
        "cannot mix the unreduced sequences of t with x",
    ),
    "sequence for a decoder": (
        config(
            [{"name": "t", "type": "text", "encoder": {"type": "embed", "reduce_output": None}}],
            [{**TARGET, "reduce_input": None}],
        ),
        "Set it to sum or mean",
    ),
    "unknown default": (config(defaults={"number": {"encodr": {}}}), "defaults.number.encodr"),
    "unknown model type": (config(model_type="edc"), "Did you mean 'ecd'"),
}


@pytest.mark.parametrize("case", sorted(BAD_CONFIGS))
def test_bad_configs_are_reported_before_any_data_is_read(case):
    raw, words = BAD_CONFIGS[case]
    with pytest.raises(ValueError, match=words):
        LudwigModel(raw)


def test_all_faults_of_a_config_are_reported_at_once():
    raw = config([{"name": "x", "type": "numbr"}, {"type": "category"}], trainer={"epoch": 1, "batch_size": 0}, foo=1)
    with pytest.raises(ValueError, match="5 faults") as caught:
        LudwigModel(raw)
    for words in ("[0].type", "[1].name", "trainer.epoch", "trainer.batch_size", "foo"):
        assert words in str(caught.value)


def test_nothing_is_written_before_the_input_is_known_to_be_good(tmp_path):
    with pytest.raises(InputDataError):
        LudwigModel(config()).train(dataset=table(y=None), output_directory=str(tmp_path / "results"))
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("method", ["predict", "evaluate", "save", "collect_weights", "load_weights"])
def test_an_untrained_model_is_an_error(method, tmp_path):
    with pytest.raises(NotTrainedError, match="call `train`"):
        getattr(LudwigModel(config()), method)(str(tmp_path))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    train(table()).save(str(folder))
    return folder


@pytest.mark.parametrize(
    "name", ["model_weights.safetensors", "model_hyperparameters.json", "training_set_metadata.json"]
)
@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_an_incomplete_or_damaged_model_is_reported(saved, tmp_path, name, damage):
    folder = tmp_path / "copy"
    shutil.copytree(saved, folder)
    if damage == "gone":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes((folder / name).read_bytes()[:20])
    with pytest.raises(ArtifactError, match=name):
        LudwigModel.load(str(folder))


def test_a_model_from_a_newer_version_is_refused(saved, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(saved, folder)
    file = folder / "training_set_metadata.json"
    file.write_text(
        json.dumps({**json.loads(file.read_text(encoding="utf-8")), "format_version": 99}), encoding="utf-8"
    )
    seal(folder)
    with pytest.raises(ArtifactError, match="Update ludwig"):
        LudwigModel.load(str(folder))


def test_a_missing_folder_or_file_is_reported(tmp_path):
    with pytest.raises(FileNotFoundError, match="no model folder"):
        LudwigModel.load(str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError, match="no config file"):
        LudwigModel(str(tmp_path / "none.yaml"))
    with pytest.raises(FileNotFoundError, match="no data file"):
        LudwigModel(config()).train(dataset=str(tmp_path / "none.csv"))


def exploding(**trainer: object) -> dict:
    """A network that no learning rate of 1 can hold."""
    steps = {"learning_rate": 1.0, "optimizer": "sgd", "gradient_clipping": None, "early_stop": -1, "epochs": 40}
    return {
        "input_features": [{**NUMBER, "preprocessing": {"normalization": None}}],
        "output_features": [{"name": "z", "type": "number"}],
        "combiner": {"type": "concat", "num_fc_layers": 4, "activation": None},
        "trainer": {**steps, **trainer},
    }


def test_a_loss_that_is_no_number_ends_training():
    with pytest.raises(TrainingError, match=r"are not finite.*Lower trainer\.learning_rate"):
        train(table(x=X * 1e3), exploding(batch_size=2))


def test_good_weights_of_an_earlier_evaluation_are_kept():
    model = LudwigModel(exploding(batch_size=128))  # one step an evaluation: the first are still finite
    with pytest.warns(LudwigWarning, match="the best weights, of step 1, are kept"):
        results = model.train(dataset=table(x=X * 10), output_directory=None)
    assert all(weight.isfinite().all() for _, weight in model.collect_weights())
    assert results.train_stats.stop_reason == "not_finite"
    assert np.isfinite(results.train_stats.validation["z"]["loss"][0])


def test_weights_whose_only_loss_is_infinite_are_no_good_ones():
    with pytest.raises(TrainingError, match=r"are not finite.*Lower trainer\.learning_rate"):
        train(table(x=X * 1e3), exploding(batch_size=128))
