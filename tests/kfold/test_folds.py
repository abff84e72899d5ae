"""Who is in which fold. What is expected of each kind is what scikit-learn's splitter of that kind promises."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import KFold, RepeatedKFold, ShuffleSplit, StratifiedKFold, TimeSeriesSplit

from ludwig.api import LudwigModel
from ludwig.data.split import SplitIndex
from ludwig.error import ArgumentError, InputDataError, LudwigWarning
from ludwig.kfold import Folding
from ludwig.lifecycle import parsed_table

ROWS = 97
DRAW = np.random.default_rng(0)
TABLE = pd.DataFrame(
    {
        "x": DRAW.normal(size=ROWS),
        "c": DRAW.choice(["a", "b", "c"], ROWS, p=[0.6, 0.25, 0.15]),
        "patient": DRAW.choice([f"p{n}" for n in range(14)], ROWS),
        "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(DRAW.integers(0, 40, ROWS), unit="D"),
    },
    index=[f"row {n}" for n in range(ROWS)],
)


def folds(table: pd.DataFrame = TABLE, count: int = 4, target: str = "c", **options: object) -> list[SplitIndex]:
    """The folds of a table; options of `preprocessing` by name, all others those of `Folding`."""
    preprocessing = {name: options.pop(name) for name in ("split", "sample_size") if name in options}
    kinds = {"c": "category", "x": "number"}
    config = {
        "input_features": [{"name": name, "type": kind} for name, kind in kinds.items() if name != target],
        "output_features": [{"name": target, "type": kinds[target]}],
        "preprocessing": preprocessing,
    }
    model, folding = LudwigModel(config), Folding(count, **options)  # type: ignore[arg-type]
    parsed = parsed_table(model, table, None, folding.sanitized_column, is_textual=folding.is_textual)
    return folding.folds(parsed, model.config_obj.preprocessing, 42)


def trained_on(fold: SplitIndex) -> np.ndarray:
    return np.sort(np.concatenate([fold.training, fold.validation]))


@pytest.mark.parametrize(
    "options", [{}, {"fold_type": "random"}, {"target": "x"}, {"fold_type": "group", "column": "patient"}]
)
def test_each_row_is_tested_once_and_trained_on_in_all_other_folds(options):
    found = folds(**options)
    assert np.array_equal(np.sort(np.concatenate([fold.test for fold in found])), np.arange(ROWS))
    for fold in found:
        assert np.array_equal(trained_on(fold), np.setdiff1d(np.arange(ROWS), fold.test))
        assert not np.intersect1d(fold.training, fold.validation).size


def test_folds_at_random_are_as_large_as_those_of_scikit_learn():
    expected = sorted(len(test) for _, test in KFold(4).split(TABLE))
    assert sorted(len(fold.test) for fold in folds(fold_type="random")) == expected
    assert sorted(len(fold.test) for fold in folds(target="x")) == expected


def test_by_default_the_classes_of_the_first_output_have_equal_shares():
    """A fold of scikit-learn has the floor or the ceiling of a class's share; so has each of ours."""
    classes = TABLE["c"].to_numpy()
    for fold, (_, test) in zip(folds(), StratifiedKFold(4, shuffle=True).split(TABLE, classes), strict=True):
        for name in "abc":
            share = (classes == name).sum() / 4
            assert np.floor(share) <= (classes[fold.test] == name).sum() <= np.ceil(share)
        assert abs(len(fold.test) - len(test)) <= 1


def test_numbers_are_stratified_by_a_column_that_is_named():
    for fold in folds(target="x", fold_type="stratified", column="c"):
        assert abs((TABLE["c"].iloc[fold.test] == "c").sum() - (TABLE["c"] == "c").sum() / 4) < 1


def test_groups_are_never_split_and_validation_does_not_split_them_either():
    groups = TABLE["patient"].to_numpy()
    for fold in folds(fold_type="group", column="patient"):
        parts = [set(groups[rows]) for rows in (fold.training, fold.validation, fold.test)]
        assert all(parts)
        assert not any(one & other for one, other in itertools.combinations(parts, 2))
    sizes = [len(fold.test) for fold in folds(fold_type="group", column="patient")]
    assert max(sizes) - min(sizes) <= np.unique(groups, return_counts=True)[1].max()


