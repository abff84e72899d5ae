"""What holds for the data half of every feature type."""

from __future__ import annotations

import json
import pickle
from typing import get_args, get_type_hints

import numpy as np
import pandas as pd
import pytest
import torch

from ludwig.columns.dense import Dense
from ludwig.columns.ragged import Ragged
from ludwig.features import FEATURES
from tests.contracts.samples import column_of, feature_of, learned, longer_column_of

INPUTS = sorted(name for _, name, _ in FEATURES)


def tensors(column) -> list[torch.Tensor]:
    if isinstance(column, Dense):
        return [column.values]
    return [column.values, column.offsets] if isinstance(column, Ragged) else [column.decoded()]


def same(one, other) -> bool:
    pairs = zip(tensors(one), tensors(other), strict=True)
    return all(
        torch.equal(a.nan_to_num(7) if a.is_floating_point() else a, b.nan_to_num(7) if b.is_floating_point() else b)
        for a, b in pairs
    )


@pytest.mark.parametrize("kind", INPUTS)
def test_facts_survive_json(kind):
    feature, facts, _ = learned(kind)
    assert feature.facts_type.from_json(json.loads(json.dumps(facts.to_json()))) == facts


def strategies(kind: str) -> list[str]:
    """What may happen to a missing cell; each may want other things counted."""
    return list(get_args(get_type_hints(FEATURES.get(kind).Config)["missing_value_strategy"]))


def merged(feature, column: pd.Series, rng: np.random.Generator):
    """The tally of a column whose rows are shuffled, cut at random places and merged by a random tree."""
    shuffled = column.iloc[rng.permutation(len(column))]
    borders = [0, *np.sort(rng.integers(0, len(column) + 1, 5)), len(column)]
    chunks = [shuffled.iloc[start:stop] for start, stop in zip(borders, borders[1:], strict=False)]
    cells = (feature.parse(chunk.reset_index(drop=True).infer_objects()) for chunk in chunks)
    tallies = [pickle.loads(pickle.dumps(feature.tally(chunk))) for chunk in cells]
    while len(tallies) > 1:
        one, other = (tallies.pop(rng.integers(len(tallies))) for _ in range(2))
        tallies.append(one.merge(other))
    return tallies[0]


@pytest.mark.parametrize("target", [False, True], ids=["input", "target"])
@pytest.mark.parametrize("sample", ["short", "long"])
@pytest.mark.parametrize(("kind", "strategy"), [(kind, one) for kind in INPUTS for one in strategies(kind)])
def test_the_tally_of_chunks_is_the_tally_of_the_whole_to_the_last_bit(kind, strategy, sample, target):
    feature = feature_of(kind, target=target, missing_value_strategy=strategy)
    for seed in range(8):
        rng = np.random.default_rng(seed)
        column = column_of(kind, target=target) if sample == "short" else longer_column_of(kind, seed, target=target)
        whole = feature.finish(feature.tally(feature.parse(column)))
        again = feature.finish(merged(feature, column, rng))
        assert json.dumps(again.to_json()) == json.dumps(whole.to_json())


@pytest.mark.parametrize("kind", INPUTS)
def test_encoding_is_pure(kind):
    feature, facts, cells = learned(kind)
    assert same(feature.encode(cells, facts).column, feature.encode(cells, facts).column)


@pytest.mark.parametrize("kind", INPUTS)
def test_rows_are_encoded_one_by_one_as_all_together(kind):
    feature, facts, cells = learned(kind)
    whole = feature.encode(cells, facts).column
    column = column_of(kind)
    for row in range(len(column)):
        alone = feature.encode(feature.parse(column.iloc[[row]].reset_index(drop=True)), facts).column
        assert same(alone, whole.rows(torch.tensor([row])))


@pytest.mark.parametrize("kind", INPUTS)
def test_a_missing_cell_becomes_something_finite(kind):
    feature, facts, _ = learned(kind)
    column = pd.concat([column_of(kind), pd.Series([None])], ignore_index=True)
    encoded = feature.encode(feature.parse(column), facts)
    assert len(encoded.column) == len(column)
    assert all(t.isfinite().all() for t in tensors(encoded.column) if t.is_floating_point())
    assert encoded.dropped is None


@pytest.mark.parametrize("kind", INPUTS)
def test_a_column_without_any_cell_can_be_an_input(kind):
    feature = feature_of(kind)
    cells = feature.parse(pd.Series([None, None, None], dtype=object))
    facts = feature.finish(feature.tally(cells))
    assert len(feature.encode(cells, facts).column) == 3


@pytest.mark.parametrize("kind", INPUTS)
def test_a_table_without_rows_can_be_encoded(kind):
    feature, facts, _ = learned(kind)
    empty = column_of(kind).iloc[:0]
    assert len(feature.encode(feature.parse(empty), facts).column) == 0
