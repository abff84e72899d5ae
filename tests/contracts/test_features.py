"""What holds for the data half of every feature type, as input and as target."""

from __future__ import annotations

import json
import pickle
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import get_args, get_type_hints

import numpy as np
import pandas as pd
import pytest
import torch

from ludwig.columns.dense import Dense
from ludwig.columns.ragged import Ragged
from ludwig.error import InputDataError, LudwigWarning
from ludwig.features import FEATURES
from ludwig.features.missing import NEIGHBOURS
from ludwig.outputs import OUTPUTS
from tests.contracts.samples import (
    LONGER,
    UNREADABLE,
    column_of,
    column_with_gaps,
    feature_of,
    fitted,
    learned,
    longer_column_of,
    series_of,
)

INPUTS = sorted(name for _, name, _ in FEATURES)
SIDES = [(kind, False) for kind in INPUTS] + [(kind, True) for kind in sorted({name for _, name, _ in OUTPUTS})]
either_side = pytest.mark.parametrize(("kind", "target"), SIDES)


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


def flags(encoded) -> list[bool]:
    """Which rows must go."""
    return [False] * len(encoded.column) if encoded.dropped is None else encoded.dropped.tolist()


@contextmanager
def works_or_names_the_column() -> Iterator[None]:
    """What cannot be used is one clear error."""
    try:
        yield
    except InputDataError as error:
        assert "feature 'f'" in str(error)


def strategies(kind: str, *, target: bool) -> list[str]:
    """What may happen to a missing cell; each may want other things counted."""
    feature = FEATURES.get(kind)
    section = feature.TargetConfig if target else feature.Config
    return list(get_args(get_type_hints(section)["missing_value_strategy"]))


WITH_GAPS = [(kind, target, strategy) for kind, target in SIDES for strategy in strategies(kind, target=target)]


@pytest.mark.parametrize(("kind", "target", "strategy"), WITH_GAPS)
def test_facts_survive_json(kind, target, strategy):
    feature, column = (
        feature_of(kind, target=target, missing_value_strategy=strategy),
        column_with_gaps(kind, target=target),
    )
    facts = fitted(feature, column)
    again = feature.facts_type.from_json(json.loads(json.dumps(facts.to_json())))
    assert again == facts
    one, other = (feature.encode(feature.parse(column), each) for each in (facts, again))
    assert same(one.column, other.column)
    assert flags(one) == flags(other)


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
@pytest.mark.parametrize(
    ("kind", "strategy"), [(kind, one) for kind in INPUTS for one in strategies(kind, target=True)]
)
def test_the_tally_of_chunks_is_the_tally_of_the_whole_to_the_last_bit(kind, strategy, sample, target):
    feature = feature_of(kind, target=target, missing_value_strategy=strategy)
    for seed in range(4):
        rng = np.random.default_rng(seed)
        column = column_of(kind, target=target) if sample == "short" else longer_column_of(kind, seed, target=target)
        whole = feature.finish(feature.tally(feature.parse(column)))
        again = feature.finish(merged(feature, column, rng))
        assert json.dumps(again.to_json()) == json.dumps(whole.to_json())


@pytest.mark.parametrize("kind", INPUTS)
def test_encoding_is_pure(kind):
    feature, facts, cells = learned(kind)
    assert same(feature.encode(cells, facts).column, feature.encode(cells, facts).column)


@pytest.mark.parametrize(("kind", "target", "strategy"), [each for each in WITH_GAPS if each[2] not in NEIGHBOURS])
def test_a_row_alone_is_the_row_among_others(kind, target, strategy):
    feature, column = (
        feature_of(kind, target=target, missing_value_strategy=strategy),
        column_with_gaps(kind, target=target),
    )
    facts = fitted(feature, column)
    whole = feature.encode(feature.parse(column), facts)
    for row in range(len(column)):
        alone = feature.encode(feature.parse(column.iloc[[row]].reset_index(drop=True).infer_objects()), facts)
        assert same(alone.column, whole.column.rows(torch.tensor([row])))
        assert flags(alone) == flags(whole)[row : row + 1]


