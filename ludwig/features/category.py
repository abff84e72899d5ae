"""Categories: one word of a list per row.

N = rows
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ludwig.columns.dense import Dense
from ludwig.error import InputDataError
from ludwig.features.base import FEATURES, UNKNOWN, Encoded, Facts, Feature
from ludwig.features.cells import Labels
from ludwig.features.labels import Vocabulary, WordTally, as_tensor, fill_word
from ludwig.features.missing import settled
from ludwig.schema import param

Strategy = Literal["fill_with_const", "fill_with_mode", "bfill", "ffill", "drop_row"]

ROWS_A_COUNT = 100  # where min_count is automatic: of a small table fewer words are rare
MOST_AUTO_COUNT = 5


@dataclasses.dataclass(frozen=True)
class CategoryFacts(Facts):
    """Fitted preprocessing state of a category column."""

    vocabulary: Vocabulary
    fill: str  # in place of a missing cell

    def to_json(self) -> dict[str, Any]:
        return {**self.vocabulary.to_json(), "fill": self.fill}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        return cls(Vocabulary.from_json(raw), raw["fill"])


@FEATURES.register("category")
class CategoryFeature(Feature[Labels, WordTally, CategoryFacts]):
    """Category feature: a column of labels, mapped to the ids of a vocabulary. An input reserves id 0 for unknown
    labels.

    Use it for labels, codes and ids, as input and for classification. A batch is [B].

    ```yaml
    name: city
    type: category
    preprocessing:
      most_common: 1000
      min_count: 10
      lowercase: true
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Feature.Config):
        missing_value_strategy: Strategy = param(
            "fill_with_const",
            help="Strategy for missing values (imputation), such as fill_with_const, bfill or drop_row.",
        )
        fill_value: str = param(UNKNOWN, help="Fill value of missing cells, with fill_with_const.")
        lowercase: bool = param(False, help="Whether values are lowercased before the vocabulary is built.")
        min_count: int | None = param(
            None,
            min=1,
            help="Minimum frequency: values that occur less often in the training split become <UNK>, as unseen ones "
            "do; null for one a hundred rows, at most 5.",
        )
        most_common: int | None = param(
            10000,
            min=1,
            help="Maximum vocabulary size: the most frequent values are kept, the others become <UNK>; null keeps all.",
        )

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class TargetConfig(Config):
        min_count: int = param(
            1, min=1, help="Minimum frequency: classes that occur less often in the training split become <UNK>."
        )
        missing_value_strategy: Strategy = param(
            "drop_row", help="Strategy for missing targets; drop_row leaves such rows out of training and evaluation."
        )

    kind = "category"
    facts_type = CategoryFacts
    default_encoder = "dense"
    has_classes = True
    may_hold_times = True

    def parse(self, column: pd.Series) -> Labels:
        return Labels.of(column, self.config.lowercase)

    def tally(self, cells: Labels) -> WordTally:
        return WordTally.of(cells)

    def finish(self, tally: WordTally) -> CategoryFacts:
        self.refuse_all_missing(len(tally.counts))
        strategy = self.config.missing_value_strategy
        constant = fill_word(self.config.fill_value, self.config.lowercase)
        fill = constant if strategy == "fill_with_const" else tally.mode()
        counts = Counter(tally.counts)
        if tally.missing and strategy != "drop_row":
            counts[fill] += tally.missing
        least, most = self._least_count(counts.total()), self.config.most_common
        vocabulary = Vocabulary.of(counts, with_unknown=not self.target, most_common=most, min_count=least)
        if self.target and len(vocabulary) < 2:
            raise InputDataError(
                f"The {self.where} has one class only in the training split ({vocabulary.words[0]!r}), so there is "
                "nothing to learn. Name another column, or give rows of other classes."
            )
        return CategoryFacts(vocabulary, fill)

    def _least_count(self, rows: int) -> int:
        """How often a word must occur to be kept."""
        least = self.config.min_count
        return min(max(rows // ROWS_A_COUNT, 1), MOST_AUTO_COUNT) if least is None else least

    def encode(self, cells: Labels, facts: CategoryFacts) -> Encoded:
        cells, missing, dropped = settled(cells, self.config.missing_value_strategy)
        if dropped is None and missing.any():
            cells = cells.filled(missing, facts.fill)
        ids = facts.vocabulary.encode(cells)
        has_id = self.target and facts.vocabulary.unknown_id >= 0  # then rare classes are one class
        return Encoded(Dense(as_tensor(ids)), dropped, None if has_id else facts.vocabulary.unseen(cells))

    def decode(self, predicted: Mapping[str, NDArray[Any]], facts: CategoryFacts) -> dict[str, Any]:
        words = np.array(facts.vocabulary.words, dtype=object)
        probabilities = predicted["probabilities"]
        ids = predicted["predictions"]
        return {
            "predictions": words[ids],
            "probabilities": probabilities,
            "probability": np.take_along_axis(probabilities, ids[:, None].astype(np.int64), axis=1)[:, 0],
            **{f"probabilities_{word}": probabilities[:, place] for place, word in enumerate(words)},
        }
