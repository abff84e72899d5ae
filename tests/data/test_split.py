import logging
import zlib

import marshmallow
import numpy as np
import pandas as pd
import pytest

from ludwig.data.preprocess import Preprocessing
from ludwig.data.split import (
    SPLITTERS,
    DatetimeSplitter,
    FixedSplitter,
    HashSplitter,
    RandomSplitter,
    SplitIndex,
    StratifySplitter,
    default_split,
)
from ludwig.error import InputDataError, LudwigWarning
from ludwig.schema import load

ROWS = 1000


@pytest.fixture
def table():
    random = np.random.default_rng(7)
    return pd.DataFrame(
        {
            "id": np.arange(ROWS),
            "key": [random.bytes(8).hex() for _ in range(ROWS)],
            "kind": random.choice(["a", "b", "c"], ROWS, p=[0.6, 0.3, 0.1]),
            "day": pd.to_datetime("2020-01-01") + pd.to_timedelta(random.permutation(ROWS), unit="D"),
        }
    )


def splitter(name, **options):
    return load(SPLITTERS.get(name).Config, options).build()


def parts_of(index: SplitIndex):
    return index.training, index.validation, index.test


def sizes_of(index: SplitIndex):
    return tuple(len(part) for part in parts_of(index))


def assert_whole(index: SplitIndex, rows: int):
    """Disjoint, complete, ascending, integers."""
    assert np.sort(np.concatenate(parts_of(index))).tolist() == list(range(rows))
    for part in parts_of(index):
        assert part.dtype == np.int64
        assert (np.diff(part) > 0).all()


BY_SHARES = {
    "random": {},
    "stratify": {"column": "kind"},
    "datetime": {"column": "day"},
    "hash": {"column": "key"},
    "group": {"column": "key"},
}
SHARES = [[0.7, 0.1, 0.2], [0.8, 0.2, 0.0], [0.8, 0.0, 0.2], [1.0, 0.0, 0.0], [0.34, 0.33, 0.33]]


def test_these_rules_exist():
    assert SPLITTERS.names() == ["datetime", "fixed", "group", "hash", "random", "stratify"]


@pytest.mark.parametrize("name", BY_SHARES)
@pytest.mark.parametrize("shares", SHARES)
def test_parts_are_disjoint_complete_and_of_the_wanted_sizes(table, name, shares):
    index = splitter(name, probabilities=shares, **BY_SHARES[name]).split(table, seed=3)
    assert_whole(index, ROWS)
    tolerance = 0.04 if name == "hash" else 0.001
    assert np.abs(np.array(sizes_of(index)) / ROWS - shares).max() <= tolerance
    assert all(len(part) == 0 for part, share in zip(parts_of(index), shares, strict=True) if share == 0)


@pytest.mark.parametrize("name", BY_SHARES)
def test_the_same_seed_gives_the_same_parts(table, name):
    rule = splitter(name, **BY_SHARES[name])
    for one, other in zip(parts_of(rule.split(table, 5)), parts_of(rule.split(table, 5)), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("name", "changes"), [("random", True), ("stratify", True), ("datetime", False), ("hash", False), ("group", True)]
)
def test_the_seed_changes_random_rules_only(table, name, changes):
    rule = splitter(name, **BY_SHARES[name])
    assert (rule.split(table, 1).test.tolist() != rule.split(table, 2).test.tolist()) == changes


@pytest.mark.parametrize("name", BY_SHARES)
def test_an_empty_table_and_a_single_row_are_split(table, name):
    rule = splitter(name, **BY_SHARES[name])
    assert sizes_of(rule.split(table.iloc[:0], 1)) == (0, 0, 0)
    one = rule.split(table.iloc[:1], 1)
    assert_whole(one, 1)
    assert name == "hash" or sizes_of(one) == (1, 0, 0)


@pytest.mark.parametrize("name", BY_SHARES)
def test_the_table_itself_and_its_index_play_no_part(table, name):
    rule = splitter(name, **BY_SHARES[name])
    other = table.set_index(np.arange(ROWS) * 3 + 11)
    for one, two in zip(parts_of(rule.split(table, 1)), parts_of(rule.split(other, 1)), strict=True):
        np.testing.assert_array_equal(one, two)


