"""Decoders of sequences: one token after the other equals all at once; what they can be trained to do."""

import numpy as np
import pandas as pd
import pytest
import torch

from ludwig.api import LudwigModel
from ludwig.decoders import DECODERS
from ludwig.error import ConfigValidationError, LudwigWarning
from ludwig.nn.generation import PADDING
from ludwig.nn.signal import Shape, Signal

TOKENS, LONGEST, END, SIZE = 7, 6, 0, 12
SMALL = {
    "generator": {"state_size": 16, "embedding_size": 8},
    "transformer_generator": {"d_model": 16, "num_heads": 2, "ffn_size": 32},
}
GENERATORS = [
    ("generator", {**SMALL["generator"], "cell_type": cell, "num_layers": layers})
    for cell, layers in (("rnn", 1), ("lstm", 2), ("gru", 1))
] + [("transformer_generator", SMALL["transformer_generator"])]
each = pytest.mark.parametrize(("name", "options"), GENERATORS)


def build(name: str, form: str = "sequence", **options):
    torch.manual_seed(0)
    shape = Shape(form, SIZE, 4 if form == "sequence" else 1)
    return DECODERS.get(name, "text").Config(**options).build(shape, TOKENS, LONGEST, END).eval()


def signal() -> Signal:
    mask = torch.arange(4) < torch.tensor([[4], [2], [1]])
    return Signal.sequence(torch.randn(3, 4, SIZE, generator=torch.Generator().manual_seed(0)), mask)


@each
def test_token_by_token_gives_the_logits_of_all_at_once(name, options):
    decoder, target = build(name, **options), torch.randint(1, TOKENS, (3, LONGEST))
    expected = decoder(signal(), target).logits
    state = decoder.begun(*decoder.memory_of(signal()))
    tokens, found = decoder.with_start(target), []
    for place in range(LONGEST):
        hidden, state = decoder.advanced(tokens[:, place : place + 1], state, place)
        found.append(decoder.head(hidden))
    torch.testing.assert_close(torch.cat(found, dim=1), expected)


@each
def test_what_is_generated_is_most_probable_given_itself(name, options):
    decoder = build(name, **options)
    ids = decoder(signal()).predictions
    again = decoder(signal(), ids).logits.argmax(-1)
    assert torch.equal(again.masked_fill(ids == PADDING, PADDING), ids)


@each
def test_a_wider_beam_finds_no_less_probable_sequences(name, options):
    greedy = build(name, **options)(signal())
    beam = build(name, **options, beam_width=TOKENS**2, beam_length_penalty=0.0)(signal())
    assert (beam.probabilities.log().sum(1) >= greedy.probabilities.log().sum(1) - 1e-5).all()


@each
def test_it_reads_a_vector_too(name, options):
    decoder = build(name, "vector", **options)
    prediction = decoder(Signal.vector(torch.randn(3, SIZE)))
    assert prediction.predictions.shape == (3, LONGEST)


@pytest.mark.parametrize("decay", ["linear", "exponential"])
def test_scheduled_sampling_begins_with_teacher_forcing_and_ends_with_its_own_tokens(decay):
    options = {**SMALL["generator"], "teacher_forcing_decay": decay, "teacher_forcing_decay_rate": 1.0}
    decoder, target = build("generator", **options).train(), torch.randint(1, TOKENS, (3, LONGEST))
    forced = build("generator", **SMALL["generator"]).train()
    forced.load_state_dict(decoder.state_dict(), strict=False)
    torch.testing.assert_close(decoder(signal(), target).logits, forced(signal(), target).logits)
    decoder.batches.fill_(10**6)  # its own tokens now: the target beyond the start changes nothing
    other = torch.randint(1, TOKENS, (3, LONGEST))
    torch.testing.assert_close(decoder(signal(), target).logits, decoder(signal(), other).logits)
    assert decoder.batches.item() == 10**6 + 2


def test_a_tagger_never_gives_the_end_for_a_tag():
    decoder = (
        DECODERS.get("tagger", "text")
        .Config(use_attention=True, attention_embedding_size=8)
        .build(Shape("sequence", SIZE, 4), TOKENS, LONGEST, END)
    )
    with torch.no_grad():
        decoder.linear.bias[END] = 100.0
    prediction = decoder.eval()(signal())
    assert (prediction.predictions != END).all()
    assert torch.equal(prediction.predictions >= 0, signal().mask)


