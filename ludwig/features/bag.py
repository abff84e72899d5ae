"""Bags of tokens: sets with counts.

N = rows, M = tokens of all rows, each once a row
"""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from numpy.typing import NDArray

from ludwig.columns.ragged import Ragged
from ludwig.features.base import FEATURES, Encoded
from ludwig.features.labels import as_tensor
from ludwig.features.member_cells import Members
from ludwig.features.members import MemberFacts, MemberFeature, Strategy
from ludwig.features.missing import settled
from ludwig.schema import param

MOST = 2**31 - 1  # that a token can count


@FEATURES.register("bag")
class BagFeature(MemberFeature):
    """Bag feature: a column of tokens with how often each occurs in a cell, as text such as "apple apple pear" or as
    lists or arrays. Order does not count.

    Use it for shopping baskets, error codes of a day and other counts of many things, of which most are zero. An empty
    cell is an empty bag. A batch is padded, [B, T, 2]: ids and counts.

    ```yaml
    name: basket
    type: bag
    preprocessing:
      tokenizer: comma
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

    kind = "bag"

    def counted(self, cells: Members) -> NDArray[np.int64]:
        return cells.counts

    def encode(self, cells: Members, facts: MemberFacts) -> Encoded:
        cells, missing, dropped = settled(cells, self.config.missing_value_strategy)
        members = self.by_id(self.filled(cells, missing, facts), facts.vocabulary)
        values = np.stack([members.codes, np.minimum(members.counts, MOST)], axis=1).astype(np.int32)  # [M, 2]
        column = Ragged(as_tensor(values), torch.from_numpy(members.offsets.astype(np.int64)))
        return Encoded(column, dropped, self.unknown(members, facts.vocabulary))
