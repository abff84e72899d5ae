"""Vectors: lists of numbers, all of one size.

N = rows, S = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ludwig.columns.dense import Dense
from ludwig.error import InputDataError
from ludwig.features.base import FEATURES, Encoded, Facts, Feature, Tally
from ludwig.features.cells import Numbers
from ludwig.features.invalid import InvalidOptions, refuse_many
from ludwig.features.labels import as_tensor
from ludwig.features.missing import settled
from ludwig.features.number_lists import fill_faults, flat_lists, listed_numbers
from ludwig.features.scaling import single_precision
from ludwig.schema import param

Strategy = Literal["fill_with_const", "fill_with_mode", "bfill", "ffill", "drop_row"]


@dataclasses.dataclass(frozen=True)
class VectorFacts(Facts):
    """Fitted preprocessing state of a vector column."""

    size: int  # S
    fill: tuple[float, ...]  # in place of a missing cell

    def to_json(self) -> dict[str, Any]:
        return {"vector_size": self.size, "fill": list(self.fill)}

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        return cls(raw["vector_size"], tuple(raw["fill"]))


class VectorTally(Tally):
    """How many vectors there are, of which sizes, and how often each occurs where the mode is asked for."""

    def __init__(self, present: int, sizes: frozenset[int], counts: Counter[tuple[float, ...]]) -> None:
        self.present, self.sizes, self.counts = present, sizes, counts

    def merge(self, other: Self) -> Self:
        return type(self)(self.present + other.present, self.sizes | other.sizes, self.counts + other.counts)


@FEATURES.register("vector")
class VectorFeature(Feature[Numbers, VectorTally, VectorFacts]):
    """Vector feature: a column of lists of numbers of one size, as arrays or as text such as "0.1 0.2".

    Use it for embeddings, sensor readings and other numbers that belong together. A batch is [B, S].

    ```yaml
    name: embedding
    type: vector
    preprocessing:
      vector_size: 128
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(InvalidOptions, Feature.Config):
        vector_size: int | None = param(
            None, min=1, help="Vector size: number of entries; null infers it from the training split."
        )
        missing_value_strategy: Strategy = param(
            "fill_with_const",
            help="Strategy for missing values (imputation), such as fill_with_const, bfill or drop_row.",
        )
        fill_value: str = param("", help="Fill value: the vector in place of a missing one; empty for zeros.")

        def faults(self) -> list[tuple[str, str]]:
            if faults := fill_faults(self.fill_value):
                return faults
            size = len(listed_numbers(self.fill_value))
            if size and self.vector_size and size != self.vector_size:
                return [("fill_value", f"Must have {self.vector_size} numbers, the vector_size. It has {size}.")]
            return []

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class TargetConfig(Config):
        missing_value_strategy: Strategy = param(
            "drop_row", help="Strategy for missing targets; drop_row leaves such rows out of training and evaluation."
        )

    kind = "vector"
    facts_type = VectorFacts
    default_encoder = "dense"

    def parse(self, column: pd.Series) -> Numbers:
        share = self.config.max_invalid_share
        values, lengths = flat_lists(column, self.where, share)
        usual = int(np.bincount(lengths[lengths > 0]).argmax()) if lengths.any() else 1
        size = self.config.vector_size or usual
        odd = (lengths > 0) & (lengths != size)
        refuse_many(column, odd, share, self.where, f"that are not vectors of {size} numbers", "")
        rows = np.full((len(column), size), np.nan)
        rows[lengths == size] = values[np.repeat(lengths == size, lengths)].reshape(-1, size)
        return Numbers(rows)

    def tally(self, cells: Numbers) -> VectorTally:
        values = cells.values[~cells.missing()]
        sizes = frozenset(values.shape[1:] if len(values) else ())  # only missing cells have no size of their own
        counts: Counter[tuple[float, ...]] = Counter()
        if self.config.missing_value_strategy == "fill_with_mode":
            counts.update(map(tuple, (values + 0.0).tolist()))  # there is one zero
        return VectorTally(len(values), sizes, counts)

    def finish(self, tally: VectorTally) -> VectorFacts:
        self.refuse_all_missing(tally.present)
        sizes = sorted(tally.sizes) or [self.config.vector_size or 1]
        if len(sizes) > 1:
            raise InputDataError(
                f"The {self.where} must have vectors of one size. It has some of {' and of '.join(map(str, sizes))} "
                "numbers. Clean them, or set preprocessing.vector_size to find the rows."
            )
        return VectorFacts(sizes[0], tuple(self._fill(tally.counts, sizes[0])))

    def _fill(self, counts: Counter[tuple[float, ...]], size: int) -> Sequence[float]:
        if counts:  # the mode is asked for; of several the least
            return min(counts, key=lambda vector: (-counts[vector], vector))
        fill = listed_numbers(self.config.fill_value)
        if fill and len(fill) != size:
            raise InputDataError(
                f"The {self.where} has vectors of {size} numbers, and preprocessing.fill_value has {len(fill)}."
            )
        return fill or [0.0] * size

    def encode(self, cells: Numbers, facts: VectorFacts) -> Encoded:
        if cells.values.shape[1] != facts.size:
            cells = self._of_known_size(cells, cells.missing(), facts.size)
        cells, missing, dropped = settled(cells, self.config.missing_value_strategy)
        values = single_precision(cells.values, cells.values, self.where)
        values[missing] = np.array(facts.fill, np.float32)
        return Encoded(Dense(as_tensor(values)), dropped)

    def facts_of_config(self) -> VectorFacts:
        size = self.config.vector_size
        return super().facts_of_config() if size is None else VectorFacts(size, (0.0,) * size)

    def _of_known_size(self, cells: Numbers, missing: NDArray[np.bool_], size: int) -> Numbers:
        """Only missing cells have no size of their own."""
        if not missing.all():
            raise InputDataError(
                f"The {self.where} must have vectors of {size} numbers, as in training. It has {cells.values.shape[1]}."
            )
        return Numbers(np.full((len(cells), size), np.nan))