# Sizes: ceil(p0 n), floor(p1 n), the rest.
@pytest.mark.parametrize(
    ("rows", "shares", "expected"),
    [
        (101, [0.7, 0.1, 0.2], (71, 10, 20)),
        (100, [0.7, 0.1, 0.2], (70, 10, 20)),
        (10, [0.7, 0.1, 0.2], (4, 3, 3)),  # topped up to 3 rows
        (10, [0.8, 0.2, 0.0], (7, 3, 0)),
        (11, [0.8, 0.0, 0.2], (8, 0, 3)),
        (8, [0.7, 0.1, 0.2], (6, 0, 2)),  # too few rows to top up
        (9, [0.05, 0.05, 0.9], (1, 0, 8)),  # nothing is taken from the last row of training
        (2, [0.7, 0.1, 0.2], (2, 0, 0)),
        (33, [0.7, 0.3, 0.0], (24, 9, 0)),
    ],
)
def test_sizes_follow_the_rule(rows, shares, expected):
    table = pd.DataFrame({"x": np.zeros(rows)})
    assert sizes_of(splitter("random", probabilities=shares).split(table, 0)) == expected


@pytest.mark.parametrize("rows", range(9, 60))
@pytest.mark.parametrize("shares", SHARES)
def test_small_wanted_parts_have_three_rows(rows, shares):
    sizes = splitter("random", probabilities=shares).config.counts(rows)
    assert sum(sizes) == rows and sizes[0] >= 1
    assert all(size >= 3 for size, share in zip(sizes[1:], shares[1:], strict=True) if share)


# Stratify


@pytest.mark.parametrize("shares", [[0.7, 0.1, 0.2], [0.8, 0.2, 0.0], [0.8, 0.0, 0.2]])
@pytest.mark.parametrize("seed", range(5))
def test_stratified_parts_have_the_shares_of_the_classes(table, shares, seed):
    index = splitter("stratify", column="kind", probabilities=shares).split(table, seed)
    counts = table["kind"].value_counts()
    for part, share in zip(parts_of(index), shares, strict=True):
        found = table["kind"].iloc[part].value_counts().reindex(counts.index, fill_value=0)
        assert (found - share * counts).abs().max() <= 2.5


def test_many_small_classes_fill_all_parts():
    table = pd.DataFrame({"kind": np.repeat(np.arange(200), 5)})
    index = splitter("stratify", column="kind").split(table, 1)
    assert sizes_of(index) == (700, 100, 200)
    assert table["kind"].iloc[index.training].nunique() == 200


@pytest.mark.parametrize("seed", range(20))
def test_classes_of_one_row_go_to_training(seed):
    table = pd.DataFrame({"kind": ["a"] * 50 + ["b"] * 50 + list("cdefg")})
    index = splitter("stratify", column="kind").split(table, seed)
    assert_whole(index, 105)
    assert set(range(100, 105)) <= set(index.training.tolist())


def test_a_column_without_any_repeated_value_leaves_all_rows_to_training():
    index = splitter("stratify", column="id").split(pd.DataFrame({"id": range(30)}), 0)
    assert sizes_of(index) == (30, 0, 0)


def test_missing_cells_are_a_class_of_their_own():
    table = pd.DataFrame({"kind": ["a"] * 100 + [None] * 100})
    index = splitter("stratify", column="kind").split(table, 0)
    assert abs(table["kind"].iloc[index.test].isna().sum() - 20) <= 2


# Datetime


def test_the_oldest_rows_are_for_training(table):
    index = splitter("datetime", column="day").split(table, 0)
    days = table["day"]
    assert days.iloc[index.training].max() < days.iloc[index.validation].min()
    assert days.iloc[index.validation].max() < days.iloc[index.test].min()


@pytest.mark.parametrize(
    ("cells", "datetime_format"),
    [
        (["03/01/2020", "28/01/2020", "01/02/2020"], "%d/%m/%Y"),
        (["2020-01-03", "2020-01-28 10:00", "2020-02-01"], None),
        (["2020-01-03T10:00:00+00:00", "2020-01-28T10:00:00+05:00", "2020-02-01T00:00:00-03:00"], None),
        (["3 Jan 2020", "28 Jan 2020", "1 Feb 2020"], None),
        ([2018, 2019, 2020], None),
        (pd.Categorical(["2020-01-03", "2020-01-28", "2020-02-01"]), None),
    ],
)
def test_times_may_be_written_in_many_ways(cells, datetime_format):
    rule = splitter("datetime", column="t", probabilities=[0.4, 0.3, 0.3], datetime_format=datetime_format)
    table = pd.DataFrame({"t": cells}).iloc[[2, 0, 1]]
    counts = rule.config.counts(3)
    assert rule.split(table, 0).training.tolist() == sorted([1, 2, 0][: counts[0]])


