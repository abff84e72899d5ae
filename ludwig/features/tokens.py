"""Columns of tokens, of a vocabulary that is fitted on the training split or of a pretrained tokenizer's.

N = rows, U = distinct texts, S = tokens of the longest generated text
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from ludwig.columns.ragged import Ragged
from ludwig.error import ConfigValidationError
from ludwig.features.base import UNKNOWN, Encoded, Facts, Feature, Tally
from ludwig.features.cells import Flags, Labels
from ludwig.features.conversations import without_conversations
from ludwig.features.labels import Vocabulary, fill_word, most_frequent
from ludwig.features.missing import settled
from ludwig.features.ngrams import Documents, Lengths, Ngram, document_counts
from ludwig.features.token_lists import without_lists
from ludwig.features.tokenizer_base import END, OF_ANSWERS, OF_PROMPTS, TOKENIZERS, Tokenizer, Tokens, Use
from ludwig.schema import Named, param

Strategy = Literal["fill_with_const", "fill_with_mode", "bfill", "ffill", "drop_row"]

ENCODER_OF_STEPS = {"type": "rnn", "cell_type": "lstm", "bidirectional": True, "reduce_output": None}

PADDING = "<PAD>"
PADDING_ID, UNKNOWN_ID = 0, 1
TOKENIZER_ASSET = "tokenizer"  # the name of a pretrained tokenizer's files in a saved model, where all texts share it


def own_asset(source: str) -> str:
    """The name of these files where texts have tokenizers of their own: one for each source."""
    return f"{TOKENIZER_ASSET}_{hashlib.sha256(source.encode()).hexdigest()[:8]}"


class TokenTally(Tally):
    """How often each token and each text occurs, the longest text, and where that is asked for in how many texts each
    n-gram occurs."""

    def __init__(self, tokens: Counter[str], texts: Counter[str], longest: int, documents: Counter[Ngram]) -> None:
        self.tokens, self.texts, self.longest, self.documents = tokens, texts, longest, documents

    def merge(self, other: Self) -> Self:
        longest, documents = max(self.longest, other.longest), self.documents + other.documents
        return type(self)(self.tokens + other.tokens, self.texts + other.texts, longest, documents)


@dataclasses.dataclass(frozen=True)
class TokenFacts(Facts):
    """The fitted state of a text column. Id 0 is padding, id 1 an unknown token; a pretrained tokenizer has its own."""

    vocabulary: Vocabulary  # empty with a pretrained tokenizer
    longest: int  # tokens of the longest text, as far as texts are read
    fill: str  # in place of a missing cell
    pretrained_ids: int = 0  # how many ids a pretrained tokenizer has
    end: int = 0  # the id behind the last token of a sequence that is to be generated; -1 where there is none
    documents: Documents = Documents()  # of n-grams, where an encoder asks for them

    @property
    def ids(self) -> int:
        """How many ids tokens may have."""
        return self.pretrained_ids or len(self.vocabulary)

    def to_json(self) -> dict[str, Any]:
        special = {"padding_idx": 0, "max_sequence_length": self.longest, "vocab_size": self.ids}
        counted = {"documents": self.documents.to_json()} if self.documents.count else {}
        return {**self.vocabulary.to_json(), **special, "fill": self.fill, "end_idx": self.end, **counted}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        vocabulary = Vocabulary.from_json(raw)
        pretrained = 0 if len(vocabulary) else raw["vocab_size"]
        documents = Documents.from_json(raw["documents"]) if "documents" in raw else Documents()
        longest, end = raw["max_sequence_length"], raw.get("end_idx", 0)
        return cls(vocabulary, longest, raw["fill"], pretrained, end, documents)


class TokenFeature(Feature[Labels, TokenTally, TokenFacts]):
    """A column of texts that are split into tokens. Each distinct text is tokenized once; a batch is padded, [B, T]."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Feature.Config):
        tokenizer: Annotated[str, Named(TOKENIZERS)] = param(
            "space_punct", help="Tokenizer, which splits a text into tokens."
        )
        pretrained_model_name_or_path: str | None = param(
            None, help="Pretrained model whose tokenizer hf_tokenizer uses: a local folder or a Hugging Face Hub id."
        )
        lowercase: bool = param(False, help="Whether texts are lowercased before tokenization.")
        ngram_size: int = param(2, min=1, help="Size of the n-grams of the tokenizer ngram, in words.")
        max_sequence_length: int | None = param(
            256, min=1, help="Maximum sequence length in tokens; longer texts are truncated. Null for no limit."
        )
        sequence_length: int | None = param(
            None,
            min=1,
            help="Sequence length in tokens that the network is built for: longer texts are truncated; null takes that "
            "of the longest text of the training split.",
        )
        most_common: int = param(
            20000, min=1, help="Maximum vocabulary size: the most frequent tokens are kept, the others are unknown."
        )
        padding_symbol: str = param(
            PADDING, help="Padding token of the vocabulary, with id 0; a pretrained tokenizer has its own."
        )
        unknown_symbol: str = param(
            UNKNOWN,
            help="Unknown token of the vocabulary, with id 1, in place of tokens that it lacks; a pretrained tokenizer "
            "has its own.",
        )
        vocab_file: str | None = param(
            None,
            help="Vocabulary file with one token a line, which replaces the vocabulary of the training split; null "
            "for none.",
        )
        missing_value_strategy: Strategy = param(
            "fill_with_const",
            help="Strategy for missing values (imputation), such as fill_with_const, bfill or drop_row.",
        )
        fill_value: str = param(UNKNOWN, help="Fill value of missing cells, with fill_with_const.")

        use: Use = param("sequence", internal=True, help="How a model uses the text.")
        context: int | None = param(
            None, internal=True, help="Context length: maximum number of tokens of all texts of the model together."
        )
        trust_remote_code: bool = param(
            False, internal=True, help="Whether Python code that comes with the tokenizer may run."
        )
        counted_ngrams: Lengths | None = param(
            None, internal=True, help="Lengths of the n-grams whose document frequencies an encoder needs."
        )

        @property
        def text_of_missing(self) -> str | None:
            return None if self.missing_value_strategy == "drop_row" else self.fill_value

        @property
        def limit(self) -> int | None:
            """How many tokens of a text are read at most."""
            return self.sequence_length or self.max_sequence_length

        @property
        def lists_words(self) -> bool:
            return not TOKENIZERS.get(self.tokenizer).has_vocabulary

        @property
        def source(self) -> str | None:
            """The pretrained model whose tokenizer is used: that which is named, else the usual one."""
            return self.pretrained_model_name_or_path or TOKENIZERS.get(self.tokenizer).usual_source

        def faults(self) -> list[tuple[str, str]]:
            tokenizer = TOKENIZERS.get(self.tokenizer)
            if tokenizer.needs_source and self.source is None:
                text = f"The tokenizer '{self.tokenizer}' needs the folder or the hub id of its model."
                return [("pretrained_model_name_or_path", text)]
            if tokenizer.has_vocabulary and self.vocab_file is not None:
                text = f"Has no effect: the tokenizer '{self.tokenizer}' has a vocabulary of its own. Save it as a "
                text += "folder that transformers reads, and name that in pretrained_model_name_or_path."
                return [("vocab_file", text)]
            if self.padding_symbol == self.unknown_symbol:
                text = f"Must differ from padding_symbol. Received for both: {self.unknown_symbol!r}."
                return [("unknown_symbol", text)]
            return []

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class TargetConfig(Config):
        missing_value_strategy: Strategy = param(
            "drop_row", help="Strategy for missing targets; drop_row leaves such rows out of training and evaluation."
        )

    facts_type = TokenFacts

    @functools.cached_property
    def tokenizer(self) -> Tokenizer:
        source = self.config.source
        place = "" if source is None else self.find(own_asset(source), self.find(TOKENIZER_ASSET, source))
        tokenizer = TOKENIZERS.get(self.config.tokenizer).of(place, self.config.trust_remote_code)
        return tokenizer.of_size(self.config.ngram_size)

    def assets(self) -> dict[str, Callable[[Path], None]]:
        source = self.config.source
        return {} if source is None or not self.tokenizer.needs_source else {own_asset(source): self.tokenizer.save}

    def files(self) -> list[Path]:
        named = (self.config.vocab_file, self.config.pretrained_model_name_or_path)
        return [Path(name) for name in named if name is not None and Path(name).exists()]

    @property
    def most(self) -> int | None:
        """How many tokens of a text are read; an answer leaves room for one token of its prompt."""
        own, takes = self.config.limit, self.tokenizer.longest
        if takes is None:
            return None if own is None else int(own)
        together = min(self.config.context or takes, takes)
        return int(max(min(own or together, together - (self.config.use in OF_ANSWERS)), 1))

    def parse(self, column: pd.Series) -> Labels:
        if self.config.use in OF_PROMPTS:
            column = without_conversations(column, self.where)
        return Labels.of(without_lists(column, self.tokenizer, self.where), self.config.lowercase)

    def tally(self, cells: Labels) -> TokenTally:
        present = cells.counts()
        texts = [word for word, count in zip(cells.words, present, strict=True) if count]
        times = present[present > 0]
        tokens = self._tokens(texts)
        wanted = Counter(dict(zip(texts, times.tolist(), strict=True)))
        lengths = self.config.counted_ngrams
        documents = Counter[Ngram]() if lengths is None else document_counts(tokens, times, lengths)
        return TokenTally(_counts(tokens, times), wanted, int(tokens.lengths.max(initial=0)), documents)

    def finish(self, tally: TokenTally) -> TokenFacts:
        self.refuse_all_missing(len(tally.texts))
        strategy = self.config.missing_value_strategy
        constant = self._fill_word()
        fill = constant if strategy == "fill_with_const" else most_frequent(tally.texts)
        vocabulary = self._vocabulary(tally.tokens)
        documents = self._documents(tally, vocabulary)
        fixed = None if self.config.sequence_length is None else self.most
        longest = (fixed or max(tally.longest, 1)) + self.appends_end
        return TokenFacts(vocabulary, longest, fill, self.tokenizer.size, self._end, documents)

    def _fill_word(self) -> str:
        """What fills missing cells; the unknown token stays as it is written."""
        word = self.config.fill_value
        return str(word) if word in self._unknown_words else fill_word(word, self.config.lowercase)

    @functools.cached_property
    def _unknown_words(self) -> frozenset[str]:
        """The words that stand for an unknown token: a missing cell is read as <UNK>, whatever the vocabulary has."""
        return frozenset({UNKNOWN, self.config.unknown_symbol})

    @property
    def _reserved(self) -> frozenset[str]:
        """The words that are no tokens of their own where texts have them."""
        return self._unknown_words | {self.config.padding_symbol}

    @property
    def appends_end(self) -> bool:
        """Whether the id of padding stands behind each sequence; a pretrained tokenizer has a token for its end."""
        return self.config.use in OF_ANSWERS and not self.tokenizer.has_vocabulary

    @property
    def _end(self) -> int:
        return -1 if self.tokenizer.end_id is None else self.tokenizer.end_id

    def _documents(self, tally: TokenTally, vocabulary: Vocabulary) -> Documents:
        if self.config.counted_ngrams is None:
            return Documents()
        ids = {word: place for word, place in vocabulary.ids.items() if place > UNKNOWN_ID}
        has_own = self.tokenizer.has_vocabulary
        return Documents.of(
            sum(tally.texts.values()), tally.documents, None if has_own else ids, self.config.most_common
        )

    def _vocabulary(self, tokens: Counter[str]) -> Vocabulary:
        if self.tokenizer.has_vocabulary:
            return Vocabulary((), ())
        if self.config.vocab_file is not None:
            words, counts = self._from_file(Path(self.config.vocab_file), tokens)
        else:
            seen = _unreserved(tokens, self._reserved)
            known = Vocabulary.of(seen, with_unknown=True, most_common=self.config.most_common)
            words, counts = known.words[1:], known.counts
        return Vocabulary((self.config.padding_symbol, self.config.unknown_symbol, *words), (0, *counts))

    def _from_file(self, path: Path, seen: Counter[str]) -> tuple[tuple[str, ...], tuple[int, ...]]:
        if not path.is_file():
            raise ConfigValidationError(
                f"The {self.where}: preprocessing.vocab_file names '{path}', which is not a file."
            )
        words = dict.fromkeys(line for line in path.read_text(encoding="utf-8").splitlines() if line)
        kept = tuple(word for word in words if word not in self._reserved)
        counts = [seen[word] for word in kept]
        return kept, (sum(seen.values()) - sum(counts), *counts)

    def facts_of_config(self) -> TokenFacts:
        if self.tokenizer.has_vocabulary:
            return TokenFacts(Vocabulary((), ()), 1, self.config.fill_value, self.tokenizer.size, self._end)
        return super().facts_of_config()

    def _tokens(self, texts: list[str]) -> Tokens:
        """The tokens of the texts: the first that are read, of a prompt the last, where the question stands."""
        return self.tokenizer.shortened(self.tokenizer.tokens(texts, self.config.use), self.most, self.config.use)

    def encode(self, cells: Labels, facts: TokenFacts) -> Encoded:
        cells, missing, dropped = settled(cells, self.config.missing_value_strategy)
        if missing.any():
            cells = cells.filled(missing, facts.fill)
        distinct = self._encoded(cells.words.tolist(), facts.vocabulary)  # [U]
        unknown = self._without_known_token(distinct)
        column = distinct.rows(torch.from_numpy(cells.codes.astype(np.int64)))
        return Encoded(column, dropped, unknown[cells.codes] if unknown.any() else None)

    def _without_known_token(self, texts: Ragged) -> Flags:
        """Which texts have tokens, and only unknown ones: [U]."""
        lengths = texts.lengths.numpy()
        if self.tokenizer.has_vocabulary:
            return np.zeros(len(lengths), dtype=bool)
        known = texts.values.numpy() != UNKNOWN_ID
        counts = np.bincount(np.repeat(np.arange(len(lengths)), lengths)[known], minlength=len(lengths))
        return np.asarray((counts == 0) & (lengths > 0))

    def _encoded(self, texts: list[str], vocabulary: Vocabulary) -> Ragged:
        """Each distinct text once."""
        if self.tokenizer.has_vocabulary:
            tokens = self._tokens(texts)
            values: NDArray[np.integer[Any]] = tokens.places.astype(np.int32)
            lengths = tokens.lengths
        else:
            values, lengths = self._ids_of(texts, vocabulary)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        if self.appends_end:
            values, offsets = np.insert(values, offsets[1:], PADDING_ID), offsets + np.arange(len(offsets))
        return Ragged(torch.from_numpy(values), torch.from_numpy(offsets))

    def _ids_of(self, texts: list[str], vocabulary: Vocabulary) -> tuple[NDArray[np.integer[Any]], NDArray[np.int64]]:
        """Ids end to end, and how many each text has; one that is the unknown token has one, however texts are cut."""
        is_unknown = np.fromiter((text in self._unknown_words for text in texts), bool, len(texts))
        tokens = self._tokens(["" if odd else text for text, odd in zip(texts, is_unknown, strict=True)])
        known = {**vocabulary.ids, **dict.fromkeys(self._reserved, UNKNOWN_ID)}  # no text is padded by its words
        ids = np.array([known.get(word, UNKNOWN_ID) for word in tokens.words], vocabulary.dtype)[tokens.places]
        ids = np.insert(ids, (tokens.lengths.cumsum() - tokens.lengths)[is_unknown], UNKNOWN_ID)
        return ids, tokens.lengths + is_unknown

    def decode(self, predicted: Mapping[str, NDArray[Any]], facts: TokenFacts) -> dict[str, Any]:
        """Predicted tokens, how probable each is, and how probable all are together. Ids below zero are padding."""
        ids, shares = predicted["predictions"], predicted["probabilities"]  # [N, S]
        words, are_tokens = facts.vocabulary.words, self.are_tokens(ids)
        rows = [row[kept].tolist() for row, kept in zip(ids, are_tokens, strict=True)]
        return {
            "predictions": objects_of([self.tokenizer.words(row, words) for row in rows]),
            "probabilities": objects_of([row[kept].tolist() for row, kept in zip(shares, are_tokens, strict=True)]),
            "probability": np.where(ids < 0, 1.0, shares.astype(np.float64)).prod(axis=1),
        }

    def token_names(self, ids: NDArray[Any], facts: TokenFacts) -> list[str]:
        """Special tokens of a pretrained tokenizer are empty."""
        distinct, places = np.unique(ids, return_inverse=True)
        named = ["".join(self.tokenizer.words([place], facts.vocabulary.words)) for place in distinct.tolist()]
        return [named[place] for place in places.tolist()]

    def are_tokens(self, ids: NDArray[Any]) -> Flags:
        """Which ids stand for text, and are neither special nor padding: [N, S]."""
        return np.asarray(~np.isin(ids, list(self.tokenizer.special_ids)) & (ids >= 0))


def _unreserved(tokens: Counter[str], reserved: frozenset[str]) -> Counter[str]:
    """With reserved words counted as unknown, where texts have them."""
    return Counter({**tokens, **dict.fromkeys(reserved, 0), UNKNOWN: sum(tokens[word] for word in reserved)})


def _counts(tokens: Tokens, times: NDArray[np.int64]) -> Counter[str]:
    """How often each word occurs in texts that occur so many times: [U]."""
    weights = np.repeat(times, tokens.lengths)
    counts = np.bincount(tokens.places, weights=weights, minlength=len(tokens.words)).astype(np.int64)
    named = zip(tokens.words, counts.tolist(), strict=False)  # without words of its own a tokenizer counts none
    return Counter({word: count for word, count in named if word != END})


def objects_of(values: Sequence[Any]) -> NDArray[np.object_]:
    """An array of N objects, also where all are lists of one length."""
    array = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        array[place] = value
    return array
