"""A config as its user wrote it: YAML, and what Python and numpy put into a dict."""

from __future__ import annotations

import enum
from typing import Any

import numpy as np
import pytest

from ludwig.config import load_config, read_config, read_yaml
from ludwig.error import ConfigValidationError, LudwigError, NoSuchFileError
from ludwig.schema import plain

FEATURES = "input_features: [{name: x, type: number}]\noutput_features: [{name: y, type: number}]\n"


@pytest.mark.parametrize(
    ("text", "key", "lines"),
    [
        ("trainer:\n  epochs: 1\ncombiner: concat\ntrainer:\n  epochs: 2\n", "trainer", (1, 4)),
        ("trainer:\n  epochs: 1\n  batch_size: 3\n  epochs: 2\n", "epochs", (2, 4)),  # within a section
        ("input_features:\n  - name: x\n    type: number\n    name: z\n", "name", (2, 4)),
        ("trainer: {epochs: 1, epochs: 2}\n", "epochs", (1, 1)),
    ],
)
def test_a_key_that_is_given_twice_is_named_with_its_lines(text, key, lines):
    with pytest.raises(
        ConfigValidationError, match=rf"'{key}' is given twice, in line {lines[0]} and in line {lines[1]}"
    ):
        read_yaml(text, "It")


def test_a_merged_section_may_be_overridden():
    text = "a: &a {x: 1, y: 2}\nb: &b\n  <<: *a\n  x: 3\nc:\n  <<: *b\n  z: 4\n"
    assert read_yaml(text, "It")["b"] == {"x": 3, "y": 2}


@pytest.mark.parametrize("word", ["no", "yes", "on", "off", "No", "ON"])
def test_words_that_yaml_takes_for_truth_values_are_to_be_quoted(word):
    with pytest.raises(ConfigValidationError, match=rf"the key {word} is read as (true|false).* in quotes"):
        read_yaml(f"class_weights:\n  {word}: 2.0\n", "It")
    for text in (f"{FEATURES}combiner: {word}\n", FEATURES.replace("name: x", f"name: {word}")):
        with pytest.raises(ConfigValidationError, match="in quotes"):
            load_config(read_yaml(text, "It"))
    assert read_yaml(f"class_weights:\n  '{word}': 2.0\n", "It") == {"class_weights": {word: 2.0}}


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n\x00\x00\xff",
        b"a: \x01",
        b"[" * 3000,
        b"".join(b" " * depth + b"a:\n" for depth in range(3000)),
        b"a: 2020-13-45",
        b"? [1, 2]\n: 3",
        b"- 1",
        b"",
    ],
)
def test_a_file_that_is_no_config_is_reported(tmp_path, content):
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigValidationError, match=str(path)):
        read_config(path)


def test_a_text_of_aliases_that_stands_for_too_much_is_refused(monkeypatch):
    monkeypatch.setattr(plain, "LARGEST", 100_000)
    text = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    text += "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12))
    with pytest.raises(ConfigValidationError, match="values are given"):
        read_yaml(text, "It")


@pytest.mark.parametrize("name", ["nowhere.yaml", "a: 1\nb: 2", "x" * 5000, "a\0b"])
def test_a_file_that_is_not_there_is_reported(name):
    with pytest.raises(LudwigError):
        read_config(name)
    with pytest.raises(FileNotFoundError):
        read_config("nowhere.yaml")
    assert issubclass(NoSuchFileError, FileNotFoundError)


class Optimizer(enum.StrEnum):
    SGD = "sgd"


def test_numpy_and_enum_values_count_as_the_python_values_that_they_stand_for():
    def config(**trainer: Any) -> dict[str, Any]:
        split = {"type": "random", "probabilities": np.array([0.5, 0.25, 0.25])}
        features = ({"name": np.str_("x"), "type": "number"},)
        output = {"name": "y", "type": "binary", "threshold": np.float64(0.25)}
        sections = {"trainer": trainer, "preprocessing": {"split": split}}
        return {"input_features": features, "output_features": [output], **sections}

    trainer = load_config(
        config(
            learning_rate=np.float64(0.25),
            batch_size=np.int64(8),
            epochs=np.array(3),
            should_shuffle=np.bool_(False),
            early_stop=np.int32(2),
            optimizer=Optimizer.SGD,
        )
    ).to_dict()["trainer"]
    python = {"learning_rate": 0.25, "batch_size": 8, "epochs": 3, "should_shuffle": False, "early_stop": 2}
    assert {key: trainer[key] for key in python} == python
    assert all(type(trainer[key]) is type(value) for key, value in python.items())
    assert trainer["optimizer"]["type"] == "sgd"
    raw = config()
    assert load_config(raw).to_dict()["preprocessing"]["split"]["probabilities"] == [0.5, 0.25, 0.25]
    assert isinstance(raw["preprocessing"]["split"]["probabilities"], np.ndarray)  # the caller's own is left alone


def test_a_number_as_a_key_is_the_text_of_it():
    loss = {"type": "softmax_cross_entropy", "class_weights": {np.int64(0): 1.0, 1: 2.0}}
    features = {"input_features": [{"name": "x", "type": "number"}]}
    config = load_config({**features, "output_features": [{"name": "y", "type": "category", "loss": loss}]})
    assert config.output_features[0].loss.class_weights == {"0": 1.0, "1": 2.0}
