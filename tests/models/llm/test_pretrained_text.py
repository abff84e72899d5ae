import numpy as np
import pandas as pd
import pytest

from ludwig.error import InputDataError
from ludwig.features.labels import Vocabulary
from ludwig.features.pretrained_tokenizer import load_tokenizer
from ludwig.features.text import TextFeature
from ludwig.features.tokens import TokenFacts

FACTS = TokenFacts(Vocabulary((), ()), 3, "")


@pytest.fixture
def of_base(base_model):
    return {"tokenizer": "hf_tokenizer", "pretrained_model_name_or_path": base_model, "max_sequence_length": None}


@pytest.fixture
def prompt(of_base):
    return lambda **options: TextFeature(TextFeature.Config(use="prompt", **{**of_base, **options}), "q")


@pytest.fixture
def answer(of_base):
    def build(**options):
        return TextFeature(TextFeature.TargetConfig(use="answer", **{**of_base, **options}), "a", target=True)

    return build


def encoded(feature, column):
    cells = feature.parse(column)
    return feature.encode(cells, feature.finish(feature.tally(cells)))


def rows(ragged):
    return [part.tolist() for part in ragged.values.tensor_split(ragged.offsets[1:-1])]


class TestEncoding:
    def test_ids_are_those_of_the_tokenizer(self, prompt, base_model):
        texts = ["one two", "three", "one two"]
        expected = load_tokenizer(base_model).tokenizer(texts)["input_ids"]
        assert rows(encoded(prompt(), pd.Series(texts)).column) == expected

    def test_each_token_has_a_name_and_special_ones_an_empty_one(self, prompt, base_model):
        tokenizer = load_tokenizer(base_model).tokenizer
        ids = [1, *tokenizer("two one two", add_special_tokens=False)["input_ids"]]
        names = prompt().token_names(np.array(ids), FACTS)
        assert names == ["", *tokenizer.convert_ids_to_tokens(ids[1:])]

    def test_an_answer_ends_with_the_end_token(self, answer):
        assert [row[-1] for row in rows(encoded(answer(), pd.Series(["one", ""])).column)] == [2, 2]

    def test_of_a_long_prompt_the_end_is_kept_and_of_a_long_answer_the_beginning(self, prompt, answer):
        whole = rows(encoded(prompt(), pd.Series(["one two three"])).column)[0]
        assert rows(encoded(prompt(max_sequence_length=2), pd.Series(["one two three"])).column)[0] == whole[-2:]
        assert rows(encoded(answer(max_sequence_length=2), pd.Series(["one two three"])).column)[0] == whole[:2]

    def test_an_empty_prompt_is_one_token(self, prompt):
        assert rows(encoded(prompt(), pd.Series([""])).column) == [[1]]

    def test_missing_cells_are_filled_or_their_rows_given_up(self, prompt, answer):
        column = pd.Series(["one", None])
        filled = encoded(prompt(fill_value="none"), column)
        assert filled.dropped is None
        assert rows(filled.column) == rows(encoded(prompt(), pd.Series(["one", "none"])).column)
        assert encoded(answer(), column).dropped.tolist() == [False, True]

    def test_lowercase(self, prompt):
        column = pd.Series(["ONE"])
        assert rows(encoded(prompt(lowercase=True), column).column) == rows(
            encoded(prompt(), pd.Series(["one"])).column
        )

    def test_no_rows(self, prompt):
        feature = prompt()
        assert len(feature.encode(feature.parse(pd.Series([], dtype=str)), FACTS).column) == 0

    def test_a_target_without_any_value_is_reported(self, answer):
        with pytest.raises(InputDataError, match="every cell is missing"):
            encoded(answer(), pd.Series([None, None]))


class TestFacts:
    def test_merged_tallies_are_one_tally(self, prompt):
        feature, column = prompt(), pd.Series(["one", "two three", "four five six"])
        cells = feature.parse(column)
        parts = [feature.tally(cells.take(np.array(part))) for part in ([0], [1, 2])]
        assert feature.finish(parts[0].merge(parts[1])) == feature.finish(feature.tally(cells))

    def test_facts_survive_json(self):
        assert TokenFacts.from_json(FACTS.to_json()) == FACTS


class TestDecoding:
    def test_what_was_encoded_is_decoded_to_the_same_texts(self, answer):
        feature, texts = answer(), ["one two", "straße {}", ""]
        ragged = encoded(feature, pd.Series(texts)).column.padded()
        ids = ragged.values.masked_fill(~ragged.mask, -1).numpy()
        found = feature.decode({"predictions": ids, "probabilities": np.full(ids.shape, 0.5)}, FACTS)
        assert found["response"].tolist() == texts
        lengths = ragged.mask.sum(1).numpy()
        np.testing.assert_allclose(found["probability"], 0.5**lengths)
        assert [len(row) for row in found["probabilities"]] == [len(row) for row in found["predictions"]]
        assert [len(row) for row in found["predictions"]] == (lengths - 1).tolist()  # without the end
