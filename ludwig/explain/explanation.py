"""What an explanation consists of: how much each input adds to what is predicted, for a row and over all rows.

S = labels, or one number; F = input features, T = tokens of a text
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ludwig.error import ArgumentError, nearest

TokenAttribution = tuple[str, float]


@dataclasses.dataclass(frozen=True)
class FeatureAttribution:
    """What one input adds to the score of one label; tokens where its encoder keeps a step for each, else None."""

    feature_name: str
    attribution: float
    token_attributions: list[TokenAttribution] | None = None


@dataclasses.dataclass(frozen=True)
class LabelExplanation:
    """What each input adds to the score of one label, in the order of the config's inputs.

    The score is `expected_value` and all attributions added up.
    """

    label: str
    expected_value: float
    feature_attributions: list[FeatureAttribution]


@dataclasses.dataclass(frozen=True)
class Tokens:
    """The tokens of one text, and what each adds to the score of each label."""

    words: tuple[str, ...]  # [T]
    attributions: NDArray[np.float32]  # [S, T]


@dataclasses.dataclass(frozen=True)
class Explanation:
    """What each input adds to what is predicted for a row; of all rows, how much it adds on average, in size.

    `target` is the output, `labels` are its classes, or the output itself where that is a number.
    """

    target: str
    labels: tuple[str, ...]  # [S]
    feature_names: tuple[str, ...]  # [F]
    attributions: NDArray[np.float32]  # [S, F]
    expected_values: NDArray[np.float64]  # [S]
    tokens: Mapping[str, Tokens] = dataclasses.field(default_factory=dict)  # by input

    def to_array(self) -> NDArray[np.float32]:
        """The attributions, float32: [labels, input features]."""
        return self.attributions

    @property
    def label_explanations(self) -> list[LabelExplanation]:
        """The same label by label; of a binary output false comes first, and is true with the other sign."""
        return [
            LabelExplanation(label, float(self.expected_values[place]), self._features(place))
            for place, label in enumerate(self.labels)
        ]

    def _features(self, place: int) -> list[FeatureAttribution]:
        pairs = zip(self.feature_names, self.attributions[place].tolist(), strict=True)
        return [FeatureAttribution(name, value, self._tokens(name, place)) for name, value in pairs]

    def _tokens(self, name: str, place: int) -> list[TokenAttribution] | None:
        tokens = self.tokens.get(name)
        return None if tokens is None else [*zip(tokens.words, tokens.attributions[place].tolist(), strict=True)]

    def place_of(self, label: str | None) -> int:
        """The row of a label in the array; without one the last, which of a binary output is true.

        Raises:
            ArgumentError: The output has no such label.
        """
        names = [*map(str, self.labels)]
        if label is None:
            return len(names) - 1
        if str(label) not in names:
            hint = nearest(label, names)
            raise ArgumentError(f"The output '{self.target}' has no label {label!r:.100}.{hint} It has: {_few(names)}.")
        return names.index(str(label))


@dataclasses.dataclass(frozen=True)
class ExplanationsResult:
    """The explanations of some rows.

    Attributes:
        global_explanation: The mean size of each attribution over the rows.
        row_explanations: One for each row, in their order; not a number (NaN) for rows that cannot be used.
        expected_values: For each label what is predicted at the baseline, which attributions are added to.
    """

    global_explanation: Explanation
    row_explanations: list[Explanation]
    expected_values: list[float]

    def importances(self, label: str | None = None) -> pd.Series:
        """How much each input adds on average, in size, the largest first; without a label, on average over all.

        Raises:
            ArgumentError: The output has no such label.
        """
        whole = self.global_explanation
        sizes = whole.attributions.mean(0) if label is None else whole.attributions[whole.place_of(label)]  # [F]
        return pd.Series(sizes, index=[*whole.feature_names], name="attribution").sort_values(
            ascending=False, kind="stable"
        )


def _few(names: list[str], most: int = 10) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
