"""Texts as a pretrained model reads and writes them: what it goes on from, and what it is to answer.

N = rows, U = distinct texts
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from ludwig.columns.ragged import Ragged
from ludwig.features.base import UNKNOWN, Encoded, Facts, Feature, Tally
from ludwig.features.cells import Labels
from ludwig.features.pretrained_tokenizer import PretrainedTokenizer, load_tokenizer
from ludwig.schema import param

Strategy = Literal["fill_with_const", "drop_row"]


@dataclasses.dataclass(frozen=True)
class LengthFacts(Facts):
    """What the training split taught about a column of texts. The vocabulary is the pretrained model's."""

    longest: int  # tokens

    def to_json(self) -> dict[str, Any]:
        return {"max_sequence_length": self.longest}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        return cls(raw["max_sequence_length"])


class LengthTally(Tally):
    """How many texts there are, and the tokens of the longest."""

    def __init__(self, present: int, longest: int) -> None:
        self.present, self.longest = present, longest

    def merge(self, other: Self) -> Self:
        return type(self)(self.present + other.present, max(self.longest, other.longest))


class PretrainedTextFeature(Feature[Labels, LengthTally, LengthFacts]):
    """A column of texts in the tokens of a pretrained model. Each distinct text is cut into tokens once."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Feature.Config):
        type: ClassVar[str] = "text"
        missing_value_strategy: Strategy = param("fill_with_const", help="What happens to a missing cell.")
        fill_value: str = param(UNKNOWN, help="The text in place of a missing cell, with fill_with_const.")
        lowercase: bool = param(False, help="Whether texts are lowercased.")
        max_sequence_length: int | None = param(None, min=1, help="How many tokens of a text are kept; null for all.")

        @property
        def text_of_missing(self) -> str | None:
            """The text in place of a missing cell; None where its row is given up."""
            return None if self.missing_value_strategy == "drop_row" else self.fill_value

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class TargetConfig(Config):
        missing_value_strategy: Strategy = param("drop_row", help="What happens to a row whose target is missing.")

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Settled(Config):
        """With all that tokens depend on, so that preprocessed data is found again by it."""

        base_model: str
        trust_remote_code: bool = False
        global_max_sequence_length: int | None = None
        prompt: dict[str, Any] | None = None

    beside: ClassVar[int] = 0  # tokens that must be left of what a model takes
    facts_type = LengthFacts
    default_encoder = "passthrough"

    def __init__(self, config: Settled, name: str, *, target: bool = False, folder: Path | None = None) -> None:
        super().__init__(config, name, target=target, folder=folder)

    @classmethod
    def settled(cls, config: Config, rest: Mapping[str, Any]) -> Settled:
        """The user's options with the rest that tokens depend on."""
        return cls.Settled(**{field.name: getattr(config, field.name) for field in dataclasses.fields(config)}, **rest)

    @property
    def tokenizer(self) -> PretrainedTokenizer:
        return load_tokenizer(self.config.base_model, self.config.trust_remote_code)

    @property
    def most(self) -> int:
        """How many tokens of a text are kept, with room for the other text that the model gets with it."""
        together = min(self.config.global_max_sequence_length or self.tokenizer.longest, self.tokenizer.longest)
        return max(min(self.config.max_sequence_length or together, together - self.beside), 1)

    @abstractmethod
    def ids(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """The token ids of each text: [U] rows."""

    def parse(self, column: pd.Series) -> Labels:
        return Labels.of(column, self.config.lowercase)

    def tally(self, cells: Labels) -> LengthTally:
        counts = cells.counts()
        texts = [word for word, count in zip(cells.words, counts, strict=True) if count]
        return LengthTally(int(counts.sum()), max((len(row) for row in self.ids(texts)), default=0))

    def finish(self, tally: LengthTally) -> LengthFacts:
        self.refuse_all_missing(tally.present)
        return LengthFacts(tally.longest)

    def facts_of_config(self) -> LengthFacts:
        return LengthFacts(0)

    def encode(self, cells: Labels, facts: LengthFacts) -> Encoded:
        missing, dropped = cells.missing(), None
        if missing.any():
            dropped = missing if self.config.text_of_missing is None else None
            cells = cells.filled(missing, self.config.fill_value)
        rows = self.ids(cells.words.tolist())
        offsets = np.cumsum([0, *(len(row) for row in rows)])
        values = np.concatenate(rows) if rows else np.empty(0, np.int32)
        distinct = Ragged(torch.from_numpy(values), torch.from_numpy(offsets.astype(np.int64)))  # [U]
        return Encoded(distinct.rows(torch.from_numpy(cells.codes.astype(np.int64))), dropped)


class PromptFeature(PretrainedTextFeature):
    """A text that the model goes on from. Of one that is too long the end is kept, where the question stands."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(PretrainedTextFeature.Config):
        pass

    def ids(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        return self.tokenizer.prompts(texts, self.most)


class AnswerFeature(PretrainedTextFeature):
    """A text that the model is to write, with the token that ends it; a prompt has one token at least."""

    beside = 1

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(PretrainedTextFeature.Config):
        pass

    def ids(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        return self.tokenizer.answers(texts, self.most)

    def decode(self, predicted: Mapping[str, NDArray[Any]], facts: LengthFacts) -> dict[str, Any]:
        """Tokens that were written, how probable each is and all together, and the text. Ids below zero are padding."""
        ids, shares = predicted["predictions"], predicted["probabilities"]
        special = np.isin(ids, list(self.tokenizer.special_ids)) | (ids < 0)
        written = [row[~hidden] for row, hidden in zip(ids, special, strict=True)]
        return {
            "predictions": _objects([self.tokenizer.tokens(row.tolist()) for row in written]),
            "probabilities": _objects([row[~hidden].tolist() for row, hidden in zip(shares, special, strict=True)]),
            "probability": np.where(ids < 0, 1.0, shares.astype(np.float64)).prod(axis=1),
            "response": _objects([self.tokenizer.text(row.tolist()) for row in written]),
        }


def _objects(values: Sequence[Any]) -> NDArray[np.object_]:
    """An array of N objects, also where all are lists of one length."""
    array = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        array[place] = value
    return array
