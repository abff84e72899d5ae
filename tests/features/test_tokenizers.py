import re

import pytest

from ludwig.features import tokenizers  # noqa: F401  (importing registers)
from ludwig.features.tokenizer_base import END, TOKENIZERS

TEXTS = ["Hello, world!", "", "  two   spaces ", "a_b_c", "x, y ,z", "naïve café 日本", "one"]
BY_HAND = {
    "space": lambda text: text.split(),
    "space_punct": lambda text: re.findall(r"\w+|[^\w\s]", text),
    "characters": list,
    "underscore": lambda text: [word for word in text.split("_") if word],
    "comma": lambda text: [word.lstrip() for word in text.split(",") if word.strip()],
    "untokenized": lambda text: [text] if text else [],
    "stripped": lambda text: [text.strip()] if text.strip() else [],
}


def rows(texts: list[str], name: str) -> list[list[str]]:
    tokens = TOKENIZERS.get(name).of("", False).tokens(texts)
    flat = iter(tokens.words[tokens.places].tolist())
    return [[next(flat) for _ in range(length)] for length in tokens.lengths]


@pytest.mark.parametrize("name", sorted(BY_HAND))
def test_all_texts_at_once_are_cut_as_one_by_one(name):
    assert rows(TEXTS, name) == [BY_HAND[name](text) for text in TEXTS]


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
