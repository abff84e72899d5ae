"""Cells of every kind that pandas can hold, in a column of every feature type: read, or refused in one sentence."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ludwig.api import LudwigModel
from ludwig.error import InputDataError, LudwigError
from ludwig.features import FEATURES
from ludwig.features.cells import Labels
from ludwig.features.vector import VectorFeature

ROWS = 6
CELLS: dict[str, list[Any]] = {
    "lists": [[1.0, 2.0], [3.0, 4.0]],
    "lists and numbers": [[1, 2], 3],
    "lists of text": [["a"], ["b", "c"]],
    "lists of lists": [[[1]], [[2]]],
    "lists of dates": [[datetime.date(2020, 1, 1)]],
    "dicts": [{"a": 1}, {"b": 2}],
    "dicts and text": [{"a": 1}, "b"],
    "sets": [{1, 2}, {3}],
    "arrays": [np.ones(2), np.zeros(2)],
    "arrays of two dimensions": [np.ones((2, 2)), np.zeros((2, 2))],
    "series": [pd.Series([1, 2]), pd.Series([3, 4])],
    "frames": [pd.DataFrame({"a": [1]})],
    "bytes": [b"ab", b"\xff\xfe"],
    "truths": [True, False],
    "dates": [datetime.date(2020, 1, 1), datetime.date(2020, 1, 2)],
    "times": [datetime.time(1, 2), datetime.time(3, 4)],
    "timestamps": [pd.NaT, pd.Timestamp("2020")],
    "spans": [pd.Timedelta(1, "h"), pd.Timedelta(2, "h")],
    "periods": [pd.Period("2020-01"), pd.Period("2020-02")],
    "years of numpy": [np.datetime64("2020"), np.datetime64("2021")],
    "half a character": ["a\ud800", "b"],
    "a zero byte": ["a\0b", "c"],
    "large": [1e308, -1e308],
    "large text": ["1e308", "-1e308"],
    "too large": [10**400, 1],
    "too large text": ["1e400", "1"],
    "infinite": [np.inf, 1.0],
    "complex": [1 + 2j, 2.0],
    "objects": [object(), object()],
    "functions": [len, sum],
    "empty": ["", ""],
    "empty lists": [[], []],
    "mixed": [1, "a", None, 2.5],
    "long path": ["a" * 5000, "b"],
}


def column(cells: list[Any]) -> pd.Series:
    values = np.empty(ROWS, dtype=object)
    for row in range(ROWS):
        values[row] = cells[row % len(cells)]
    return pd.Series(values, name="f", dtype=object)


@pytest.mark.filterwarnings("ignore::ludwig.error.LudwigWarning")
@pytest.mark.parametrize("kind", FEATURES.names())
def test_a_cell_is_read_or_refused(kind):
    feature: Any = FEATURES.get(kind)
    half = feature(feature.Config(), "f")
    for name, cells in CELLS.items():
        try:
            parsed = half.parse(column(cells))
            half.encode(parsed, half.finish(half.tally(parsed)))
        except LudwigError as error:
            assert "'f'" in str(error), name
            str(error).encode()  # so that it can be printed


def test_what_has_no_single_value_is_named():
    with pytest.raises(InputDataError, match="column 'f' has a list in row 1, and single values are expected"):
        Labels.of(column([1, [2], 3]))
    with pytest.raises(InputDataError, match="column 'f' has a dict in row 0"):
        Labels.of(column([{"a": 1}]))
    with pytest.raises(InputDataError, match=r"column 'f' has 'b\\ud800', which is not valid text"):
        Labels.of(column(["a", "b\ud800"]))
    assert Labels.of(column(["\U0001f600", "é"])).words.tolist() == ["\U0001f600", "é"]


def test_one_number_a_cell_is_a_vector_of_one_in_every_dtype():
    feature = VectorFeature(VectorFeature.Config(), "f")
    for cells in ([1, 0], [1.0, 0.0], [True, False], [np.float32(1), np.float32(0)], ["1", "0"]):
        assert feature.parse(column(cells)).values.tolist() == [[1.0], [0.0]] * (ROWS // 2)


@pytest.mark.parametrize(
    ("encoder", "preprocessing", "words"),
    [
        ({"pretrained_embeddings": "nowhere.txt"}, {}, r"encoder\.pretrained_embeddings: There is no file 'nowhere"),
        (
            {"pretrained_embeddings": __file__},
            {"tokenizer": "hf_tokenizer", "pretrained_model_name_or_path": "a"},
            r"encoder\.pretrained_embeddings: Has no effect: a pretrained tokenizer",
        ),
    ],
)
@pytest.mark.parametrize("kind", ["embed", "parallel_cnn", "rnn"])
def test_word_vectors_that_cannot_be_read_are_a_fault_of_the_config(encoder, preprocessing, words, kind):
    feature = {"name": "t", "type": "text", "encoder": {"type": kind, **encoder}, "preprocessing": preprocessing}
    with pytest.raises(LudwigError, match=rf"input_features\[0\]\.{words}"):
        LudwigModel({"input_features": [feature], "output_features": [{"name": "y", "type": "binary"}]})


def test_a_saved_model_needs_no_word_vectors(tmp_path):
    vectors: Path = tmp_path / "vectors.txt"
    vectors.write_text("a 1 2\nb 3 4\n", encoding="utf-8")
    encoder = {"type": "dense", "embedding_size": 2, "pretrained_embeddings": str(vectors)}
    features = [{"name": "c", "type": "category", "encoder": encoder}]
    output = {"name": "y", "type": "binary"}
    model = LudwigModel({"input_features": features, "output_features": [output], "trainer": {"epochs": 1}})
    model.train(pd.DataFrame({"c": ["a", "b"] * 10, "y": [True, False] * 10}), output_directory=None)
    model.save(str(tmp_path / "model"))
    vectors.unlink()
    assert LudwigModel.load(str(tmp_path / "model")).config["input_features"][0]["encoder"]["embedding_size"] == 2
