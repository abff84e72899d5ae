"""Embeddings of a frozen encoder that are computed once change nothing but the time."""

from __future__ import annotations

import os
import signal
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from ludwig.api import LudwigModel
from ludwig.callbacks import Callback
from ludwig.columns.ragged import Ragged
from ludwig.encoders.text_pretrained_base import PretrainedEncoder
from ludwig.error import ConfigValidationError, LudwigWarning
from ludwig.models.ecd.embeddings import STEPS, embedded
from ludwig.training.save_times import SaveTimes
from tests.contracts.pretrained import folder_of
from tests.contracts.samples import batch_of, encoder_of

GOOD, BAD, PLAIN = ("fine", "lovely"), ("dull", "awful"), ("the", "film", "was")
WORDS = (*GOOD, *BAD, *PLAIN)
SAME = {"rtol": 1e-5, "atol": 1e-6}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    """Texts of different lengths, one of them empty and one missing."""
    draw = np.random.default_rng(0)
    texts = [
        " ".join([*draw.choice(PLAIN, draw.integers(0, 9)), draw.choice((BAD, GOOD)[place % 2])])
        for place in range(100)
    ]
    texts[3], texts[7] = "", None
    split = [(0, 0, 0, 1, 2)[place % 5] for place in range(100)]
    numbers = draw.normal(size=100)
    return pd.DataFrame({"text": texts, "size": numbers, "liked": np.arange(100) % 2 == 1, "split": split})


def config_of(
    cached: bool, encoder: dict[str, Any] | None = None, combiner: dict[str, Any] | None = None, **trainer: Any
) -> dict[str, Any]:
    frozen = {"type": "bert", "pretrained_model_name_or_path": folder_of("bert", WORDS), "reduce_output": "mean"}
    text = {"name": "text", "type": "text", "preprocessing": {"cache_encoder_embeddings": cached}}
    return {
        "input_features": [{**text, "encoder": {**frozen, **(encoder or {})}}, {"name": "size", "type": "number"}],
        "output_features": [{"name": "liked", "type": "binary"}],
        "combiner": combiner or {"type": "concat", "num_fc_layers": 1, "output_size": 8, "dropout": 0.2},
        "preprocessing": {"split": {"type": "fixed", "column": "split"}},
        "trainer": {"epochs": 6, "batch_size": 16, "learning_rate": 0.01, **trainer},
    }


@pytest.fixture
def rows_read(monkeypatch) -> list[int]:
    """The rows of each call of a pretrained encoder."""
    calls: list[int] = []
    forward = PretrainedEncoder.forward

    def counted(self: PretrainedEncoder, column: Any) -> Any:
        calls.append(len(column))
        return forward(self, column)

    monkeypatch.setattr(PretrainedEncoder, "forward", counted)
    return calls


def curves(results: Any) -> list[float]:
    stats = results.train_stats
    return [value for split in (stats.training, stats.validation, stats.test) for value in split["liked"]["loss"]]


@pytest.mark.parametrize(
    ("encoder", "combiner"),
    [
        ({}, None),
        ({"reduce_output": None}, {"type": "sequence_concat", "reduce_output": "mean"}),
    ],
    ids=["vectors", "sequences"],
)
def test_training_is_the_same_and_reads_each_text_once(table, rows_read, encoder, combiner):
    found, rows = {}, {}
    if combiner is not None:
        table = table.drop(columns="size")
    for cached in (False, True):
        config = config_of(cached, encoder, combiner)
        config["input_features"] = [each for each in config["input_features"] if each["name"] in table]
        model = LudwigModel(config)
        rows_read.clear()
        results = model.train(dataset=table, output_directory=None)
        rows[cached] = sum(rows_read)
        found[cached] = curves(results), model.predict(table)[0], model.evaluate(table)[0]["liked"]["loss"]
    assert rows[True] == len(table)
    assert rows[False] > 6 * 60
    np.testing.assert_allclose(found[True][0], found[False][0], **SAME)
    numbers = found[True][1].select_dtypes("number"), found[False][1].select_dtypes("number")
    np.testing.assert_allclose(*numbers, **SAME)
    np.testing.assert_allclose(found[True][2], found[False][2], **SAME)


class Interrupts(Callback):
    def on_batch_end(self, trainer, progress_tracker, save_path, sync_step=True, **kwargs):
        if progress_tracker.steps == 10:
            os.kill(os.getpid(), signal.SIGINT)


