import json

import numpy as np
import pandas as pd
import pytest

from ludwig.api import LudwigModel
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


# -- symbols and lengths


def test_padding_and_unknown_tokens_have_the_names_that_are_asked_for():
    options = {"padding_symbol": "[PAD]", "unknown_symbol": "[UNK]", "tokenizer": "space"}
    feature, facts, back = learned(["a b [PAD]", "b", None, "[UNK]", "<UNK>"], **options)
    assert facts.vocabulary.words == ("[PAD]", "[UNK]", "b", "a")
    assert facts.vocabulary.counts == (0, 3, 2, 1)
    assert back == [["a", "b", "[UNK]"], ["b"], ["[UNK]"], ["[UNK]"], ["[UNK]"]]
    assert facts.to_json()["idx2str"][:2] == ["[PAD]", "[UNK]"]
    assert TokenFacts.from_json(json.loads(json.dumps(facts.to_json()))) == facts
    unseen = feature.encode(feature.parse(pd.Series(["z", "a"])), facts)
    assert unseen.unknown.tolist() == [True, False]


def test_the_unknown_token_is_one_token_however_texts_are_cut():
    for tokenizer in ("space_punct", "characters", "underscore", "ngram"):
        _, _, back = learned(["a b", "[UNK]", None], tokenizer=tokenizer, unknown_symbol="[UNK]")
        assert back[1:] == [["[UNK]"], ["[UNK]"]]


def test_the_unknown_token_is_not_lowercased():
    _, _, back = learned(["A", None], lowercase=True, unknown_symbol="[UNK]", fill_value="[UNK]")
    assert back == [["a"], ["[UNK]"]]


def test_words_of_a_file_are_no_symbols(tmp_path):
    file = tmp_path / "words.txt"
    file.write_text("[PAD]\nb\n[UNK]\n<UNK>\n", encoding="utf-8")
    _, facts, _ = learned(["b"], vocab_file=str(file), padding_symbol="[PAD]", unknown_symbol="[UNK]")
    assert facts.vocabulary.words == ("[PAD]", "[UNK]", "b")


def test_predicted_tokens_are_shown_by_their_names():
    feature, facts, _ = learned(["a b"], unknown_symbol="[UNK]")
    ids, shares = np.array([[2, 1, 3, -1]]), np.ones((1, 4))
    shown = feature.decode({"predictions": ids, "probabilities": shares}, facts)
    assert shown["predictions"][0] == ["a", "[UNK]", "b"]
    assert shown["response"][0] == "a [UNK] b"


def test_two_symbols_must_differ():
    assert [option for option, _ in TextFeature.Config(padding_symbol="x", unknown_symbol="x").faults()] == [
        "unknown_symbol"
    ]


@pytest.mark.parametrize(("length", "expected"), [(None, 3), (2, 2), (7, 7)])
def test_a_sequence_length_is_that_of_every_text(length, expected):
    _, facts, back = learned(["a b c", "d"], sequence_length=length, max_sequence_length=9)
    assert facts.longest == expected
    assert back == [["a", "b", "c"][: length or 3], ["d"]]
    assert facts.to_json()["max_sequence_length"] == expected


def test_a_target_has_its_end_behind_its_sequence_length():
    feature = TextFeature(TextFeature.TargetConfig(sequence_length=2, use="answer"), "t", target=True)
    cells = feature.parse(pd.Series(["a b c", "d"]))
    facts = feature.finish(feature.tally(cells))
    assert facts.longest == 3
    assert feature.encode(cells, facts).column.lengths.tolist() == [3, 2]


def test_ngrams_have_the_size_that_is_asked_for():
    assert learned(["a b c", "b", ""], tokenizer="ngram", ngram_size=3)[2] == [["a b c"], ["b"], []]
    assert learned(["a b c", "b"], tokenizer="ngram")[2] == [["a b", "b c"], ["b"]]


def test_a_model_is_built_for_the_sequence_length_and_names_its_unknown_token(tmp_path):
    texts = pd.DataFrame({"t": ["good a b", "bad c"] * 20, "y": ["good fine", "bad"] * 20})
    reading = {"tokenizer": "space", "sequence_length": 6, "unknown_symbol": "[UNK]"}
    encoder = {"type": "embed", "embedding_size": 4, "reduce_output": "concat"}
    output = {"name": "y", "type": "text", "preprocessing": {"sequence_length": 3, "padding_symbol": "[PAD]"}}
    decoder = {"type": "generator", "state_size": 16, "embedding_size": 8}
    model = LudwigModel(
        {
            "input_features": [{"name": "t", "type": "text", "preprocessing": reading, "encoder": encoder}],
            "output_features": [{**output, "decoder": decoder}],
            "combiner": {"type": "concat"},
            "trainer": {"epochs": 15, "batch_size": 20, "learning_rate": 0.03},
        }
    )
    metadata = model.train(dataset=texts, output_directory=None) and model.training_set_metadata
    assert metadata["t"]["max_sequence_length"] == 6
    assert metadata["t"]["idx2str"][:2] == ["<PAD>", "[UNK]"]
    assert metadata["y"]["idx2str"][0] == "[PAD]"
    model.save(tmp_path / "model")
    longer = pd.DataFrame({"t": ["good a b", "bad c", "bad c x y z a b c d"]})
    predicted, _ = model.predict(longer)
    assert predicted["y_response"].tolist()[:2] == ["good fine", "bad"]
    again, _ = LudwigModel.load(tmp_path / "model").predict(longer)
    pd.testing.assert_frame_equal(predicted, again)
