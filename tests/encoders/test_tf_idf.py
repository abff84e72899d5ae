"""Tf-idf against scikit-learn, and document frequencies counted in chunks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from ludwig.api import LudwigModel
from ludwig.columns.ragged import Padded
from ludwig.encoders import ENCODERS
from ludwig.error import ConfigValidationError
from ludwig.features.text import TextFeature
from ludwig.features.tokens import TokenFacts

TRAINING = ["a b c a", "b", "c a b", "d c", "a b", "d d d d", "", "e a b c a b", "a b"]
OTHER = ["a b c", "z a y b", "e d c b a a a", "z", "b c d e " * 10]


def fitted(**options: object) -> tuple[TextFeature, TokenFacts]:
    config = ENCODERS.get("tf_idf", "text").Config(**options)
    feature = TextFeature(TextFeature.Config(tokenizer="space", **config.requires()), "t")
    parts = [feature.tally(feature.parse(pd.Series(TRAINING[place::3]))) for place in range(3)]
    return feature, feature.finish(parts[2].merge(parts[0]).merge(parts[1]))


def build(facts: TokenFacts, **options: object):
    return ENCODERS.get("tf_idf", "text").Config(**options).build([facts]).eval()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"ngram_range": [1, 2]},
        {"ngram_range": [2, 3], "min_df": 2},
        {"ngram_range": [1, 3], "max_df": 0.5},
    ],
)
def test_it_gives_what_scikit_learn_gives(options):
    from sklearn.feature_extraction.text import TfidfVectorizer

    feature, facts = fitted(**options)
    theirs = TfidfVectorizer(tokenizer=str.split, token_pattern=None, lowercase=False, **_as_theirs(options))
    theirs.fit(TRAINING)
    words = [" ".join(facts.vocabulary.words[token] for token in ngram) for ngram in facts.documents.ngrams]
    bounds = options.get("min_df", 1), options.get("max_df", 1.0) * facts.documents.count
    kept = [word for word, count in zip(words, facts.documents.counts, strict=True) if bounds[0] <= count <= bounds[1]]
    assert sorted(kept) == sorted(theirs.vocabulary_)
    for texts in (TRAINING, OTHER):
        column = feature.encode(feature.parse(pd.Series(texts)), facts).column.padded()
        expected = theirs.transform(texts).toarray()[:, [theirs.vocabulary_[word] for word in kept]]
        torch.testing.assert_close(build(facts, **options)(column).values, torch.from_numpy(expected).float())


def _as_theirs(options: dict) -> dict:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}


def test_document_frequencies_do_not_depend_on_chunks_and_survive_json():
    feature, facts = fitted(ngram_range=[1, 2])
    whole = feature.finish(feature.tally(feature.parse(pd.Series(TRAINING))))
    assert facts == whole == TokenFacts.from_json(whole.to_json())
    _, of_words = fitted()
    assert of_words.documents.counts == (6, 5, 4, 2, 1)  # b, a, c, d, e
    plain = TextFeature(TextFeature.Config(), "t")
    assert "documents" not in plain.finish(plain.tally(plain.parse(pd.Series(TRAINING)))).to_json()


def test_no_n_gram_within_the_bounds_is_an_error():
    _, facts = fitted()
    with pytest.raises(ConfigValidationError, match="Lower min_df"):
        build(facts, min_df=8)


def test_a_batch_shorter_than_an_n_gram_gives_zeros():
    _, facts = fitted(ngram_range=[3, 3])
    column = Padded(torch.tensor([[2, 3]]), torch.ones(1, 2, dtype=torch.bool))
    assert not build(facts, ngram_range=[3, 3])(column).values.any()


def test_the_longer_n_gram_comes_last():
    assert ENCODERS.get("tf_idf", "text").Config(ngram_range=[2, 1]).faults()


def test_topics_are_found(tmp_path):
    """Each topic has ten words of its own among many that all share."""
    draw = np.random.default_rng(0)
    topics = draw.integers(0, 3, 600)
    texts = [
        " ".join([*(f"shared{w}" for w in draw.integers(0, 50, 15)), f"own{topic}{draw.integers(10)}"])
        for topic in topics
    ]
    table = pd.DataFrame({"text": texts, "topic": [f"t{topic}" for topic in topics]})
    config = {
        "input_features": [{"name": "text", "type": "text", "encoder": {"type": "tf_idf"}}],
        "output_features": [{"name": "topic", "type": "category"}],
        "trainer": {"train_steps": 200, "learning_rate": 0.02},
    }
    model = LudwigModel(config)
    results = model.train(table.iloc[:500], output_directory=str(tmp_path))
    test = table.iloc[500:].reset_index(drop=True)
    predicted = model.predict(test)[0]
    assert (predicted.topic_predictions == test.topic).mean() > 0.95  # 0.33 by chance
    loaded = LudwigModel.load(f"{results.output_directory}/model")
    pd.testing.assert_frame_equal(loaded.predict(test)[0], predicted)
