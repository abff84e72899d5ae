"""What holds for the data half of every feature type."""

from __future__ import annotations

import json

import pandas as pd
import pytest
import torch

from ludwig.columns.dense import Dense
from ludwig.columns.ragged import Ragged
from ludwig.features import FEATURES
from tests.contracts.samples import column_of, feature_of, learned

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


@pytest.mark.parametrize("kind", INPUTS)
def test_the_tally_of_chunks_is_the_tally_of_the_whole(kind):
    feature, facts, _ = learned(kind)
    column = column_of(kind)
    chunks = [column.iloc[:2].reset_index(drop=True), column.iloc[2:].reset_index(drop=True)]
    one, two = (feature.tally(feature.parse(chunk)) for chunk in chunks)
    merged, whole = feature.finish(one.merge(two)).to_json(), facts.to_json()
    assert json.dumps(rounded(merged)) == json.dumps(rounded(whole))


def rounded(value):
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(entry) for entry in value]
    return round(value, 9) if isinstance(value, float) else value


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
