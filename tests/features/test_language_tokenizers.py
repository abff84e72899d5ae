import builtins
import dataclasses
import pickle
import sys
import types

import pandas as pd
import pytest

from ludwig.api import LudwigModel
from ludwig.error import MissingExtraError, MissingPackageError
from ludwig.features import language_tokenizers
from ludwig.features.language_tokenizers import LANGUAGES, WAYS
from ludwig.features.text import TextFeature
from ludwig.features.tokenizer_base import TOKENIZERS

LEMMAS = {"mice": "mouse", "ran": "run"}


@dataclasses.dataclass
class FakeToken:
    """What a tokenizer reads of a token of spaCy, for a small English."""

    text: str
    lemma_: str = ""

    @property
    def is_space(self) -> bool:
        return self.text.isspace()

    @property
    def is_punct(self) -> bool:
        return self.text in "!?.,"

    @property
    def like_num(self) -> bool:
        return self.text.isdigit() or self.text == "ten"

    @property
    def is_stop(self) -> bool:
        return self.text in ("the", "a")


class FakePipeline:
    max_length = 10

    def __init__(self, lemmas: dict[str, str] | None = None) -> None:
        self.lemmas, self.seen = lemmas, []

    def tokenizer(self, text: str) -> list[FakeToken]:
        self.seen.append(text)
        words = text.replace("!", " !").replace("  ", "\x0b ").split(" ")
        known = self.lemmas or {}
        return [FakeToken(w, known.get(w, w if self.lemmas else "")) for word in words for w in _parts(word)]

    def pipe(self, texts):
        return map(self.tokenizer, texts)


def _parts(word: str) -> list[str]:
    return [part for part in (word.rstrip("\x0b"), "  " * word.endswith("\x0b")) if part]


@pytest.fixture
def spacy(monkeypatch):
    fake = types.ModuleType("spacy")
    fake.pipelines = {}

    def load(name, exclude):
        assert "parser" in exclude
        if name != "en_core_web_sm":
            raise OSError("[E050] Can't find model")
        return fake.pipelines.setdefault(name, FakePipeline(LEMMAS))

    fake.blank = lambda code: fake.pipelines.setdefault(code, FakePipeline())
    fake.load = load
    monkeypatch.setitem(sys.modules, "spacy", fake)
    _forget()
    yield fake
    _forget()


def _forget() -> None:
    language_tokenizers._blank.cache_clear()
    language_tokenizers._trained.cache_clear()


def rows(name: str, texts: list[str]) -> list[list[str]]:
    tokens = TOKENIZERS.get(name).of("", False).tokens(texts)
    flat = iter(tokens.words[tokens.places].tolist())
    return [[next(flat) for _ in range(length)] for length in tokens.lengths]


TEXTS = ["the mice ran  10 km!", "", "ten a cat", "the mice ran  10 km!"]


@pytest.mark.parametrize(
    ("way", "first", "third"),
    [
        ("tokenize", ["the", "mice", "ran", "10", "km", "!"], ["ten", "a", "cat"]),
        ("tokenize_filter", ["the", "mice", "ran"], ["cat"]),
        ("tokenize_remove_stopwords", ["mice", "ran", "10", "km", "!"], ["ten", "cat"]),
        ("lemmatize", ["the", "mouse", "run", "10", "km", "!"], ["ten", "a", "cat"]),
        ("lemmatize_filter", ["the", "mouse", "run"], ["cat"]),
        ("lemmatize_remove_stopwords", ["mouse", "run", "10", "km", "!"], ["ten", "cat"]),
    ],
)
def test_each_way_keeps_what_it_is_for(spacy, way, first, third):
    assert rows(f"english_{way}", TEXTS) == [first, [], third, first]


def test_every_language_has_every_way():
    names = {f"{language}_{way}" for language in LANGUAGES for way in WAYS}
    assert len(names) == 16 * 6 and names <= set(TOKENIZERS.names())


def test_words_of_one_sign_stay_in_languages_that_have_them(spacy):
    assert rows("chinese_tokenize_filter", ["我 们 !"]) == [["我", "们"]]
    assert TOKENIZERS.get("chinese_tokenize")().text([0, 1], ["我", "们"]) == "我们"


def test_without_a_trained_pipeline_of_many_languages_words_are_their_own_lemmas(spacy):
    assert rows("multi_lemmatize", ["mice ran"]) == [["mice", "ran"]]


def test_a_pipeline_that_is_missing_is_named(spacy):
    with pytest.raises(MissingPackageError, match="german_lemmatize.* python -m spacy download de_core_news_sm"):
        rows("german_lemmatize", ["x"])


def test_without_spacy_the_extra_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "spacy", raising=False)
    load = builtins.__import__

    def without(name, *others):
        if name == "spacy":
            raise ImportError(name)
        return load(name, *others)

    monkeypatch.setattr(builtins, "__import__", without)
    _forget()
    with pytest.raises(MissingExtraError, match=r"english_tokenize.*ludwig\[spacy\]"):
        rows("english_tokenize", ["x"])


def test_each_distinct_text_is_cut_once_a_pass(spacy):
    feature = TextFeature(TextFeature.Config(tokenizer="english_tokenize"), "t")
    cells = feature.parse(pd.Series(["the cat", "a dog", "the cat"] * 5))
    facts = feature.finish(feature.tally(cells))
    assert spacy.pipelines["en"].seen == ["the cat", "a dog"]
    feature.encode(cells, facts)
    assert spacy.pipelines["en"].seen == ["the cat", "a dog"] * 2


def test_a_tokenizer_can_be_pickled():
    tokenizer = TOKENIZERS.get("italian_lemmatize_filter")()
    assert type(pickle.loads(pickle.dumps(tokenizer))) is type(tokenizer)


def test_a_model_reads_and_saves_with_one(spacy, tmp_path):
    table = pd.DataFrame({"t": ["the good cat", "a bad dog"] * 20, "y": ["up", "down"] * 20})
    text = {"name": "t", "type": "text", "preprocessing": {"tokenizer": "english_lemmatize"}, "encoder": "embed"}
    config = {"input_features": [text], "output_features": [{"name": "y", "type": "binary"}]}
    model = LudwigModel({**config, "trainer": {"epochs": 2, "batch_size": 16}})
    model.train(dataset=table, output_directory=None)
    model.save(tmp_path / "model")
    predicted, _ = model.predict(table)
    again, _ = LudwigModel.load(tmp_path / "model").predict(table)
    pd.testing.assert_frame_equal(predicted, again)


# -- with the real one


@pytest.fixture
def real():
    pytest.importorskip("spacy")
    _forget()
    yield
    _forget()


def test_words_of_english(real):
    assert rows("english_tokenize", ["Don't  panic, it's 42!"]) == [["Do", "n't", "panic", ",", "it", "'s", "42", "!"]]
    assert rows("english_tokenize_filter", ["Don't  panic, it's 42!"]) == [["n't", "panic"]]
    assert rows("english_tokenize_remove_stopwords", ["the cat and the dog"]) == [["cat", "dog"]]


@pytest.mark.parametrize("language", sorted(LANGUAGES.keys() - {"japanese"}))
def test_every_language_cuts_texts(real, language):
    found = rows(f"{language}_tokenize", ["Alfa beta 12, gamma!", ""])
    assert "".join(found[0]) == "Alfabeta12,gamma!" and found[1] == []
