"""What sets and bags share: columns of tokens whose order does not matter.

N = rows, U = distinct tokens, M = tokens of all rows, each once a row, V = ids of the vocabulary
"""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ludwig.error import InputDataError
from ludwig.features.base import UNKNOWN, Facts, Feature, Tally
from ludwig.features.cells import Flags
from ludwig.features.labels import Vocabulary, fill_word
from ludwig.features.member_cells import Members, members_of
from ludwig.features.tokenizer_base import TOKENIZERS, Tokenizer
from ludwig.schema import Named, param

Strategy = Literal["fill_with_const", "fill_with_mode", "bfill", "ffill", "drop_row"]

Row = tuple[str, ...]  # the tokens of a row in the order of their code points


@dataclasses.dataclass(frozen=True)
class MemberFacts(Facts):
    """Fitted preprocessing state of a set or bag column."""

    vocabulary: Vocabulary
    largest: int  # how many different tokens the fullest row has
    mean_size: float  # how many tokens a row has on average, repeated ones included
    fill: Row  # in place of a missing cell

    def to_json(self) -> dict[str, Any]:
        sizes = {"max_set_size": self.largest, "mean_size": self.mean_size}
        return {**self.vocabulary.to_json(), **sizes, "fill": list(self.fill)}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        return cls(Vocabulary.from_json(raw), raw["max_set_size"], raw["mean_size"], tuple(raw["fill"]))


@dataclasses.dataclass(frozen=True)
class MemberTally(Tally):
    """How often each token occurs, how full the rows are, and how often each row occurs where the mode is asked for."""

    tokens: Counter[str]
    cells: Counter[Row]
    present: int = 0
    missing: int = 0
    size: int = 0  # of all rows together
    largest: int = 0

    def merge(self, other: Self) -> Self:
        return type(self)(
            self.tokens + other.tokens,
            self.cells + other.cells,
            self.present + other.present,
            self.missing + other.missing,
            self.size + other.size,
            max(self.largest, other.largest),
        )


