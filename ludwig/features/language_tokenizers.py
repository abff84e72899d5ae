"""Tokenizers that know the words, stop words and lemmas of a language, by spaCy.

U = texts
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from ludwig.error import MissingExtraError, MissingPackageError
from ludwig.features.tokenizer_base import TOKENIZERS, Tokenizer, Tokens, Use

SHORT = 2  # letters of words that a filter drops


class Language(NamedTuple):
    """A language as spaCy names it, and how its words are written."""

    code: str
    pipeline: str | None  # the trained one that knows its lemmas; None where a word is its own lemma
    between: str = " "  # words
    short: int = SHORT


LANGUAGES = {
    "english": Language("en", "en_core_web_sm"),
    "italian": Language("it", "it_core_news_sm"),
    "spanish": Language("es", "es_core_news_sm"),
    "german": Language("de", "de_core_news_sm"),
    "french": Language("fr", "fr_core_news_sm"),
    "portuguese": Language("pt", "pt_core_news_sm"),
    "dutch": Language("nl", "nl_core_news_sm"),
    "greek": Language("el", "el_core_news_sm"),
    "norwegian": Language("nb", "nb_core_news_sm"),
    "lithuanian": Language("lt", "lt_core_news_sm"),
    "danish": Language("da", "da_core_news_sm"),
    "polish": Language("pl", "pl_core_news_sm"),
    "romanian": Language("ro", "ro_core_news_sm"),
    "japanese": Language("ja", "ja_core_news_sm", "", 0),  # one sign may be a word
    "chinese": Language("zh", "zh_core_web_sm", "", 0),
    "multi": Language("xx", None),
}


class LanguageTokenizer(Tokenizer):
    """The words of a language, as spaCy cuts them: "don't" is "do" and "n't". White space is no token.

    With lemmas, a word is replaced by its dictionary form ("mice" by "mouse"), which takes a trained pipeline. A filter
    drops punctuation, numbers (in digits or in words) and words of one or two letters, the latter not in Japanese and
    Chinese; another way drops the stop words of the language. A text of 20 words takes some 0.3 ms, with lemmas 3 ms,
    where `space_punct` takes 0.01 ms.
    """

    package: ClassVar[str | None] = "spacy"
    name: ClassVar[str]
    language: ClassVar[Language]
    lemmas: ClassVar[bool] = False
    filters: ClassVar[bool] = False
    drops_stop_words: ClassVar[bool] = False

    def tokens(self, texts: Sequence[str], use: Use = "sequence") -> Tokens:
        rows = [self._words(document) for document in self._documents(texts)]
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        words = np.empty(int(lengths.sum()), dtype=object)
        words[:] = [word for row in rows for word in row]
        places, distinct = pd.factorize(words)
        return Tokens(places.astype(np.int64), distinct, lengths)

    def _documents(self, texts: Sequence[str]) -> Iterator[Any]:
        if not self.lemmas or self.language.pipeline is None:
            return map(_blank(self.language.code, self.name).tokenizer, texts)
        documents: Iterator[Any] = _trained(self.language.pipeline, self.name).pipe(texts)
        return documents

    def _words(self, document: Any) -> list[str]:
        return [(self.lemmas and token.lemma_) or token.text for token in document if self._keeps(token)]

    def _keeps(self, token: Any) -> bool:
        if token.is_space or (self.drops_stop_words and token.is_stop):
            return False
        return not self.filters or not (token.is_punct or token.like_num or len(token.text) <= self.language.short)

    def joined(self, tokens: Sequence[str]) -> str:
        return self.language.between.join(tokens)

    def text(self, ids: Sequence[int], vocabulary: Sequence[str] = ()) -> str:
        return self.joined(self.words(ids, vocabulary))


def _spacy(name: str) -> Any:
    try:
        import spacy
    except ImportError:
        raise MissingExtraError("spacy", "spacy", f"The tokenizer '{name}'") from None
    return spacy


@functools.lru_cache(maxsize=8)
def _blank(code: str, name: str) -> Any:
    """The rules of a language, without anything that is trained."""
    spacy = _spacy(name)
    try:
        return spacy.blank(code)
    except ImportError:  # the words of Japanese are found by another package
        raise MissingExtraError("sudachipy", "japanese", f"The tokenizer '{name}'") from None


@functools.lru_cache(maxsize=2)
def _trained(pipeline: str, name: str) -> Any:
    """A trained pipeline, without the parts that lemmas do not need."""
    spacy = _spacy(name)
    try:
        trained = spacy.load(pipeline, exclude=["parser", "ner", "senter"])
    except ImportError:
        raise MissingExtraError("sudachipy", "japanese", f"The tokenizer '{name}'") from None
    except OSError:
        raise MissingPackageError(
            f"The tokenizer '{name}' needs spaCy's trained pipeline '{pipeline}'. Install it with: python -m spacy "
            f"download {pipeline}"
        ) from None
    trained.max_length = sys.maxsize  # the bound is for the parts that are left out
    return trained


WAYS: dict[str, dict[str, bool]] = {
    "tokenize": {},
    "tokenize_filter": {"filters": True},
    "tokenize_remove_stopwords": {"drops_stop_words": True},
    "lemmatize": {"lemmas": True},
    "lemmatize_filter": {"lemmas": True, "filters": True},
    "lemmatize_remove_stopwords": {"lemmas": True, "drops_stop_words": True},
}


def _declare(language: str, way: str) -> None:
    """A class for each language and way, which stands here under its name, so that it can be pickled."""
    name = f"{language}_{way}"
    title = "".join(part.capitalize() for part in name.split("_")) + "Tokenizer"
    text = f"The tokenizer {name}: see LanguageTokenizer."
    own = {"name": name, "language": LANGUAGES[language], **WAYS[way], "__module__": __name__, "__doc__": text}
    globals()[title] = TOKENIZERS.register(name)(type(title, (LanguageTokenizer,), own))


for _language in LANGUAGES:
    for _way in WAYS:
        _declare(_language, _way)
