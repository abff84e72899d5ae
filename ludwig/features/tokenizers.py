"""Tokenizers that cut a text at a pattern. All texts go through the pattern in one run.

U = texts, M = n-grams of all texts
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pandas as pd

from ludwig.features.tokenizer_base import END, TOKENIZERS, Tokenizer, Tokens, Use


class PatternTokenizer(Tokenizer):
    """Every match of a pattern is a token."""

    pattern: ClassVar[re.Pattern[str]]  # of a token, or of END
    separator: ClassVar[str] = " "

    def tokens(self, texts: Sequence[str], use: Use = "sequence") -> Tokens:
        if not texts:
            return Tokens(np.empty(0, np.int64), np.empty(0, object), np.empty(0, np.int64))
        joined = END.join(texts)
        if joined.count(END) != len(texts) - 1:  # a text has the separator in it
            joined = END.join(text.replace(END, " ") for text in texts)
        found = np.array(self.pattern.findall(joined), dtype=object)
        places, words = pd.factorize(found) if len(found) else (np.empty(0, np.int64), np.empty(0, object))
        ends = np.flatnonzero(found == END) if len(found) else np.empty(0, np.int64)
        borders = np.concatenate([[-1], ends, [len(found)]])
        return Tokens(np.delete(places, ends), words, np.diff(borders) - 1)

    def joined(self, tokens: Sequence[str]) -> str:
        return self.separator.join(tokens)

    def text(self, ids: Sequence[int], vocabulary: Sequence[str] = ()) -> str:
        return self.joined(self.words(ids, vocabulary))


@TOKENIZERS.register("space")
class SpaceTokenizer(PatternTokenizer):
    """Words between white space."""

    pattern = re.compile(rf"\S+|{END}")


@TOKENIZERS.register("ngram")
class NgramTokenizer(SpaceTokenizer):
    """Every `ngram_size` words between white space that follow each other; a shorter text is one token as a whole."""

    def __init__(self, size: int = 2) -> None:
        self.size_of_ngrams = size

    def of_size(self, ngram_size: int) -> NgramTokenizer:
        return NgramTokenizer(ngram_size)

    def tokens(self, texts: Sequence[str], use: Use = "sequence") -> Tokens:
        single, size = super().tokens(texts, use), self.size_of_ngrams
        counts = np.maximum(single.lengths - size + 1, np.minimum(single.lengths, 1))  # [U]
        begins = single.lengths.cumsum() - single.lengths - (counts.cumsum() - counts)
        first = np.arange(counts.sum()) + np.repeat(begins, counts)  # [M], the place of its first word
        spans = np.repeat(np.minimum(single.lengths, size), counts)  # [M], how many words it has
        ranks = single.places[first]
        for step in range(1, int(spans.max(initial=0))):
            word = np.where(step < spans, single.places[np.minimum(first + step, len(single.places) - 1)] + 1, 0)
            ranks = np.unique(ranks * (len(single.words) + 1) + word, return_inverse=True)[1]
        _, samples, places = np.unique(ranks, return_index=True, return_inverse=True)
        words = np.empty(len(samples), dtype=object)
        words[:] = [" ".join(single.words[single.places[first[at] : first[at] + spans[at]]]) for at in samples]
        return Tokens(places, words, counts)


@TOKENIZERS.register("space_punct")
class SpacePunctTokenizer(PatternTokenizer):
    """Words, and each punctuation mark by itself."""

    pattern = re.compile(rf"\w+|[^\w\s]|{END}")


@TOKENIZERS.register("characters")
class CharactersTokenizer(PatternTokenizer):
    """Single characters."""

    pattern = re.compile(r".", re.DOTALL)
    separator = ""


@TOKENIZERS.register("underscore")
class UnderscoreTokenizer(PatternTokenizer):
    """What stands between underscores."""

    pattern = re.compile(rf"[^_{END}]+|{END}")
    separator = "_"


@TOKENIZERS.register("comma")
class CommaTokenizer(PatternTokenizer):
    """What stands between commas."""

    pattern = re.compile(rf"[^,\s{END}][^,{END}]*|{END}")
    separator = ","


@TOKENIZERS.register("untokenized")
class UntokenizedTokenizer(PatternTokenizer):
    """The whole text as one token."""

    pattern = re.compile(rf"[^{END}]+|{END}")


@TOKENIZERS.register("stripped")
class StrippedTokenizer(PatternTokenizer):
    """The whole text as one token, without white space around it."""

    pattern = re.compile(rf"[^\s{END}](?:[^{END}]*[^\s{END}])?|{END}")