def test_a_resumed_run_equals_the_straight_one(table, tmp_path, monkeypatch):
    monkeypatch.setattr(SaveTimes, "is_due", lambda self: True)
    straight = LudwigModel(config_of(True))
    expected = straight.train(dataset=table, output_directory=None)
    with pytest.raises(KeyboardInterrupt):
        LudwigModel(config_of(True)).train(
            dataset=table, output_directory=str(tmp_path), callbacks=[Interrupts()], skip_save_log=True
        )
    resumed = LudwigModel(config_of(True))
    found = resumed.train(dataset=table, model_resume_path=str(tmp_path / "api_experiment_run"), skip_save_log=True)
    np.testing.assert_allclose(curves(found), curves(expected), rtol=0, atol=0)
    pd.testing.assert_frame_equal(resumed.predict(table)[0], straight.predict(table)[0])


def test_a_refit_and_a_saved_model_read_texts_as_they_are(table, tmp_path):
    predicted = []
    for cached in (False, True):
        model = LudwigModel(config_of(cached, refit=True))
        model.train(dataset=table, output_directory=None)
        predicted.append(model.predict(table)[0].select_dtypes("number"))
    np.testing.assert_allclose(*predicted, **SAME)
    model.save(str(tmp_path))
    loaded = LudwigModel.load(str(tmp_path)).predict(table)[0].select_dtypes("number")
    pd.testing.assert_frame_equal(loaded, predicted[1])


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_embeddings_are_those_of_each_row(rows):
    encoder = encoder_of("text", "llm").eval()
    column = batch_of("text", 6, **encoder.config.requires()).others["f"]
    assert isinstance(column, Ragged)
    chosen = column.rows(torch.arange(rows))
    found = embedded(encoder, chosen, torch.device("cpu"))
    assert len(found) == rows
    with torch.no_grad():
        alone = [encoder(column.rows(torch.tensor([row])).padded()).values for row in range(rows)]
    if rows:
        torch.testing.assert_close(found.values, torch.cat(alone), **SAME)


def test_batches_are_of_a_bounded_number_of_steps(rows_read):
    encoder = encoder_of("text", "llm")
    lengths = torch.tensor([STEPS // 2, 1, STEPS // 2 + 1, 3])
    column = Ragged.of([torch.ones(int(length), dtype=torch.int32) for length in lengths])
    embedded(encoder, column, torch.device("cpu"))
    assert rows_read == [1, 2, 1]
    assert encoder.training


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        ({"trainable": True}, "weights are trained"),
        ({"use_pretrained": False}, "weights are trained"),
        ({"adapter": "lora"}, "has an adapter"),
        ({"reduce_output": "attention"}, "reduce_output 'attention' has weights"),
        ({"type": "embed", "pretrained_model_name_or_path": None}, "'embed' is trained"),
    ],
)
def test_what_changes_in_training_is_not_kept(encoder, message):
    config = config_of(True, encoder)
    if encoder.get("type") == "embed":
        config["input_features"][0]["encoder"] = {"type": "embed"}
    with pytest.warns(LudwigWarning, match="cache_encoder_embeddings has no effect and is left out. .*" + message):
        model = LudwigModel(config)
    assert model.config_obj.input_features[0].preprocessing.cache_encoder_embeddings is False


def test_an_ensemble_and_columns_without_an_encoder_keep_none():
    with pytest.raises(ConfigValidationError, match="cache_encoder_embeddings: .*ensemble_size is 2"):
        LudwigModel({**config_of(True), "ensemble_size": 2})
    config = config_of(False)
    answer = {"name": "answer", "type": "text", "preprocessing": {"cache_encoder_embeddings": True}}
    config["output_features"] = [{"name": "liked", "type": "binary"}, answer]
    with pytest.raises(ConfigValidationError, match=r"output_features\[1\].*has no encoder"):
        LudwigModel(config)


def test_off_wins_over_the_default_of_the_type():
    config = config_of(False)
    config["defaults"] = {"text": {"preprocessing": {"cache_encoder_embeddings": True}}}
    assert LudwigModel(config).config_obj.input_features[0].preprocessing.cache_encoder_embeddings is False
    del config["input_features"][0]["preprocessing"]
    assert LudwigModel(config).config_obj.input_features[0].preprocessing.cache_encoder_embeddings is True
