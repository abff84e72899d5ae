"""Activations of a language model: of one pass over the prompts."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from ludwig.api import LudwigModel
from ludwig.error import ArgumentError

pytest.importorskip("transformers")

PROMPTS = pd.DataFrame({"q": ["one", "two three four five six", "three"], "a": ["two", "seven", "four"]})


@pytest.fixture(scope="module")
def model(base_model) -> LudwigModel:
    one = LudwigModel(
        {
            "model_type": "llm",
            "base_model": base_model,
            "input_features": [{"name": "q", "type": "text"}],
            "output_features": [{"name": "a", "type": "text"}],
        }
    )
    one.train(pd.concat([PROMPTS] * 4), output_directory=None)
    return one


def test_are_those_of_the_pretrained_network_after_each_prompt(model, base_model):
    from transformers import AutoTokenizer

    (_, hidden), (_, logits) = model.collect_activations(["a::last_hidden", "a::logits"], PROMPTS)
    network, tokenizer = model.model.network.pretrained, AutoTokenizer.from_pretrained(base_model)
    for place, text in enumerate(PROMPTS["q"]):
        ids = torch.tensor([tokenizer(text)["input_ids"]])
        found = network(input_ids=ids, output_hidden_states=True)
        torch.testing.assert_close(logits[place], found.logits[0, -1].detach(), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(hidden[place], found.hidden_states[-1][0, -1].detach(), rtol=1e-4, atol=1e-5)


def test_of_layers_are_those_of_all_tokens_whatever_the_batch_size(model):
    layer = next(name for name, _ in model.model.named_modules() if name.endswith("layers.1.mlp"))
    ((_, whole),), ((_, single),) = (model.collect_activations([layer], PROMPTS, batch_size=size) for size in (3, 1))
    assert whole.shape[0] == 3
    assert whole.shape[2] == 32
    torch.testing.assert_close(single[:, -1], whole[:, -1], rtol=1e-4, atol=1e-5)


def test_of_inputs_are_those_of_layers_only(model):
    with pytest.raises(ArgumentError, match="There is no layer"):
        model.collect_activations(["q::encoded"], PROMPTS)
