"""Yes or no.

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
from ludwig.features.base import FEATURES, Encoded, Facts, Feature, first_few
from ludwig.features.cells import Labels
from ludwig.features.invalid import InvalidOptions, allowed, refuse_if_many
from ludwig.features.labels import WordTally, as_tensor, by_frequency
from ludwig.features.missing import settled
from ludwig.features.spelling import value_of
from ludwig.runtime.console import logger_of
from ludwig.schema import param

logger = logger_of(__name__)

Strategy = Literal["fill_with_mode", "bfill", "ffill", "drop_row", "fill_with_false", "fill_with_true"]

TRUE_WORDS = frozenset({"yes", "y", "true", "t", "1", "1.0"})
FALSE_WORDS = frozenset({"no", "n", "false", "f", "0", "0.0", "-1", "-1.0"})


PLAIN = (("False", "True"), ("0", "1"))  # pairs whose predictions are booleans; others are predicted by their labels


def _truth(word: str) -> bool | None:
    """What a usual word means; None for any other."""
    word = word.strip().lower()
    return True if word in TRUE_WORDS else False if word in FALSE_WORDS else None


@dataclasses.dataclass(frozen=True)
class BinaryFacts(Facts):
    """Fitted preprocessing state of a binary column."""

    false_label: str
    true_label: str
    textual: bool  # predictions are the labels; else they are booleans
    fill: bool  # in place of a missing cell
    true_share: float  # of the training rows

    @property
    def labels(self) -> tuple[str, str]:
        """The names of the two classes in predictions and statistics."""
        return (self.false_label, self.true_label) if self.textual else ("False", "True")

    def to_json(self) -> dict[str, Any]:
        names = {"str2bool": {self.false_label: False, self.true_label: True}, "bool2str": list(self.labels)}
        return {**dataclasses.asdict(self), **names, "fallback_true_label": self.true_label}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        return cls(**{field.name: raw[field.name] for field in dataclasses.fields(cls)})


@FEATURES.register("binary")
class BinaryFeature(Feature[Labels, WordTally, BinaryFacts]):
    """Binary feature: a column of two values, of which one is true, by the usual words or by `fallback_true_label`.

    Use it for yes and no, true and false, or any two labels. A batch is [B].

    ```yaml
    name: churned
    type: binary
    preprocessing:
      fallback_true_label: left
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(InvalidOptions, Feature.Config):
        missing_value_strategy: Strategy = param(
            "fill_with_false",
            help="Strategy for missing values (imputation), such as fill_with_const, bfill or drop_row.",
        )
        fallback_true_label: str | None = param(
            None,
            help="Label of the positive class, where the two labels are not among the usual words such as yes and no.",
        )
        fill_value: int | float | str | None = param(
            None, help="Fill value of missing cells; where it is given, it overrides missing_value_strategy."
        )

        def faults(self) -> list[tuple[str, str]]:
            if self.fill_value is None or _truth(str(self.fill_value)) is not None:
                return []
            words = ", ".join(sorted(TRUE_WORDS | FALSE_WORDS))
            return [("fill_value", f"Must read as true or false: {words}. Received: {self.fill_value!r}.")]

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class TargetConfig(Config):
        missing_value_strategy: Strategy = param(
            "drop_row", help="Strategy for missing targets; drop_row leaves such rows out of training and evaluation."
        )

    kind = "binary"
    facts_type = BinaryFacts
    default_encoder = "passthrough"
    may_be_balanced = True
    has_classes = True
    is_textual = False

    def parse(self, column: pd.Series) -> Labels:
        return Labels.of(column)

    def tally(self, cells: Labels) -> WordTally:
        return WordTally.of(cells)

    def finish(self, tally: WordTally) -> BinaryFacts:
        self.refuse_all_missing(len(tally.counts))
        counts = self._of_two(tally.counts)
        words = sorted(counts)
        if len(words) == 1 and self.target:
            raise InputDataError(
                f"The {self.where} has one class only in the training split ({words[0]!r}), so there is nothing to "
                "learn. Name another column, or give rows of the other class."
            )
        false_label, true_label = self._sides(words)
        true_count, total = counts[true_label], sum(counts.values())
        return BinaryFacts(
            false_label=false_label,
            true_label=true_label,
            textual=(false_label, true_label) not in PLAIN,
            fill=self._fill(true_count, total),
            true_share=true_count / total if total else 0.0,
        )

    def _of_two(self, counts: Counter[str]) -> Counter[str]:
        """The labels without those of a few cells that are neither of the two that occur most."""
        odd = by_frequency(counts)[2:]
        cells = sum(counts[word] for word in odd)
        if cells > allowed(self.config.max_invalid_share, counts.total()):
            raise InputDataError(
                f"The {self.where} has {len(counts)} different values ({first_few(sorted(counts))}) where a binary "
                "has two. Declare it as category, or clean the column."
            )
        return Counter({word: count for word, count in counts.items() if word not in odd})

    def _sides(self, words: list[str]) -> tuple[str, str]:
        """(false label, true label): as in the config, else by the usual words, else by the alphabet."""
        if not words:
            return "False", "True"
        truths = {word: _truth(word) for word in words}
        wanted = self._wanted(words)
        if wanted is not None and None in truths.values():
            return self._beside(wanted, words, is_true=True)
        for word, truth in truths.items():
            if truth is not None and [*truths.values()].count(truth) == 1:
                return self._beside(word, words, is_true=truth)
        true_label = min(words)
        false_label, _ = sides = self._beside(true_label, words, is_true=True)
        logger.warning(
            "The %s has the values '%s' and '%s': the first in the alphabet is taken for true. "
            "Set preprocessing.fallback_true_label to choose.",
            self.where,
            true_label,
            false_label,
        )
        return sides

    def _wanted(self, words: list[str]) -> str | None:
        """The label that the config takes for true, as the column writes it."""
        wanted: str | None = self.config.fallback_true_label
        if wanted is None or wanted in words or value_of(wanted) is None:
            return wanted
        return next((word for word in words if value_of(word) == value_of(wanted)), wanted)

    def _beside(self, word: str, words: list[str], *, is_true: bool) -> tuple[str, str]:
        """The word and the other one, in the order (false, true)."""
        others = [other for other in words if other != word]
        if len(others) > 1:
            raise InputDataError(
                f"The {self.where} has the values {first_few(words)}, and preprocessing.fallback_true_label "
                f"is '{word}', which is neither."
            )
        other = others[0] if others else f"not {word}"
        return (other, word) if is_true else (word, other)

    def _fill(self, true_count: int, total: int) -> bool:
        if self.config.fill_value is not None:
            return bool(_truth(str(self.config.fill_value)))
        strategy = self.config.missing_value_strategy
        if strategy in ("fill_with_false", "fill_with_true"):
            return bool(strategy == "fill_with_true")
        return true_count * 2 > total  # the mode; also where a neighbour is asked for and there is none

    def encode(self, cells: Labels, facts: BinaryFacts) -> Encoded:
        cells, truths = self._readable(cells, facts)
        table = np.array(truths, np.uint8)
        dropped = None
        if self.config.fill_value is None:
            cells, _, dropped = settled(cells, self.config.missing_value_strategy)
        values = np.append(table, np.uint8(facts.fill))[cells.codes]
        return Encoded(Dense(as_tensor(values)), dropped)

    def _readable(self, cells: Labels, facts: BinaryFacts) -> tuple[Labels, list[bool]]:
        """The cells without those that are neither label, which are missing; and the side of each word: [U]."""
        truths = [self._value_of(word, facts) for word in cells.words]
        odd = np.array([truth is None for truth in truths], dtype=bool)  # [U]
        invalid = np.append(odd, False)[cells.codes]  # [N]
        if invalid.any():
            fault = f"that are neither '{facts.false_label}' nor '{facts.true_label}'"
            shown = cells.words[np.unique(cells.codes[invalid])].tolist()
            share = self.config.max_invalid_share
            refuse_if_many(int(invalid.sum()), len(cells), share, self.where, fault, shown)
            cells = Labels(np.where(invalid, np.int32(-1), cells.codes), cells.words)
        return cells, [bool(truth) for truth in truths]

    def _value_of(self, word: str, facts: BinaryFacts) -> bool | None:
        """The label's side. A value the training split did not have is known by the usual words; None for others."""
        if word in (facts.true_label, facts.false_label):
            return word == facts.true_label
        value = value_of(word)
        if value is not None and value in (value_of(facts.true_label), value_of(facts.false_label)):
            return value == value_of(facts.true_label)
        return _truth(word)

    def facts_of_config(self) -> BinaryFacts:
        return BinaryFacts("False", "True", textual=False, fill=False, true_share=0.5)

    def decode(self, predicted: Mapping[str, NDArray[Any]], facts: BinaryFacts) -> dict[str, Any]:
        answers, of_true = predicted["predictions"].astype(bool), predicted["probabilities"].astype(np.float32)
        both = np.stack([1 - of_true, of_true], axis=1)  # [N, 2]
        false_label, true_label = facts.labels
        return {
            "predictions": np.where(answers, true_label, false_label).astype(object) if facts.textual else answers,
            "probabilities": both,
            f"probabilities_{false_label}": both[:, 0],
            f"probabilities_{true_label}": both[:, 1],
            "probability": np.where(answers, both[:, 1], both[:, 0]),
        }