# -- from a config


def pairs(rows: int, longest: int = 5) -> list[list[str]]:
    rng = np.random.default_rng(0)
    return [[*rng.choice(list("abcd"), rng.integers(1, longest + 1))] for _ in range(rows)]


ENCODER = {"type": "rnn", "cell_type": "gru", "bidirectional": True, "reduce_output": None}
ENCODER |= {"state_size": 16, "embedding_size": 16}


def trained(table: pd.DataFrame, output: dict) -> LudwigModel:
    config = {
        "input_features": [{"name": "source", "type": "sequence", "encoder": ENCODER}],
        "output_features": [{"name": "target", "type": "sequence", **output}],
        "trainer": {"epochs": 10, "batch_size": 32, "learning_rate": 0.01},
    }
    model = LudwigModel(config)
    model.train(table, output_directory=None)
    return model


@pytest.mark.parametrize("name", ["generator", "transformer_generator"])
def test_a_generator_can_be_trained_to_reverse_sequences(name, tmp_path):
    words = pairs(400, 3)
    table = pd.DataFrame({"source": [" ".join(w) for w in words], "target": [" ".join(w[::-1]) for w in words]})
    sizes = {"state_size": 32, "embedding_size": 16} if name == "generator" else {"d_model": 32, "ffn_size": 64}
    model = trained(table, {"decoder": {"type": name, "beam_width": 2, **sizes}})
    statistics, _, _ = model.evaluate(table)
    assert statistics["target"]["sequence_accuracy"] > 0.8  # 0.5 where each row is taken for its reverse
    predictions, _ = model.predict(table)
    found = [*map(" ".join, predictions["target_predictions"])]
    assert np.mean(found == table.target.to_numpy()) == pytest.approx(statistics["target"]["sequence_accuracy"])
    model.save(str(tmp_path / "model"))
    again, _ = LudwigModel.load(str(tmp_path / "model")).predict(table[["source"]])
    pd.testing.assert_frame_equal(again, predictions)


def test_a_tagger_sees_what_comes_after_a_token():
    words = pairs(300)
    tags = [[str(after == "a") for after in [*word[1:], ""]] for word in words]
    table = pd.DataFrame({"source": map(" ".join, words), "target": map(" ".join, tags)})
    model = trained(table, {"decoder": "tagger"})
    statistics, _, _ = model.evaluate(table)
    assert statistics["target"]["token_accuracy"] > 0.97  # 0.83 for always False
    predictions, _ = model.predict(table)
    assert [len(tokens) for tokens in predictions["target_predictions"]] == [*map(len, words)]


def test_a_tagger_needs_the_whole_sequence():
    config = {
        "input_features": [{"name": "source", "type": "text"}],
        "output_features": [{"name": "target", "type": "text", "decoder": "tagger", "reduce_input": "sum"}],
    }
    with pytest.warns(LudwigWarning, match="reduce_input is set to null"):
        LudwigModel(config)
    config["output_features"][0].pop("reduce_input")
    config["input_features"][0]["encoder"] = {"type": "parallel_cnn"}
    with pytest.raises(ConfigValidationError, match="'tagger' needs a sequence.*Set encoder.reduce_output of"):
        LudwigModel(config)


def test_numbers_may_be_put_into_words():
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    table = pd.DataFrame({"x": x, "target": np.where(x > 0, "it is high", "low")})
    config = {
        "input_features": [{"name": "x", "type": "number"}],
        "output_features": [{"name": "target", "type": "text", "decoder": {"type": "generator", "state_size": 16}}],
        "trainer": {"epochs": 15, "batch_size": 32, "learning_rate": 0.01},
    }
    model = LudwigModel(config)
    model.train(table, output_directory=None)
    predictions, _ = model.predict(table)
    assert (predictions["target_response"] == table.target).mean() > 0.95


def test_tags_that_have_no_token_are_reported():
    table = pd.DataFrame({"source": ["a b c", "b", "c a"] * 10, "target": ["x y", "x", "y x"] * 10})
    with pytest.warns(LudwigWarning, match="10 of 30 cells of the output feature 'target' .* 2 and 3 in row 0"):
        trained(table, {"decoder": "tagger"})