class MemberFeature(Feature[Members, MemberTally, MemberFacts]):
    """A column of tokens whose order does not matter, written as text or held as lists, sets or arrays."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Feature.Config):
        tokenizer: Annotated[str, Named(TOKENIZERS)] = param(
            "space", help="Tokenizer, which splits a text into tokens; the entries of a list are tokens as they are."
        )
        lowercase: bool = param(False, help="Whether tokens are lowercased before the vocabulary is built.")
        most_common: int | None = param(
            10000,
            min=1,
            help="Maximum vocabulary size: the most frequent tokens are kept, the others become <UNK>; null keeps all.",
        )
        missing_value_strategy: Strategy = param(
            "fill_with_const",
            help="Strategy for missing values (imputation), such as fill_with_const, bfill or drop_row.",
        )
        fill_value: str = param(UNKNOWN, help="Fill value of missing cells, with fill_with_const: tokens as a text.")

        def faults(self) -> list[tuple[str, str]]:
            if not TOKENIZERS.get(self.tokenizer).has_vocabulary:
                return []
            text = f"The tokenizer '{self.tokenizer}' has a vocabulary of its own, and is for text features."
            return [("tokenizer", f"{text} Choose another one, such as space or comma.")]

    facts_type = MemberFacts
    default_encoder = "embed"

    @functools.cached_property
    def tokenizer(self) -> Tokenizer:
        return TOKENIZERS.get(self.config.tokenizer)()

    def parse(self, column: pd.Series) -> Members:
        return members_of(column, self.tokenizer, self.config.lowercase)

    def tally(self, cells: Members) -> MemberTally:
        counts = np.bincount(cells.codes, self.counted(cells), minlength=len(cells.words)).astype(np.int64)
        named = zip(cells.words, counts.tolist(), strict=True)
        sizes, present = np.diff(cells.offsets), ~cells.gone
        return MemberTally(
            Counter({word: count for word, count in named if count}),
            self._whole_rows(cells),
            int(present.sum()),
            int(cells.gone.sum()),
            int(self.counted(cells).sum()),
            int(sizes.max(initial=0)),
        )

    def counted(self, cells: Members) -> NDArray[np.int64]:
        """How often each token of a row counts: [M]."""
        return np.ones_like(cells.counts)

    def _whole_rows(self, cells: Members) -> Counter[Row]:
        """How often each combination of tokens occurs, where its mode may be asked for."""
        if self.config.missing_value_strategy in ("fill_with_const", "drop_row"):
            return Counter()
        tokens = np.repeat(cells.words[cells.codes], self.counted(cells))
        ends = np.concatenate([[0], np.cumsum(self.counted(cells))])[cells.offsets]
        rows = (tuple(sorted(part)) for part in np.split(tokens, ends[1:-1]))
        return Counter(row for row, gone in zip(rows, cells.gone, strict=False) if not gone)

    def finish(self, tally: MemberTally) -> MemberFacts:
        self.refuse_all_missing(tally.present)
        fill, counts = self._fill(tally.cells), Counter(tally.tokens)
        if self.config.missing_value_strategy != "drop_row":
            counts.update({token: times * tally.missing for token, times in Counter(fill).items()})
        vocabulary = self.vocabulary_of(counts)
        if self.target and not len(vocabulary):
            raise InputDataError(
                f"The {self.where} has no label in the training split: every set is empty. Name another column, or "
                "give rows with labels."
            )
        return MemberFacts(vocabulary, max(tally.largest, 1), tally.size / max(tally.present, 1), fill)

    def vocabulary_of(self, counts: Counter[str]) -> Vocabulary:
        """The ids of tokens; those of a target are its labels, of which a rare one is none."""
        found = Vocabulary.of(counts, with_unknown=not self.target, most_common=self.config.most_common)
        if not self.target or found.unknown_id < 0:
            return found
        return Vocabulary(found.words[1:], found.counts[1:])

    def _fill(self, rows: Counter[Row]) -> Row:
        if self.config.missing_value_strategy == "fill_with_const":
            word = fill_word(self.config.fill_value, self.config.lowercase)
            tokens = self.tokenizer.tokens([word])
            return (UNKNOWN,) if word == UNKNOWN else tuple(sorted(tokens.words[tokens.places]))
        return min(rows, key=lambda row: (-rows[row], row), default=(UNKNOWN,))  # the mode; of several the first

    def filled(self, cells: Members, missing: Flags, facts: MemberFacts) -> Members:
        """With the fill in place of the missing cells."""
        if not missing.any():
            return cells
        fill = pd.Series([[*facts.fill]], dtype=object)
        one = members_of(fill, self.tokenizer, lowercase=False)
        rows = np.flatnonzero(missing)
        return Members.gathered(
            np.concatenate([cells.rows, np.repeat(rows, len(one.codes))]),
            np.concatenate([cells.codes, np.tile(one.codes + len(cells.words), len(rows))]),
            np.concatenate([cells.counts, np.tile(one.counts, len(rows))]),
            np.concatenate([cells.words, one.words]),
            cells.gone,
        )

    def by_id(self, cells: Members, vocabulary: Vocabulary) -> Members:
        """With the ids of the vocabulary as codes: those that it does not list are unknown, or left out."""
        places = [vocabulary.find(word) for word in cells.words]
        unknown = vocabulary.unknown_id
        ids = np.array([unknown if place is None else place for place in places], np.int64)[cells.codes]  # [M]
        listed = ids >= 0
        words = np.array(vocabulary.words, dtype=object)
        return Members.gathered(cells.rows[listed], ids[listed], cells.counts[listed], words, cells.gone)

    def unknown(self, cells: Members, vocabulary: Vocabulary) -> Flags | None:
        """Which cells, with ids as codes, have tokens, and only unknown ones: [N]; None where there is none."""
        known = np.bincount(cells.rows, cells.codes != vocabulary.unknown_id, minlength=len(cells)) > 0
        flags = ~known & (np.diff(cells.offsets) > 0) & ~cells.gone
        return flags if flags.any() else None
