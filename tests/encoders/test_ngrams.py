"""The bag of n-grams, against sums that are written out by hand."""

import numpy as np
import pandas as pd
import pytest
import torch

from ludwig.api import LudwigModel
from ludwig.columns.ragged import Padded
from ludwig.encoders import ENCODERS
from ludwig.encoders.text_ngrams import NETWORK_SCALE
from ludwig.features.text import TextFeature
from ludwig.features.tokens import TokenFacts

TEXTS = ["the cat sat", "The dog", "the the the cat", "dog", ""]


def encoded(texts: list[str], facts: TokenFacts | None = None) -> tuple[Padded, TokenFacts]:
    feature = TextFeature(TextFeature.Config(), "t")
    cells = feature.parse(pd.Series(texts))
    facts = facts or feature.finish(feature.tally(cells))
    return feature.encode(cells, facts).column.padded(), facts


def build(facts: TokenFacts, **options: object):
    torch.manual_seed(0)
    encoder = ENCODERS.get("ngrams", "text").Config(**options).build([facts]).eval()
    torch.nn.init.normal_(encoder.table.weight)
    return encoder


def test_single_words_are_added_by_their_weights_and_scaled_to_unit_weight():
    column, facts = encoded(TEXTS)
    encoder = build(facts, max_ngram=1)
    ids, counts = facts.vocabulary.ids, dict(zip(facts.vocabulary.words, facts.vocabulary.counts, strict=True))
    counts["the"] += counts.pop("The")  # one word, whose embedding is that of the more frequent way to write it
    table = encoder.table.weight.detach().double().numpy()
    total = sum(counts.values())
    for row, text in enumerate(TEXTS[:4]):
        words = text.lower().split()
        weights = np.array([(1 + counts[word] / total / 1e-3) ** -0.5 for word in words])
        vectors = np.stack([table[ids[word]] for word in words])
        expected = weights @ vectors / np.sqrt((weights**2).sum())
        np.testing.assert_allclose(encoder(column).linear[row].detach(), expected, rtol=1e-4, atol=1e-5)


def test_the_combiner_gets_the_same_vector_faintly():
    column, facts = encoded(TEXTS)
    signal = build(facts)(column)
    torch.testing.assert_close(signal.values, signal.linear * NETWORK_SCALE)
    assert build(facts).shape.linear == signal.linear.shape[1] == 32


def test_order_counts_for_pairs_and_not_for_single_words():
    column, facts = encoded(["a b c", "c b a", "b a c"])
    single, pairs = build(facts, max_ngram=1)(column).linear, build(facts)(column).linear
    torch.testing.assert_close(single[0], single[1])
    assert not torch.allclose(pairs[0], pairs[1])
    assert not torch.allclose(pairs[0], pairs[2])


def test_case_is_kept_where_it_counts():
    column, facts = encoded(["the cat", "The cat"])
    assert torch.equal(*build(facts)(column).linear)
    assert not torch.allclose(*build(facts, ignore_case=False)(column).linear)


def test_a_pair_across_an_unknown_word_is_none_and_unknown_words_shorten_the_vector():
    _, facts = encoded(["a b", "a b"])
    column, _ = encoded(["a zzz b", "a b", "a zzz yyy xxx"], facts)
    encoder = build(facts)
    with torch.no_grad():
        encoder.table.weight[:2] = 0  # as they stay where training has no unknown word
    with_unknown, without, mostly = encoder(column).linear
    assert not torch.allclose(with_unknown, without)  # no pair
    alone = encoder(encoded(["a"], facts)[0]).linear[0]
    assert mostly.norm() < 0.6 * alone.norm()
    torch.testing.assert_close(mostly / mostly.norm(), alone / alone.norm())


def test_buckets_follow_the_tokens():
    _, small = encoded(TEXTS)
    _, large = encoded([" ".join(f"w{i % 977}" for i in range(j, j + 200)) for j in range(300)])
    assert build(small).buckets == 4096
    assert build(large).buckets == 65_536  # 60,000 tokens
    assert build(large, num_buckets=7).buckets == 7
    assert build(large, max_ngram=1).buckets == 0


def test_a_text_of_one_word_and_one_of_none_have_no_pairs():
    column, facts = encoded(["one", "", "two"])
    assert build(facts, max_ngram=3)(column).linear.isfinite().all()


def reviews(rows: int) -> pd.DataFrame:
    """Texts whose class hangs on pairs of words: "not good" against "good", among many other words."""
    draw = np.random.default_rng(0)
    filler = [f"word{i}" for i in range(30)]
    lines, classes = [], []
    for _ in range(rows):
        negated, good = draw.integers(0, 2, 2)
        words = list(draw.choice(filler, 8))
        words.insert(draw.integers(0, 8), ("not " if negated else "quite ") + ("good" if good else "bad"))
        lines.append(" ".join(words))
        classes.append(bool(good) != bool(negated))
    return pd.DataFrame({"text": lines, "number": draw.normal(size=rows), "y": classes})


def config(**encoder: object) -> dict:
    return {
        "input_features": [
            {"name": "text", "type": "text", "encoder": {"type": "ngrams", **encoder}},
            {"name": "number", "type": "number"},
        ],
        "output_features": [{"name": "y", "type": "binary"}],
        "trainer": {"train_steps": 200, "learning_rate": 0.01, "early_stop": -1},
    }


def test_pairs_are_trained_beside_other_inputs_and_a_reload_predicts_the_same(tmp_path):
    data = reviews(1600)
    model = LudwigModel(config())
    results = model.train(data, output_directory=str(tmp_path))
    new = reviews(2000).iloc[1600:]
    assert model.evaluate(new)[0]["y"]["roc_auc"] > 0.95
    loaded = LudwigModel.load(f"{results.output_directory}/model")
    pd.testing.assert_frame_equal(loaded.predict(new)[0], model.predict(new)[0])
    assert "output_features.y.linear_path.weight" in [name for name, _ in loaded.collect_weights()]


def test_it_is_the_default_of_texts_and_wants_small_batches():
    model = LudwigModel(config() | {"input_features": [{"name": "text", "type": "text"}]})
    assert model.config["input_features"][0]["encoder"]["type"] == "ngrams"
    data = reviews(400)
    model.train(data, output_directory=None)
    assert model.config["trainer"]["batch_size"] == 64


@pytest.mark.parametrize("combiner", ["tabm", "concat"])
@pytest.mark.parametrize("kind", ["binary", "category", "number"])
def test_every_output_reads_it(combiner, kind):
    data = reviews(300)
    data["y"] = {"binary": data.y, "category": data.y.map({True: "a", False: "b"}), "number": data.y * 5.0 + 3}[kind]
    settings = config() | {"combiner": {"type": combiner}, "output_features": [{"name": "y", "type": kind}]}
    settings["trainer"] = {"train_steps": 100, "learning_rate": 0.02, "modality_dropout": 0.1}
    model = LudwigModel(settings)
    model.train(data, output_directory=None)
    found = model.evaluate(data)[0]["y"]
    assert found["r2"] > 0.5 if kind == "number" else found["accuracy"] > 0.8