def test_cells_that_are_no_times_are_counted_and_shown():
    table = pd.DataFrame({"t": ["2020-01-01", "soon", "2020-01-02", None, "later"]})
    with pytest.raises(
        InputDataError, match=r"'t' has 3 cells of no date or time: 'soon', nan, 'later'.*datetime_format"
    ):
        splitter("datetime", column="t").split(table, 0)


# Hash


def test_the_hash_of_the_value_decides():
    table = pd.DataFrame({"name": [f"user-{n}" for n in range(200)]})
    index = splitter("hash", column="name").split(table, 0)
    shares = [zlib.crc32(name.encode()) / 2**32 for name in table["name"]]
    assert index.training.tolist() == [row for row, share in enumerate(shares) if share < 0.7]
    assert index.validation.tolist() == [row for row, share in enumerate(shares) if 0.7 <= share < 0.8]


def test_a_row_keeps_its_part_when_rows_and_missing_cells_come(table):
    rule = splitter("hash", column="id")
    before = rule.split(table, 0)
    longer = pd.concat([table, pd.DataFrame({"id": [5000, None, 5001]})], ignore_index=True)  # ids become floats
    after = rule.split(longer, 9)
    for old, new in zip(parts_of(before), parts_of(after), strict=True):
        assert old.tolist() == new[new < ROWS].tolist()


def test_equal_values_share_a_part_however_they_are_held():
    numbers, texts = pd.DataFrame({"k": [1, 2, 1, 3]}), pd.DataFrame({"k": pd.Categorical(["1", "2", "1", "3"])})
    rule = splitter("hash", column="k")
    for one, other in zip(parts_of(rule.split(numbers, 0)), parts_of(rule.split(texts, 0)), strict=True):
        assert one.tolist() == other.tolist()


# Fixed


@pytest.mark.parametrize(
    "cells",
    [
        [0, 1, 2, 0],
        [0.0, 1.0, 2.0, 0.0],
        ["0", "1", "2", "0"],
        ["train", "validation", "test", "training"],
        ["Train", " val ", "TEST", "train"],
        pd.Categorical(["0", "1", "2", "0"]),
    ],
)
def test_a_column_assigns_the_parts(cells):
    index = splitter("fixed").split(pd.DataFrame({"split": cells}), 0)
    assert [part.tolist() for part in parts_of(index)] == [[0, 3], [1], [2]]


@pytest.mark.parametrize("seed", range(5))
def test_a_group_is_in_one_part(seed):
    draw = np.random.default_rng(seed)
    customers = draw.integers(0, 60, 1000).astype(float)
    customers[draw.random(1000) < 0.02] = np.nan
    table = pd.DataFrame({"customer": customers})
    index = splitter("group", column="customer").split(table, seed)
    parts = [set(table.customer[rows].fillna(-1)) for rows in (index.training, index.validation, index.test)]
    assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
    assert index.count() == 1000
    assert np.array([len(index.training), len(index.validation), len(index.test)]) / 1000 == pytest.approx(
        [0.7, 0.1, 0.2], abs=0.05
    )


@pytest.mark.parametrize(("groups", "empty"), [(1, 2), (2, 1), (3, 0), (5, 0)])
def test_each_wanted_part_gets_a_group_where_there_are_enough(groups, empty):
    table = pd.DataFrame({"k": np.repeat(np.arange(groups), 7)})
    for seed in range(20):
        sizes = sizes_of(splitter("group", column="k").split(table, seed))
        assert sizes.count(0) == empty
        assert sizes[0] > 0


def test_other_values_are_left_out_aloud():
    table = pd.DataFrame({"part": [0, 1, 2, 7, None]})
    with pytest.warns(LudwigWarning, match="Left out where 'part' is not 0, 1 or 2: 2 rows"):
        index = splitter("fixed", column="part").split(table, 0)
    assert sizes_of(index) == (1, 1, 1)


def test_parts_may_be_absent():
    assert sizes_of(splitter("fixed").split(pd.DataFrame({"split": [0, 0, 2]}), 0)) == (2, 0, 1)


