"""Labels of anomalies, which few rows need to have.

N = rows
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ludwig.columns.dense import Dense
from ludwig.features.base import FEATURES, Encoded, Facts, Feature
from ludwig.features.cells import Labels
from ludwig.features.invalid import InvalidOptions, refuse_many
from ludwig.features.labels import WordTally, as_tensor
from ludwig.features.missing import settled
from ludwig.schema import param

Strategy = Literal["fill_with_const", "drop_row"]

NORMAL, ANOMALY, UNKNOWN_LABEL = 0, 1, -1
WORDS = {
    **dict.fromkeys(("0", "false", "no", "n", "f", "normal", "0.0"), NORMAL),
    **dict.fromkeys(("1", "true", "yes", "y", "t", "anomaly", "1.0"), ANOMALY),
    **dict.fromkeys(("-1", "unknown", "", "-1.0"), UNKNOWN_LABEL),
}


@dataclasses.dataclass(frozen=True)
class AnomalyFacts(Facts):
    """Fitted preprocessing state of a column of anomaly labels."""

    normal: int  # rows of each label in the training split
    anomalies: int
    unknown: int

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        return cls(**{field.name: raw[field.name] for field in dataclasses.fields(cls)})


@FEATURES.register("anomaly")
class AnomalyFeature(Feature[Labels, WordTally, AnomalyFacts]):
    """Anomaly feature: a column of labels that are 0 for normal rows, 1 for anomalies and -1, or missing, where that is
    not known.

    Use it as the output of anomaly detection. Labels are needed for evaluation, and help the loss `deep_sad`; a column
    of -1 will do for training. A batch is [B].

    ```yaml
    name: is_fraud
    type: anomaly
    threshold_percentile: 99
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(InvalidOptions, Feature.Config):
        missing_value_strategy: Strategy = param(
            "fill_with_const",
            help="Strategy for missing values: fill_with_const takes them as unknown labels, drop_row leaves such rows "
            "out.",
        )

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class TargetConfig(Config):
        pass

    kind = "anomaly"
    facts_type = AnomalyFacts
    is_textual = False

    def parse(self, column: pd.Series) -> Labels:
        cells = Labels.of(column, lowercase=True)
        odd = np.array([word.strip() not in WORDS for word in cells.words], dtype=bool)  # [U]
        invalid = np.append(odd, False)[cells.codes]  # [N]
        fault = "that are not labels of anomalies, which are 0, 1 and -1"
        refuse_many(column, invalid, self.config.max_invalid_share, self.where, fault)
        return Labels(np.where(invalid, np.int32(-1), cells.codes), cells.words)

    def tally(self, cells: Labels) -> WordTally:
        return WordTally.of(cells)

    def finish(self, tally: WordTally) -> AnomalyFacts:
        self.refuse_all_missing(len(tally.counts))
        sums = dict.fromkeys((NORMAL, ANOMALY, UNKNOWN_LABEL), 0)
        for word, count in tally.counts.items():
            sums[WORDS[word.strip()]] += count
        return AnomalyFacts(sums[NORMAL], sums[ANOMALY], sums[UNKNOWN_LABEL] + tally.missing)

    def encode(self, cells: Labels, facts: AnomalyFacts) -> Encoded:
        cells, _, dropped = settled(cells, self.config.missing_value_strategy)
        values = [WORDS.get(word.strip(), UNKNOWN_LABEL) for word in cells.words]
        return Encoded(Dense(as_tensor(np.array([*values, UNKNOWN_LABEL], np.int8)[cells.codes])), dropped)

    def decode(self, predicted: Mapping[str, NDArray[Any]], facts: AnomalyFacts) -> dict[str, Any]:
        return {**predicted, "predictions": predicted["predictions"].astype(np.int64)}

    def facts_of_config(self) -> AnomalyFacts:
        return AnomalyFacts(0, 0, 0)
