"""Probability distributions over classes.

N = rows, C = classes
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
from ludwig.error import ConfigValidationError
from ludwig.features.base import FEATURES, Encoded, Facts, Feature, Tally
from ludwig.features.cells import Numbers
from ludwig.features.invalid import InvalidOptions, refuse_many
from ludwig.features.labels import Vocabulary, as_tensor
from ludwig.features.missing import settled
from ludwig.features.number_lists import flat_lists
from ludwig.schema import param

Strategy = Literal["fill_with_const", "fill_with_mode", "bfill", "ffill", "drop_row"]


@dataclasses.dataclass(frozen=True)
class DistributionFacts(Facts):
    """Fitted preprocessing state of a column of distributions."""

    vocabulary: Vocabulary  # in the order of the config; counts: of how many rows each is the most probable class
    fill: tuple[float, ...]  # in place of a missing cell: [C]

    def to_json(self) -> dict[str, Any]:
        return {**self.vocabulary.to_json(), "fill": list(self.fill)}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        return cls(Vocabulary.from_json(raw), tuple(raw["fill"]))


class DistributionTally(Tally):
    """How often each class is the most probable one, and how often each distribution occurs."""

    def __init__(self, classes: Counter[int], cells: Counter[tuple[float, ...]]) -> None:
        self.classes, self.cells = classes, cells

    def merge(self, other: Self) -> Self:
        return type(self)(self.classes + other.classes, self.cells + other.cells)


@FEATURES.register("category_distribution")
class CategoryDistributionFeature(Feature[Numbers, DistributionTally, DistributionFacts]):
    """Category distribution feature: a column of probabilities of the classes of `vocab`, in its order, as lists or as
    text such as "0.2 0.8". Numbers that do not sum to 1, such as counts of votes, are divided by their sum.

    Use it as an output where several people labelled each row, or where the labels are another model's probabilities. A
    batch is [B, C].

    ```yaml
    name: votes
    type: category_distribution
    preprocessing:
      vocab: [cat, dog, bird]
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(InvalidOptions, Feature.Config):
        vocab: list[str] | None = param(
            None, help="Vocabulary: the classes in the order of the probabilities in a cell. It must be given."
        )
        missing_value_strategy: Strategy = param(
            "drop_row",
            help="Strategy for missing targets; drop_row leaves such rows out of training and evaluation, and "
            "fill_with_const makes all classes equally probable.",
        )

        def faults(self) -> list[tuple[str, str]]:
            words = self.vocab or []
            if len(words) < 2:
                return [("vocab", f"Must list the classes, two or more. Received: {self.vocab}.")]
            if len(set(words)) < len(words):
                return [("vocab", f"Must list each class once. Received: {words}.")]
            return []

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class TargetConfig(Config):
        pass

    kind = "category_distribution"
    facts_type = DistributionFacts

    @property
    def words(self) -> tuple[str, ...]:
        """The classes.

        Raises:
            ConfigValidationError: There are none.
        """
        if self.config.vocab is None:
            raise ConfigValidationError(f"The {self.where} needs preprocessing.vocab, the list of its classes.")
        return tuple(self.config.vocab)

    def parse(self, column: pd.Series) -> Numbers:
        size, share = len(self.words), self.config.max_invalid_share
        values, lengths = flat_lists(column, self.where, share)
        rows = np.full((len(column), size), np.nan)
        rows[lengths == size] = values[np.repeat(lengths == size, lengths)].reshape(-1, size)
        total = rows.sum(axis=1)
        odd = (lengths > 0) & ~((lengths == size) & (rows >= 0).all(axis=1) & (total > 0) & np.isfinite(total))
        fault = f"that are not distributions over the {size} classes of preprocessing.vocab"
        refuse_many(column, odd, share, self.where, fault, "")
        rows[odd] = np.nan
        return Numbers(rows / np.where(odd | (lengths == 0), 1.0, total)[:, None])

    def tally(self, cells: Numbers) -> DistributionTally:
        values = cells.values[~cells.missing()]
        whole: Counter[tuple[float, ...]] = Counter()
        if self.config.missing_value_strategy == "fill_with_mode":
            whole.update(map(tuple, (values + 0.0).tolist()))
        return DistributionTally(Counter(values.argmax(axis=1).tolist()), whole)

    def finish(self, tally: DistributionTally) -> DistributionFacts:
        self.refuse_all_missing(tally.classes.total())
        counts, cells = tuple(tally.classes[place] for place in range(len(self.words))), tally.cells
        uniform = (1 / len(self.words),) * len(self.words)
        fill = min(cells, key=lambda cell: (-cells[cell], cell), default=uniform)
        return DistributionFacts(Vocabulary(self.words, counts), fill)

    def encode(self, cells: Numbers, facts: DistributionFacts) -> Encoded:
        cells, missing, dropped = settled(cells, self.config.missing_value_strategy)
        values = np.where(missing[:, None], np.array(facts.fill), cells.values).astype(np.float32)
        return Encoded(Dense(as_tensor(values)), dropped)

    def decode(self, predicted: Mapping[str, NDArray[Any]], facts: DistributionFacts) -> dict[str, Any]:
        words = np.array(facts.vocabulary.words, dtype=object)
        probabilities, ids = predicted["probabilities"], predicted["predictions"].astype(np.int64)
        return {
            "predictions": words[ids],
            "probabilities": probabilities,
            "probability": np.take_along_axis(probabilities, ids[:, None], axis=1)[:, 0],
            **{f"probabilities_{word}": probabilities[:, place] for place, word in enumerate(words)},
        }