@pytest.mark.parametrize("name", ["fixed", "stratify", "datetime", "hash", "group"])
def test_a_missing_column_is_named_with_the_nearest(name):
    with pytest.raises(
        InputDataError, match=r"no column 'parts', which preprocessing.split names. Did you mean 'part'"
    ):
        splitter(name, column="parts").split(pd.DataFrame({"part": [0, 1]}), 0)


# Which rule is used


@pytest.mark.parametrize("cells", [[0, 1, 2], ["0", "2", "0"], [0.0, 0.0, 1.0]])
def test_a_split_column_is_used_under_the_default_rule(cells, caplog):
    with caplog.at_level(logging.INFO):
        chosen = default_split(RandomSplitter.Config(), pd.DataFrame({"split": cells}))
    assert chosen == FixedSplitter.Config()
    assert "a column 'split' of 0, 1 and 2, which is used" in caplog.text


@pytest.mark.parametrize("cells", [["a", "b", "c"], [0, 7, 9], [None, None, 1]])
def test_a_split_column_of_other_values_is_an_ordinary_column(cells):
    config = RandomSplitter.Config()
    assert default_split(config, pd.DataFrame({"split": cells})) is config


@pytest.mark.parametrize(("cells", "odd"), [([0, 1, 3], "3"), ([0, 1, None], "nan")])
def test_a_split_column_with_a_few_other_values_is_left_aside_aloud(cells, odd):
    config = RandomSplitter.Config()
    with pytest.warns(
        LudwigWarning, match=rf"'split' is not used, since it has one cell of 3 besides 0, 1 and 2 \({odd}\)"
    ):
        assert default_split(config, pd.DataFrame({"split": cells})) is config


def test_a_config_that_overrides_a_split_column_warns(caplog):
    config = RandomSplitter.Config(probabilities=[0.5, 0.2, 0.3])
    with caplog.at_level(logging.WARNING):
        assert default_split(config, pd.DataFrame({"split": [0, 1, 2]})) is config
    assert "a column 'split', which preprocessing.split overrides" in caplog.text


# The options


def faults_of(name, **options):
    return load(SPLITTERS.get(name).Config, options).faults()


@pytest.mark.parametrize(
    ("shares", "total"), [([0.8, 0.1, 0.2], "1.1"), ([0.5, 0.1, 0.2], "0.8"), ([0.7, 0.1, 0.19999], "0.99999")]
)
def test_shares_must_sum_to_one(shares, total):
    ((parameter, message),) = faults_of("random", probabilities=shares)
    assert parameter == "probabilities"
    assert f"which sum to {total}" in message


@pytest.mark.parametrize("shares", [[0.7, 0.1, 0.2], [1 / 3, 1 / 3, 1 / 3], [0.7, 0.2, 0.1 + 1e-9]])
def test_shares_that_sum_to_one_but_for_rounding_are_fine(shares):
    assert faults_of("random", probabilities=shares) == []


def test_training_must_have_a_share():
    assert [parameter for parameter, _ in faults_of("random", probabilities=[0.0, 0.5, 0.5])] == ["probabilities"]


@pytest.mark.parametrize("shares", [[0.7, 0.3], [1.1, -0.1, 0.0], [0.25, 0.25, 0.25, 0.25]])
def test_shares_are_three_and_between_zero_and_one(shares):
    with pytest.raises(marshmallow.ValidationError, match=r"Length must be 3|at least 0"):
        load(RandomSplitter.Config, {"probabilities": shares})


@pytest.mark.parametrize("name", ["stratify", "datetime", "hash", "group"])
def test_rules_by_a_column_must_have_one(name):
    assert [parameter for parameter, _ in faults_of(name)] == ["column"]
    assert faults_of(name, column="x") == []
    assert SPLITTERS.get(name).Config().columns == ()
    assert SPLITTERS.get(name).Config(column="x").columns == ("x",)


def test_the_section_reports_the_faults_of_its_rule():
    config = load(Preprocessing, {"split": {"type": "hash", "probabilities": [0.8, 0.1, 0.2]}})
    assert [parameter for parameter, _ in config.faults()] == ["split.column", "split.probabilities"]


def test_other_rules_name_the_columns_that_they_read():
    assert RandomSplitter.Config().columns == ()
    assert FixedSplitter.Config().columns == ("split",)
    assert {cls.Config.type for cls in (StratifySplitter, DatetimeSplitter, HashSplitter)} == {
        "stratify",
        "datetime",
        "hash",
    }
