"""Texts: sequences of tokens.

N = rows, U = distinct texts
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from ludwig.columns.ragged import Ragged
from ludwig.error import ConfigValidationError
from ludwig.features.base import FEATURES, UNKNOWN, Encoded, Facts, Feature, Tally
from ludwig.features.cells import Labels
from ludwig.features.labels import Vocabulary, most_frequent
from ludwig.features.missing import settled
from ludwig.features.tokenizers import END, TokenizerName, tokenize
from ludwig.schema import param

Strategy = Literal["fill_with_const", "fill_with_mode", "bfill", "ffill", "drop_row"]

PADDING = "<PAD>"


class TokenTally(Tally):
    """How often each token and each text occurs, and the longest text."""

    def __init__(self, tokens: Counter[str], texts: Counter[str], longest: int) -> None:
        self.tokens, self.texts, self.longest = tokens, texts, longest

    def merge(self, other: Self) -> Self:
        return type(self)(self.tokens + other.tokens, self.texts + other.texts, max(self.longest, other.longest))


@dataclasses.dataclass(frozen=True)
class TextFacts(Facts):
    """What the training split taught about a text column. Id 0 is padding, id 1 a token that was not seen."""

    vocabulary: Vocabulary
    longest: int  # tokens of the longest text, as far as texts are read
    fill: str  # in place of a missing cell

    def to_json(self) -> dict[str, Any]:
        special = {"padding_idx": 0, "max_sequence_length": self.longest}
        return {**self.vocabulary.to_json(), **special, "fill": self.fill}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        return cls(Vocabulary.from_json(raw), raw["max_sequence_length"], raw["fill"])


@FEATURES.register("text")
class TextFeature(Feature[Labels, TokenTally, TextFacts]):
    """A column of texts, cut into tokens whose ids come from the training split."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Feature.Config):
        tokenizer: TokenizerName = param("space_punct", help="How a text is cut into tokens.")
        lowercase: bool = param(False, help="Whether texts are lowercased.")
        max_sequence_length: int | None = param(256, min=1, help="How many tokens of a text are read; null for all.")
        most_common: int = param(20000, min=1, help="How many tokens are kept; the others become <UNK>.")
        vocab_file: str | None = param(None, help="A file with a token on each line, which replaces those of the data.")
        missing_value_strategy: Strategy = param("fill_with_const", help="What happens to a missing cell.")
        fill_value: str = param(UNKNOWN, help="The text in place of a missing cell, with fill_with_const.")

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class TargetConfig(Config):
        missing_value_strategy: Strategy = param("drop_row", help="What happens to a row whose target is missing.")

    facts_type = TextFacts
    suggested_learning_rate = 0.0001
    default_encoder = "parallel_cnn"

    def parse(self, column: pd.Series) -> Labels:
        return Labels.of(column, self.config.lowercase)

    def tally(self, cells: Labels) -> TokenTally:
        present = cells.counts()
        texts = [word for word, count in zip(cells.words, present, strict=True) if count]
        times = present[present > 0]
        places, tokens, lengths = self._tokens(texts)
        counts = np.bincount(places, weights=np.repeat(times, lengths), minlength=len(tokens)).astype(np.int64)
        named = {token: count for token, count in zip(tokens, counts.tolist(), strict=True) if token != END}
        wanted = Counter(dict(zip(texts, times.tolist(), strict=True)))
        return TokenTally(Counter(named), wanted, int(lengths.max()) if len(lengths) else 0)

    def finish(self, tally: TokenTally) -> TextFacts:
        self.refuse_all_missing(len(tally.texts))
        if self.config.vocab_file is not None:
            words, counts = self._from_file(Path(self.config.vocab_file), tally.tokens)
        else:
            known = Vocabulary.of(tally.tokens, with_unknown=True, most_common=self.config.most_common)
            words, counts = known.words[1:], known.counts
        strategy = self.config.missing_value_strategy
        fill = self.config.fill_value if strategy == "fill_with_const" else most_frequent(tally.texts)
        vocabulary = Vocabulary((PADDING, UNKNOWN, *words), (0, *counts))
        return TextFacts(vocabulary, max(tally.longest, 1), fill)

    def _from_file(self, path: Path, seen: Counter[str]) -> tuple[tuple[str, ...], tuple[int, ...]]:
        if not path.is_file():
            raise ConfigValidationError(f"The {self.where}: preprocessing.vocab_file names '{path}', which is no file.")
        words = dict.fromkeys(line for line in path.read_text(encoding="utf-8").splitlines() if line)
        kept = tuple(word for word in words if word not in (PADDING, UNKNOWN))
        counts = [seen[word] for word in kept]
        return kept, (sum(seen.values()) - sum(counts), *counts)

    def _tokens(self, texts: list[str]) -> tuple[NDArray[np.int64], NDArray[np.object_], NDArray[np.int64]]:
        """The tokens of the texts, each text cut to the longest that is read."""
        places, tokens, lengths = tokenize(texts, self.config.tokenizer)
        most = self.config.max_sequence_length
        if most is not None and len(lengths) and lengths.max() > most:
            begins = np.cumsum(lengths) - lengths
            within = np.arange(len(places)) - np.repeat(begins, lengths)
            places, lengths = places[within < most], np.minimum(lengths, most)
        return places, tokens, lengths

    def encode(self, cells: Labels, facts: TextFacts) -> Encoded:
        cells, missing, dropped = settled(cells, self.config.missing_value_strategy)
        if missing.any():
            cells = cells.filled(missing, facts.fill)
        distinct = self._encoded(cells.words.tolist(), facts.vocabulary)  # [U]
        return Encoded(distinct.rows(torch.from_numpy(cells.codes.astype(np.int64))), dropped)

    def _encoded(self, texts: list[str], vocabulary: Vocabulary) -> Ragged:
        """Each distinct text once; the text <UNK> is one unknown token, however texts are cut."""
        places, tokens, lengths = self._tokens(["\x00" if text == UNKNOWN else text for text in texts])
        table = np.array([vocabulary.ids.get(token, vocabulary.unknown_id) for token in tokens], vocabulary.dtype)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return Ragged(torch.from_numpy(table[places]), torch.from_numpy(offsets))