@pytest.mark.parametrize(("kind", "target", "strategy"), WITH_GAPS)
def test_a_missing_cell_becomes_something_finite_or_its_row_goes(kind, target, strategy):
    feature, column = (
        feature_of(kind, target=target, missing_value_strategy=strategy),
        column_with_gaps(kind, target=target),
    )
    encoded = feature.encode(feature.parse(column), fitted(feature, column))
    assert len(encoded.column) == len(column)
    kept = torch.tensor([row for row, gone in enumerate(flags(encoded)) if not gone])
    there = kept if strategy != "keep" else kept[torch.tensor([*column.notna()])]  # others reach the encoder, as NaN
    assert all(each.isfinite().all() for each in tensors(encoded.column.rows(there)) if each.is_floating_point())
    assert flags(encoded) == ([*column.isna()] if strategy == "drop_row" else [False] * len(column))


@either_side
def test_every_spelling_of_a_missing_cell_is_one(kind, target):
    feature, cells = feature_of(kind, target=target), column_with_gaps(kind, target=target)
    facts = fitted(feature, cells)
    plain = feature.encode(feature.parse(cells), facts)
    for spelling in (float("nan"), pd.NA, np.nan):
        column = series_of([spelling if cell is None else cell for cell in cells])
        assert fitted(feature, column) == facts
        encoded = feature.encode(feature.parse(column), facts)
        assert same(encoded.column, plain.column)
        assert flags(encoded) == flags(plain)


@either_side
def test_a_constant_column_works_or_is_one_clear_error(kind, target):
    feature = feature_of(kind, target=target)
    column = series_of([column_of(kind, target=target)[0]] * 4).infer_objects()
    with works_or_names_the_column():
        encoded = feature.encode(feature.parse(column), fitted(feature, column))
        assert all(each.isfinite().all() for each in tensors(encoded.column) if each.is_floating_point())


@pytest.mark.parametrize("kind", INPUTS)
def test_a_constant_input_works(kind):
    feature, column = feature_of(kind), series_of([column_of(kind)[0]] * 4).infer_objects()
    assert len(feature.encode(feature.parse(column), fitted(feature, column)).column) == 4


@pytest.mark.parametrize("dtype", [object, float])
@either_side
def test_a_column_without_any_cell_can_be_an_input_and_no_target(kind, target, dtype):
    feature, empty = feature_of(kind, target=target), pd.Series([None, None, None], dtype=dtype)
    if target:
        with pytest.raises(InputDataError, match="feature 'f'.* no value"):
            fitted(feature, empty)
        return
    facts = fitted(feature, empty)
    assert len(feature.encode(feature.parse(empty), facts).column) == 3
    with works_or_names_the_column():
        feature.encode(feature.parse(column_of(kind)), facts)


@either_side
def test_a_cell_that_training_has_not_seen_works_or_is_one_clear_error(kind, target):
    feature = feature_of(kind, target=target)
    facts = fitted(feature, column_of(kind, target=target))
    for cell in LONGER.get(kind, []):
        with works_or_names_the_column():
            encoded = feature.encode(feature.parse(series_of([cell]).infer_objects()), facts)
            numbers = [each for each in tensors(encoded.column) if each.is_floating_point()]
            assert not any(each.isinf().any() for each in numbers)
            assert target or not any(each.isnan().any() for each in numbers)  # losses leave out unknown steps


@either_side
def test_a_cell_of_another_type_is_one_clear_error(kind, target):
    feature = feature_of(kind, target=target)
    facts = fitted(feature, column_of(kind, target=target))
    cells = series_of([*column_of(kind, target=target), *UNREADABLE.get(kind, ["many"])])
    if kind not in UNREADABLE:
        assert len(feature.encode(feature.parse(cells), facts).column) == len(cells)
        return
    with (
        warnings.catch_warnings(action="ignore", category=LudwigWarning),  # of the first that cannot be decoded
        pytest.raises(InputDataError, match="feature 'f'"),
    ):
        feature.encode(feature.parse(cells), facts)


@pytest.mark.parametrize("kind", INPUTS)
def test_a_table_without_rows_can_be_encoded(kind):
    feature, facts, _ = learned(kind)
    empty = column_of(kind).iloc[:0]
    assert len(feature.encode(feature.parse(empty), facts).column) == 0