def test_a_rolling_origin_never_trains_on_the_future():
    days, before = TABLE["day"].to_numpy(), 0
    found = folds(fold_type="time", column="day")
    for fold in found:
        assert days[fold.training].max() <= days[fold.validation].min()
        assert days[trained_on(fold)].max() < days[fold.test].min()
        assert len(trained_on(fold)) > before
        before = len(trained_on(fold))
        assert set(trained_on(fold)) == set(np.flatnonzero(days < days[fold.test].min()))
    assert days[found[-1].test].max() == days.max()


@pytest.mark.parametrize("times", [np.arange(60)[::-1], [f"2024-{n // 5 + 1:02d}-{n % 5 + 1:02d}" for n in range(60)]])
def test_folds_of_distinct_times_are_those_of_scikit_learn(times):
    table = TABLE.head(60).assign(day=times)
    order = np.argsort(table["day"].to_numpy(), kind="stable")
    found = folds(table, 3, fold_type="time", column="day")
    for fold, (training, test) in zip(found, TimeSeriesSplit(3).split(order), strict=True):
        assert np.array_equal(trained_on(fold), np.sort(order[training]))
        assert np.array_equal(fold.test, np.sort(order[test]))


def test_a_splitter_of_scikit_learn_decides():
    for fold, (training, test) in zip(
        folds(splitter=KFold(4, shuffle=True, random_state=1)),
        KFold(4, shuffle=True, random_state=1).split(TABLE),
        strict=True,
    ):
        assert np.array_equal(trained_on(fold), training)
        assert np.array_equal(fold.test, test)


def test_a_splitter_without_a_seed_draws_from_that_of_the_call_and_leaves_that_of_the_process():
    before = np.random.get_state()[1].copy()
    one, two = folds(splitter=ShuffleSplit(4)), folds(splitter=ShuffleSplit(4))
    assert all(np.array_equal(a.test, b.test) for a, b in zip(one, two, strict=True))
    assert np.array_equal(np.random.get_state()[1], before)


def test_the_index_and_the_order_of_columns_play_no_part_and_the_seed_does():
    one, two = folds(), folds(TABLE.reset_index(drop=True)[["patient", "day", "c", "x"]])
    assert all(np.array_equal(a.training, b.training) for a, b in zip(one, two, strict=True))


class TestValidation:
    @pytest.mark.parametrize(
        ("probabilities", "share"), [(None, 1 / 8), ([0.6, 0.2, 0.2], 1 / 4), ([0.8, 0.2, 0], 1 / 5)]
    )
    def test_its_share_is_that_of_the_config_with_the_test_share_left_aside(self, probabilities, share):
        split = {} if probabilities is None else {"split": {"type": "random", "probabilities": probabilities}}
        for fold in folds(**split):
            assert abs(len(fold.validation) - share * len(trained_on(fold))) <= 1
            assert set(TABLE["c"].iloc[fold.validation]) == {"a", "b", "c"}  # stratified, as the folds are

    def test_a_share_of_nothing_holds_none_out(self):
        assert all(not len(f.validation) for f in folds(split={"type": "random", "probabilities": [0.8, 0, 0.2]}))

    def test_a_split_by_a_column_is_made_of_the_training_rows(self):
        days, groups = TABLE["day"].to_numpy(), TABLE["patient"].to_numpy()
        for fold in folds(split={"type": "datetime", "column": "day"}):
            assert days[fold.training].max() <= days[fold.validation].min()
        for fold in folds(split={"type": "group", "column": "patient"}):
            assert not {*groups[fold.training]} & {*groups[fold.validation]}

    def test_a_fixed_split_names_the_rows(self):
        table = TABLE.assign(part=np.arange(ROWS) % 3)
        for fold in folds(table, split={"type": "fixed", "column": "part"}):
            assert set(fold.validation) == {row for row in range(ROWS) if row % 3 == 1} - set(fold.test)
            assert len(trained_on(fold)) + len(fold.test) == ROWS

    def test_a_column_split_of_the_data_is_no_split_of_folds(self):
        assert all(len(fold.test) > 20 for fold in folds(TABLE.assign(split=0)))


