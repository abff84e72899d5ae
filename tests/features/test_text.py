import json

import pandas as pd
import pytest

from ludwig.error import ConfigValidationError
from ludwig.features.text import TextFeature
from ludwig.features.tokens import TokenFacts


def learned(column: list, **options: object) -> tuple[TextFeature, TokenFacts, list[list[str]]]:
    feature = TextFeature(TextFeature.Config(**options), "t")
    cells = feature.parse(pd.Series(column))
    facts = feature.finish(feature.tally(cells))
    return feature, facts, words(feature, column, facts)


def words(feature: TextFeature, column: list, facts: TokenFacts) -> list[list[str]]:
    ragged = feature.encode(feature.parse(pd.Series(column)), facts).column
    ids, offsets = ragged.values.tolist(), ragged.offsets.tolist()
    names = [facts.vocabulary.words[i] for i in ids]
    return [names[start:stop] for start, stop in zip(offsets, offsets[1:], strict=False)]


def test_texts_come_back_as_their_tokens():
    _, facts, back = learned(["a b", "b", "c a a"])
    assert back == [["a", "b"], ["b"], ["c", "a", "a"]]
    assert facts.vocabulary.words == ("<PAD>", "<UNK>", "a", "b", "c")  # by frequency, ties by code point
    assert facts.longest == 3


def test_an_unseen_token_is_unknown():
    feature, facts, _ = learned(["a b"])
    assert words(feature, ["a z"], facts) == [["a", "<UNK>"]]


def test_a_missing_text_is_one_unknown_token():
    assert learned(["a", None])[2] == [["a"], ["<UNK>"]]


def test_a_missing_text_can_be_filled_or_dropped():
    assert learned(["a b", None], fill_value="b a")[2] == [["a", "b"], ["b", "a"]]
    assert learned(["a", None, "b"], missing_value_strategy="bfill")[2] == [["a"], ["b"], ["b"]]
    feature, facts, _ = learned(["a", None], missing_value_strategy="drop_row")
    assert feature.encode(feature.parse(pd.Series(["a", None])), facts).dropped.tolist() == [False, True]


def test_only_the_most_common_tokens_and_the_first_of_a_text_are_kept():
    assert learned(["a a b", "c"], most_common=1)[2] == [["a", "a", "<UNK>"], ["<UNK>"]]
    assert learned(["a b c", "d"], max_sequence_length=2)[2] == [["a", "b"], ["d"]]


def test_words_of_a_file_replace_those_of_the_data(tmp_path):
    file = tmp_path / "words.txt"
    file.write_text("b\nz\n", encoding="utf-8")
    _, facts, back = learned(["a b"], vocab_file=str(file))
    assert facts.vocabulary.words == ("<PAD>", "<UNK>", "b", "z")
    assert back == [["<UNK>", "b"]]
    with pytest.raises(ConfigValidationError, match="is not a file"):
        learned(["a"], vocab_file=str(tmp_path / "none.txt"))


def test_facts_survive_json_and_tallies_merge():
    feature, facts, _ = learned(["a b", "b", None])
    assert TokenFacts.from_json(facts.to_json()) == facts
    one, two = (feature.tally(feature.parse(pd.Series(part))) for part in (["a b", "b"], [None]))
    assert feature.finish(one.merge(two)) == facts


def test_the_word_for_padding_in_a_text_is_an_unknown_token():
    _, facts, back = learned(["<PAD> a", "b <PAD>"], tokenizer="space")
    assert back == [["<UNK>", "a"], ["b", "<UNK>"]]
    assert facts.vocabulary.words == ("<PAD>", "<UNK>", "a", "b") and facts.vocabulary.counts == (0, 2, 1, 1)
    assert TokenFacts.from_json(json.loads(json.dumps(facts.to_json()))) == facts


def test_the_fill_value_is_lowercased_as_the_texts_are():
    assert learned(["No Text", None], lowercase=True, fill_value="No Text")[2] == [["no", "text"], ["no", "text"]]
