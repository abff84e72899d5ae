"""A saved language model is complete: its base model may vanish, an adapter's aside, which an error names."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest
from safetensors import safe_open

from ludwig.api import LudwigModel
from ludwig.error import ConfigValidationError
from ludwig.models.llm import model as llm


@pytest.fixture
def own_base(base_model, tmp_path):
    """A copy of the base model that may be moved."""
    return str(shutil.copytree(base_model, tmp_path / "base"))


@pytest.fixture
def saved(declared, own_base, table, tmp_path):
    """A model that is trained on it, saved, and the base model gone; with its predictions."""

    def save(**changes):
        model = LudwigModel(declared(base_model=own_base, **changes))
        model.train(dataset=table, output_directory=None)
        expected, _ = model.predict(table)
        model.save(str(tmp_path / "saved"))
        shutil.move(own_base, tmp_path / "elsewhere")
        llm.load_tokenizer.cache_clear()
        return str(tmp_path / "saved"), expected

    return save


def test_a_fine_tuned_model_needs_its_base_no_more(saved, table):
    folder, expected = saved(adapter=None)
    pd.testing.assert_frame_equal(LudwigModel.load(folder).predict(table)[0], expected)


def test_a_saved_model_may_be_saved_again(saved, table, tmp_path):
    folder, expected = saved(adapter=None)
    LudwigModel.load(folder).save(str(tmp_path / "again"))
    shutil.rmtree(folder)
    llm.load_tokenizer.cache_clear()
    pd.testing.assert_frame_equal(LudwigModel.load(str(tmp_path / "again")).predict(table)[0], expected)


def test_an_adapter_names_what_to_change_and_loads_from_there(saved, table, tmp_path, monkeypatch):
    folder, expected = saved()
    with pytest.raises(ConfigValidationError, match=r"base_model.*model_hyperparameters\.json.*LUDWIG_BASE_MODEL"):
        LudwigModel.load(folder)
    monkeypatch.setenv("LUDWIG_BASE_MODEL", str(tmp_path / "elsewhere"))
    pd.testing.assert_frame_equal(LudwigModel.load(folder).predict(table)[0], expected)


def test_a_saved_adapter_that_was_begun_with_may_vanish(declared, table, tmp_path):
    first = LudwigModel(declared())
    first.train(dataset=table, output_directory=None)
    first.save(str(tmp_path / "first"))
    begun = {"type": "lora", "pretrained_adapter_weights": str(tmp_path / "first" / "model_weights")}
    model = LudwigModel(declared(adapter=begun))
    model.train(dataset=table, output_directory=None)
    model.save(str(tmp_path / "saved"))
    shutil.rmtree(tmp_path / "first")
    expected, _ = model.predict(table)
    pd.testing.assert_frame_equal(LudwigModel.load(str(tmp_path / "saved")).predict(table)[0], expected)


def test_nothing_starts_when_a_model_is_loaded(saved, table, monkeypatch):
    folder, expected = saved(adapter=None)
    monkeypatch.setattr(llm.Llm, "start", lambda self: pytest.fail("start was called"))
    pd.testing.assert_frame_equal(LudwigModel.load(folder).predict(table)[0], expected)


def test_a_tokenizer_that_the_model_does_not_have_is_a_fault(declared):
    text = {"name": "q", "type": "text", "preprocessing": {"tokenizer": "characters"}}
    with pytest.raises(ConfigValidationError, match=r"input_features\[0\]\.preprocessing\.tokenizer: .*hf_tokenizer"):
        LudwigModel(declared(input_features=[text]))


def test_weights_that_a_network_shares_stay_shared(declared, table, tmp_path, base_model):
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base_model)
    sizes = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 64}
    ends = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    structure = AutoConfig.for_model("gpt2", vocab_size=len(tokenizer), **sizes, **ends)
    AutoModelForCausalLM.from_config(structure).save_pretrained(tmp_path / "tied")
    tokenizer.save_pretrained(tmp_path / "tied")
    model = LudwigModel(declared(base_model=str(tmp_path / "tied"), adapter=None))
    model.train(dataset=table, output_directory=None)
    model.save(str(tmp_path / "saved"))
    loaded = LudwigModel.load(str(tmp_path / "saved"))
    network = loaded.model.network.pretrained
    assert network.lm_head.weight is network.transformer.wte.weight
    pd.testing.assert_frame_equal(loaded.predict(table)[0], model.predict(table)[0])
    with safe_open(tmp_path / "saved" / "model_weights.safetensors", "pt") as file:
        assert "transformer.wte.weight" in file.keys()  # noqa: SIM118  (the file is no mapping)
        assert "lm_head.weight" not in file.keys()  # noqa: SIM118
    assert loaded.model.freeze("lm_head") == []  # it is the same tensor by its other name
    assert not network.transformer.wte.weight.requires_grad
