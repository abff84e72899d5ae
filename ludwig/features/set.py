"""Sets of tokens.

N = rows, C = labels of a target
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ludwig.columns.dense import Dense
from ludwig.columns.ragged import Ragged
from ludwig.features.base import FEATURES, Encoded
from ludwig.features.labels import as_tensor
from ludwig.features.member_cells import Members
from ludwig.features.members import MemberFacts, MemberFeature, Strategy
from ludwig.features.missing import settled
from ludwig.schema import param


@FEATURES.register("set")
class SetFeature(MemberFeature):
    """Set feature: a column of sets of tokens, as text such as "drama war" or as lists, sets or arrays. Order and
    repetition do not count.

    Use it for tags, genres, ingredients and other several-of-many, as input and for multi-label classification. An
    empty cell is an empty set. A batch of an input is padded, [B, T]; of a target it is [B, C].

    ```yaml
    name: genres
    type: set
    preprocessing:
      tokenizer: comma
      most_common: 100
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(MemberFeature.Config):
        pass

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class TargetConfig(Config):
        missing_value_strategy: Strategy = param(
            "drop_row", help="Strategy for missing targets; drop_row leaves such rows out of training and evaluation."
        )

    kind = "set"

    def encode(self, cells: Members, facts: MemberFacts) -> Encoded:
        cells, missing, dropped = settled(cells, self.config.missing_value_strategy)
        members = self.by_id(self.filled(cells, missing, facts), facts.vocabulary)
        if self.target:
            marks = np.zeros((len(cells), len(facts.vocabulary)), np.uint8)
            marks[members.rows, members.codes] = 1
            return Encoded(Dense(as_tensor(marks)), dropped)
        ids = as_tensor(members.codes.astype(facts.vocabulary.dtype))
        column = Ragged(ids, torch.from_numpy(members.offsets.astype(np.int64)))
        return Encoded(column, dropped, self.unknown(members, facts.vocabulary))

    def decode(self, predicted: Mapping[str, NDArray[Any]], facts: MemberFacts) -> dict[str, Any]:
        """The labels of each row, their probabilities in the same order, and the probability of every label."""
        words = np.array(facts.vocabulary.words, dtype=object)
        chosen, probabilities = predicted["predictions"].astype(bool), predicted["probabilities"]  # [N, C]
        labels, shares = np.empty((2, len(chosen)), dtype=object)
        for row, marks in enumerate(chosen):
            labels[row], shares[row] = words[marks].tolist(), probabilities[row, marks].tolist()
        each = {f"probabilities_{word}": probabilities[:, place] for place, word in enumerate(words)}
        return {"predictions": labels, "probabilities": shares, **each}