def test_rows_that_sampling_leaves_out_are_in_no_fold():
    found = folds(sample_size=40)
    rows = np.concatenate([fold.test for fold in found])
    assert len(np.unique(rows)) == len(rows) == 40
    assert all(set(trained_on(fold)) | set(fold.test) == set(rows) for fold in found)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": None}, "num_folds must be an integer, at least 2. Received: None"),
        ({"count": 1}, "num_folds must be an integer, at least 2. Received: 1"),
        ({"count": True}, "Received: True"),
        ({"fold_type": "stratifed"}, "no fold_type 'stratifed'. Did you mean 'stratified'"),
        ({"fold_type": ["time"]}, "no fold_type"),
        ({"fold_type": "group"}, "needs fold_column"),
        ({"fold_type": "time"}, "needs fold_column"),
        ({"fold_type": "random", "column": "c"}, "Remove fold_column"),
        ({"column": "c"}, "fold_column needs fold_type"),
        ({"fold_type": "group", "column": 3}, "must be the name of a column. Received: 3"),
        ({"fold_type": "time", "splitter": KFold(4)}, "either fold_type or splitter"),
        ({"splitter": KFold}, "an object with a method `split`"),
        ({"splitter": "kfold"}, "an object with a method `split`"),
        ({"splitter": KFold(3)}, "makes 3 folds. Set num_folds to that: it is 4"),
        ({"target": "x", "fold_type": "stratified"}, "the output feature 'x' has none. Pass fold_column"),
    ],
)
def test_what_does_not_go_together_is_refused(options, message):
    with pytest.raises(ArgumentError, match=message):
        folds(**options)


class Odd:
    """A splitter that gives whatever it is made with."""

    def __init__(self, *pairs: tuple[list[object], list[object]]) -> None:
        self.pairs = pairs

    def split(self, X: object, y: object = None, groups: object = None) -> list[tuple[list[object], list[object]]]:
        return list(self.pairs)


GOOD = (list(range(50)), list(range(50, 97)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 98}, "97 rows, fewer than the 98 folds"),
        ({"count": 20}, r"The class 'c' of 'c' has \d+ rows, fewer than the 20 folds.* Set num_folds to"),
        ({"fold_type": "group", "column": "patients"}, r"no column 'patients' of fold_column \(Did you mean 'patient'"),
        ({"fold_type": "group", "column": "patient", "count": 15}, "14 groups, fewer than the 15 folds"),
        ({"fold_type": "time", "column": "day", "count": 60}, "too few different times for 60 folds"),
        ({"fold_type": "time", "column": "c"}, "97 cells of no date or time"),
        ({"splitter": Odd(GOOD, ([], [1])), "count": 2}, "gives fold_2 no training rows"),
        ({"splitter": Odd(GOOD, ([1], [])), "count": 2}, "gives fold_2 no test rows"),
        ({"splitter": Odd(GOOD, ([1, 2], [97])), "count": 2}, "a test row that is not there: the data has 97 rows"),
        ({"splitter": Odd(GOOD, ([1, 2], [2])), "count": 2}, "it tests as well, such as row 2"),
        ({"splitter": Odd(GOOD, (["a"], [2])), "count": 2}, "does not fit the data: it gives rows as"),
        ({"splitter": Odd(GOOD, ([1], [2])), "count": 2}, "fold_2 has one row to train on"),
        ({"splitter": StratifiedKFold(99), "count": 99}, "99 folds"),
        ({"splitter": StratifiedKFold(90), "count": 90}, "does not fit the data: n_splits=90"),
    ],
)
def test_data_that_does_not_fit_is_refused(options, message):
    with pytest.raises(InputDataError, match=message):
        folds(**options)


def test_a_series_that_is_not_split_in_order_of_time_gives_a_warning():
    table = pd.DataFrame({"x": np.sin(np.arange(60)), "t": np.arange(60)})
    series = {"name": "x", "type": "timeseries", "column": "x"}
    config = {
        "input_features": [{**series, "name": "past", "preprocessing": {"window_size": 4}}],
        "output_features": [{**series, "name": "future", "preprocessing": {"horizon": 2}}],
    }
    model = LudwigModel(config)
    parsed = parsed_table(model, table, None, "t", is_textual=False)
    with pytest.warns(LudwigWarning, match="Pass fold_type='time' with a fold_column"):
        Folding(3).folds(parsed, model.config_obj.preprocessing, 42)
    assert len(Folding(3, "time", "t").folds(parsed, model.config_obj.preprocessing, 42)) == 3


def test_repeated_folds_are_folds():
    assert len(folds(count=8, splitter=RepeatedKFold(n_splits=4, n_repeats=2))) == 8
