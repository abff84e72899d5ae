import re

import numpy as np
import pandas as pd
import pytest

from ludwig.features import tokenizers  # noqa: F401  (importing registers)
from ludwig.features.text import TextFeature
from ludwig.features.tokenizer_base import END, TOKENIZERS
from tests.contracts.pretrained import folder_of

TEXTS = ["Hello, world!", "", "  two   spaces ", "a_b_c", "x, y ,z", "naïve café 日本", "one"]


def ngrams(words: list[str], size: int) -> list[str]:
    begins = range(max(len(words) - size + 1, min(len(words), 1)))
    return [" ".join(words[begin : begin + size]) for begin in begins]


BY_HAND = {
    "space": lambda text: text.split(),
    "space_punct": lambda text: re.findall(r"\w+|[^\w\s]", text),
    "characters": list,
    "underscore": lambda text: [word for word in text.split("_") if word],
    "comma": lambda text: [word.lstrip() for word in text.split(",") if word.strip()],
    "untokenized": lambda text: [text] if text else [],
    "stripped": lambda text: [text.strip()] if text.strip() else [],
    "ngram": lambda text: ngrams(text.split(), 2),
}


def rows(texts: list[str], name: str) -> list[list[str]]:
    tokens = TOKENIZERS.get(name).of("", False).tokens(texts)
    flat = iter(tokens.words[tokens.places].tolist())
    return [[next(flat) for _ in range(length)] for length in tokens.lengths]


@pytest.mark.parametrize("name", sorted(BY_HAND))
def test_all_texts_at_once_are_cut_as_one_by_one(name):
    assert rows(TEXTS, name) == [BY_HAND[name](text) for text in TEXTS]


@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_ngrams_of_many_texts_are_those_of_each(size):
    random = np.random.default_rng(size)
    texts = [" ".join(random.choice(["a", "b", "ab", "b a", "c"], random.integers(0, 9))) for _ in range(300)]
    tokens = TOKENIZERS.get("ngram").of("", False).of_size(size).tokens(texts)
    flat = iter(tokens.words[tokens.places].tolist())
    found = [[next(flat) for _ in range(length)] for length in tokens.lengths]
    assert found == [ngrams(text.split(), size) for text in texts]


def test_a_text_may_hold_the_separator():
    assert rows([f"a{END}b", "c"], "space") == [["a", "b"], ["c"]]


@pytest.mark.parametrize("texts", [[], [""], ["", ""]])
def test_texts_without_tokens(texts):
    assert rows(texts, "space") == [[] for _ in texts]


@pytest.mark.parametrize(("keeps_end", "expected"), [(False, [["a", "b"], ["d"], []]), (True, [["b", "c"], ["d"], []])])
def test_tokens_are_cut_at_either_end(keeps_end, expected):
    tokens = TOKENIZERS.get("space").of("", False).tokens(["a b c", "d", ""]).cut(2, keeps_end=keeps_end)
    flat = iter(tokens.words[tokens.places].tolist())
    assert [[next(flat) for _ in range(length)] for length in tokens.lengths] == expected


# -- tokenizers of pretrained models


@pytest.mark.parametrize("name", ["bert", "gpt2bpe", "clip", "sentencepiece", "hf_tokenizer"])
def test_a_tokenizer_of_a_pretrained_model_takes_the_files_that_are_named(name):
    folder = folder_of("bert", ("a b c d e f",))
    config = TextFeature.Config(tokenizer=name, pretrained_model_name_or_path=folder)
    assert config.faults() == []
    feature = TextFeature(config, "t")
    ids = feature.tokenizer.tokens(["a b"]).places.tolist()
    assert feature.tokenizer.words(ids) == ["a", "b"]
    assert len(ids) == 4  # with the class token and the separator
    assert [*feature.assets()] != []


@pytest.mark.parametrize(
    ("name", "usual"), [("bert", "bert-base-uncased"), ("gpt2bpe", "gpt2"), ("hf_tokenizer", None)]
)
def test_some_tokenizers_have_a_usual_model(name, usual):
    config = TextFeature.Config(tokenizer=name)
    assert config.source == usual
    assert [option for option, _ in config.faults()] == ([] if usual else ["pretrained_model_name_or_path"])


def test_a_vocabulary_file_has_no_effect_on_a_pretrained_tokenizer():
    faults = TextFeature.Config(tokenizer="sentencepiece", vocab_file="spm.model").faults()
    assert [option for option, _ in faults] == ["vocab_file"]


def test_a_text_that_is_cut_keeps_its_separator():
    folder = folder_of("bert", ("a b c d e f",))
    config = TextFeature.Config(tokenizer="bert", pretrained_model_name_or_path=folder, max_sequence_length=4)
    feature = TextFeature(config, "t")
    column = pd.Series(["a b c d e", "a", "f e d c b a", "a b"])
    cells = feature.parse(column)
    ragged = feature.encode(cells, feature.finish(feature.tally(cells))).column
    rows = [row.tolist() for row in ragged.values.split(ragged.lengths.tolist())]
    known = feature.tokenizer.tokenizer
    expected = known(column.tolist(), truncation=True, max_length=4)["input_ids"]
    assert rows == expected
