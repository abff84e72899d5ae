"""Losses of tokens without whole logits, packed or not, against a pass over each row alone."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

from ludwig.api import LudwigModel
from ludwig.columns.ragged import Padded
from ludwig.error import ConfigValidationError
from ludwig.models.llm.examples import Examples, Pack
from ludwig.models.llm.network import Network

PROMPTS = [[5, 6, 7], [8], [9, 10, 11, 12, 13, 14], [4, 4]]
ANSWERS = [[20, 2], [21, 22, 23, 24, 2], [2], [25, 26, 2]]
FAMILIES = {
    "llama": {},
    "qwen2": {},
    "gpt2": {},
    "gemma2": {"head_dim": 8, "attn_implementation": "eager"},  # whose logits are capped
    "bloom": {},
    "opt": {"word_embed_proj_dim": 32},
}
LEAKS = {"bloom", "opt"}


def padded(rows: list[list[int]]) -> Padded:
    width = max(map(len, rows)) + 1
    values = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows], dtype=torch.int32)
    return Padded(values, torch.arange(width) < torch.tensor([[len(row)] for row in rows]))


def network_of(family: str) -> Network:
    from transformers import AutoConfig, AutoModelForCausalLM

    sizes = {"vocab_size": 40, "hidden_size": 32, "intermediate_size": 64, "ffn_dim": 64, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64, "pad_token_id": 0}
    config = AutoConfig.for_model(family, **{**sizes, **heads, **FAMILIES[family]})
    torch.manual_seed(3)
    return Network(AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval(), None)


@pytest.fixture(scope="module", params=FAMILIES)
def network(request):
    return network_of(request.param)


def by_hand(network: Network, *, of_prompts: bool) -> list[torch.Tensor]:
    """The losses of each row's tokens, each row alone."""
    found = []
    for prompt, answer in zip(PROMPTS, ANSWERS, strict=True):
        ids = torch.tensor([*prompt, *answer])
        logits = network.pretrained(input_ids=ids.unsqueeze(0)).logits[0]
        losses = cross_entropy(logits[:-1], ids[1:], reduction="none")
        found.append(losses if of_prompts else losses[len(prompt) - 1 :])
    return found


@pytest.mark.parametrize("of_prompts", [False, True])
def test_losses_are_those_of_each_row_alone(network, of_prompts):
    with torch.no_grad():
        for _ in range(2):  # the first pass looks at the head
            found = network.token_scores(padded(PROMPTS), padded(ANSWERS), of_prompts=of_prompts)
            for row, expected in enumerate(by_hand(network, of_prompts=of_prompts)):
                torch.testing.assert_close(found.losses[row][: len(expected)], expected, rtol=1e-4, atol=1e-5)
                assert (found.target[row] >= 0).sum() == len(expected)
    assert network.splits_head is (network.pretrained.config.model_type != "gemma2")


def test_packed_rows_do_not_see_each_other_or_are_refused(network):
    family = network.pretrained.config.model_type
    if family in LEAKS:
        with pytest.raises(ConfigValidationError, match=f"trainer.packing: .*'{family}'"):
            network.refuse_leaks()
        return
    network.refuse_leaks()
    with torch.no_grad():
        apart = network.token_scores(padded(PROMPTS), padded(ANSWERS))
        packed = network.token_scores(padded(PROMPTS), padded(ANSWERS), packs=True)
    torch.testing.assert_close(packed.losses, apart.losses, rtol=1e-4, atol=1e-5)
    assert torch.equal(packed.target, apart.target)
    assert torch.equal(packed.best, apart.best)


def test_gradients_of_packed_rows_are_those_of_single_ones():
    network = network_of("llama")
    gradients = []
    for packs in (False, True):
        network.zero_grad()
        network.token_scores(padded(PROMPTS), padded(ANSWERS), packs=packs).losses.sum().backward()
        gradients.append(torch.cat([weight.grad.flatten() for weight in network.parameters()]))
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-3, atol=1e-4)


