"""What holds for every rule that splits the rows."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import pickle

import numpy as np
import pandas as pd
import pytest

from ludwig.data.split import SPLITTERS

CONTRACTS = (SPLITTERS,)

TABLE = pd.DataFrame(
    {
        "split": [0, 0, 0, 1, 2] * 8,  # also classes and times
        "x": range(40),
    }
)


def build(name):
    config = SPLITTERS.get(name).Config
    options = {"column": "split"} if "column" in {field.name for field in dataclasses.fields(config)} else {}
    return config(**options).build()


def parts(splitter, seed=1):
    split = splitter.split(TABLE, seed)
    return [split.training.tolist(), split.validation.tolist(), split.test.tolist()]


@pytest.mark.parametrize("name", SPLITTERS.names())
def test_each_row_is_in_one_part_and_parts_are_ascending(name):
    found = parts(build(name))
    assert sorted(itertools.chain.from_iterable(found)) == [*range(len(TABLE))]
    assert all(part == sorted(part) for part in found)
    assert found[0]


@pytest.mark.parametrize("name", SPLITTERS.names())
def test_the_same_seed_gives_the_same_parts_and_the_table_stays_as_it_is(name):
    before, state = TABLE.copy(), np.random.get_state()[1].tolist()
    assert parts(build(name)) == parts(build(name))
    pd.testing.assert_frame_equal(TABLE, before)
    assert np.random.get_state()[1].tolist() == state


@pytest.mark.parametrize("name", SPLITTERS.names())
def test_pickled_and_copied_it_is_the_same(name):
    splitter = build(name)
    for again in (pickle.loads(pickle.dumps(splitter)), copy.deepcopy(splitter)):
        assert parts(again) == parts(splitter)