def test_answers_are_the_last_tokens_of_rows():
    network = network_of("llama")
    with torch.no_grad():
        alone = network.token_scores(padded(PROMPTS), padded(ANSWERS))
        whole = network.token_scores(padded(PROMPTS), padded(ANSWERS), of_prompts=True).of_answers(padded(ANSWERS))
    assert torch.equal(whole.target, alone.target)
    assert torch.equal(whole.best, alone.best)
    torch.testing.assert_close(whole.losses, alone.losses)


def test_long_prompts_lose_their_first_tokens():
    examples = Examples.of(padded(PROMPTS), padded(ANSWERS), most=6)
    assert examples.ids.tolist()[1:3] == [[8, 21, 22, 23, 24, 2], [10, 11, 12, 13, 14, 2]]
    assert Examples.of(padded(PROMPTS), padded(ANSWERS), most=6, room=4).lengths.tolist() == [4, 6, 3, 5]


def test_packs_hold_each_example_once_and_little_padding():
    examples = Examples.of(padded(PROMPTS), padded(ANSWERS), most=99)
    pack = Pack.of(examples, width=12)
    assert pack.ids.shape == (2, 12)
    rows = [pack.ids.flatten()[pack.places[row][: examples.lengths[row]]] for row in range(4)]
    assert [row.tolist() for row in rows] == [[*p, *a] for p, a in zip(PROMPTS, ANSWERS, strict=True)]
    for row in range(4):
        positions = pack.positions.flatten()[pack.places[row][: examples.lengths[row]]]
        assert positions.tolist() == list(range(len(positions)))
    assert Pack.of(examples, width=2).ids.shape == (4, 7)  # as wide as the longest


class TestTraining:
    """The options of the trainer."""

    def weights(self, declared, table, **trainer) -> torch.Tensor:
        options = {"type": "finetune", "train_steps": 2, "batch_size": 8, "learning_rate": 0.05, "optimizer": "sgd"}
        adapter = {"type": "lora", "dropout": 0.0}
        model = LudwigModel(declared(adapter=adapter, trainer={**options, **trainer}))
        model.train(table.assign(split=0), output_directory=None)
        return torch.cat([weight.detach().flatten() for _, weight in model.collect_weights()])

    def test_packing_trains_the_same_weights(self, declared, table):
        plain = self.weights(declared, table)
        torch.testing.assert_close(self.weights(declared, table, packing=True), plain, rtol=1e-3, atol=1e-5)
        parts = {"batch_size": 2, "gradient_accumulation_steps": 4, "train_steps": 8}
        split = self.weights(declared, table, packing=True, **parts)
        torch.testing.assert_close(split, plain, rtol=1e-3, atol=1e-5)

    def test_tokens_of_prompts_are_trained_on_where_that_is_asked_for(self, declared, table):
        plain = self.weights(declared, table)
        whole = self.weights(declared, table, completion_only_loss=False)
        assert not torch.allclose(plain, whole, rtol=1e-3, atol=1e-5)
        parts = {"batch_size": 2, "gradient_accumulation_steps": 4, "train_steps": 8}
        split = self.weights(declared, table, completion_only_loss=False, **parts)
        torch.testing.assert_close(split, whole, rtol=1e-3, atol=1e-5)

    def test_refined_losses_train_and_are_reported(self, declared, table):
        output = {"name": "a", "type": "text", "loss": {"label_smoothing": 0.2}}
        model = LudwigModel(declared(output_features=[output], adapter=None))
        data = table.assign(split=[0] * 12 + [1] * 4)
        stats = model.train(data, output_directory=None).train_stats
        validation = stats.validation["a"]
        rows = model.preprocess(data).validation_set.frame.load(model.device)
        with torch.no_grad():
            logits, target = model.model.eval()(rows)["a"].logits, model.model.target("a", rows)
        known = target >= 0
        expected = cross_entropy(logits[known], target[known].long(), label_smoothing=0.2)
        place = stats.selected["epoch"] - 1
        assert validation["loss"][place] == pytest.approx(float(expected), rel=1e-3)
        plain = cross_entropy(logits[known], target[known].long())
        assert validation["perplexity"][place] == pytest.approx(float(plain.exp()), rel=1e-3)
