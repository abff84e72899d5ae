import json

import numpy as np
import pandas as pd
import pytest

from ludwig.error import InputDataError, LudwigWarning
from ludwig.features.timeseries import SeriesFacts, TimeseriesFeature


def encoded(column: list, *, target: bool = False, **options: object):
    config = (TimeseriesFeature.TargetConfig if target else TimeseriesFeature.Config)(**options)
    feature = TimeseriesFeature(config, "s", target=target)
    cells = feature.parse(pd.Series(column))
    facts = feature.finish(feature.tally(cells))
    return feature.encode(cells, facts), facts


def own_units(result, facts: SeriesFacts) -> list[list[float]]:
    ragged = result.column
    values = facts.scaling.undo(ragged.values).numpy().round(4)
    return [part.tolist() for part in np.split(values, ragged.offsets[1:-1].numpy())]


def test_a_window_holds_a_row_and_those_before_it():
    result, facts = encoded([1.0, 2.0, 3.0, 4.0], window_size=3)
    assert own_units(result, facts) == [[1], [1, 2], [1, 2, 3], [2, 3, 4]]


def test_a_horizon_holds_the_rows_after_a_row():
    result, facts = encoded([1.0, 2.0, 3.0, 5.0], target=True, horizon=2)
    rows = facts.scaling.undo(result.column.values).numpy()
    np.testing.assert_allclose(rows[:3], [[2, 3], [3, 5], [5, np.nan]], atol=1e-6)
    assert result.dropped.tolist() == [False, False, False, True]  # nothing is known of what follows the last row


def test_series_in_cells_may_be_text_or_lists_of_any_length():
    for column in (["1 2", "3", "4 5 6"], [[1, 2], [3], [4, 5, 6]]):
        result, facts = encoded(column)
        assert own_units(result, facts) == [[1, 2], [3], [4, 5, 6]]


def test_values_are_standardised_by_all_steps():
    _, facts = encoded(["1 2", "3 6"])
    assert facts.mean == np.mean([1, 2, 3, 6])
    assert facts.std == pytest.approx(np.std([1, 2, 3, 6]))


def test_the_longest_series_counts_steps_that_are_missing():
    assert encoded(["nan nan nan", "1 2"])[1].longest == 3


def test_only_the_last_steps_of_a_long_series_are_read():
    result, facts = encoded(["1 2 3 4", "5"], timeseries_length_limit=2)
    assert own_units(result, facts) == [[3, 4], [5]]


def test_a_missing_series_is_filled_with_the_mean_or_as_configured():
    result, facts = encoded(["1 3", None])
    assert own_units(result, facts) == [[1, 3], [2]]
    result, facts = encoded(["1 3", None], fill_value="7 8")
    assert own_units(result, facts) == [[1, 3], [7, 8]]
    result, facts = encoded(["1 3", None, "5"], missing_value_strategy="ffill")
    assert own_units(result, facts) == [[1, 3], [1, 3], [5]]


def test_one_number_a_row_needs_a_window_or_a_horizon():
    with pytest.raises(InputDataError, match=r"preprocessing\.window_size"):
        encoded([1.0, 2.0])
    with pytest.raises(InputDataError, match=r"preprocessing\.horizon"):
        encoded([1.0, 2.0], target=True)


@pytest.mark.parametrize(("cell", "words"), [("1 a", "not lists of numbers"), ("1 inf", "infinite")])
def test_odd_cells_are_reported(cell, words):
    with pytest.raises(InputDataError, match=f"has 2 cells of 3 .*{words}"):
        encoded([cell, "1 2", cell])
    with pytest.warns(LudwigWarning, match=f"has one cell of 3 .*{words}.* read as missing"):
        result, facts = encoded(["3", cell, "1 2"])
    assert own_units(result, facts) == [[3], [2], [1, 2]]  # the mean in its place


def test_facts_survive_json_and_tallies_merge():
    _, facts = encoded(["1 2", "3 6", "4"])
    assert SeriesFacts.from_json(facts.to_json()) == facts
    feature = TimeseriesFeature(TimeseriesFeature.Config(), "s")
    parts = [feature.tally(feature.parse(pd.Series(part))) for part in (["1 2"], ["3 6", "4"])]
    merged = feature.finish(parts[0].merge(parts[1]))
    assert merged.mean == pytest.approx(facts.mean)
    assert merged.std == pytest.approx(facts.std)
    assert merged.longest == facts.longest


def test_a_missing_series_is_filled_with_the_most_frequent_one():
    column = ["9 9", "1 2", "1 2", None, "nan", "9 9"]  # of two that are as frequent the least
    result, facts = encoded(column, missing_value_strategy="fill_with_mode")
    assert own_units(result, facts) == [[9, 9], [1, 2], [1, 2], [1, 2], [1, 2], [9, 9]]
    result, facts = encoded(["1 nan", "1 nan", None, "4"], missing_value_strategy="fill_with_mode")
    assert own_units(result, facts) == [[1, 2], [1, 2], [1, 2], [4]]  # a missing step is the mean of all steps
    assert SeriesFacts.from_json(json.loads(json.dumps(facts.to_json()))) == facts


@pytest.mark.parametrize("kind", [float, object, "category"])
def test_a_column_that_is_missing_as_a_whole_has_no_series_of_its_own(kind):
    feature = TimeseriesFeature(TimeseriesFeature.Config(), "s")
    facts = feature.finish(feature.tally(feature.parse(pd.Series(["1 2", "3"]))))
    result = feature.encode(feature.parse(pd.Series([None, None], dtype=kind)), facts)
    assert own_units(result, facts) == [[2], [2]]


def test_a_window_over_categories_that_are_whole_numbers():
    _, facts = encoded([1, 2, 3, 2], window_size=2)  # a mean of 2 over all windows
    column = pd.Series(pd.Categorical([1, 2, None, 3]))
    feature = TimeseriesFeature(TimeseriesFeature.Config(window_size=2), "s")
    again = feature.encode(feature.parse(column), facts)
    assert own_units(again, facts) == [[1], [1, 2], [2, 2], [2, 3]]


def grouped(table: pd.DataFrame, *, target: bool = False, **options: object) -> list[list[float]]:
    config = (TimeseriesFeature.TargetConfig if target else TimeseriesFeature.Config)(group="id", **options)
    cells = TimeseriesFeature(config, "s", target=target).parse_of(table, "s")
    return [[value for value in each if value is not None] for each in cells.each()]


IDS = {"s": [1.0, 10.0, 2.0, 3.0, 20.0, 30.0], "id": ["a", "b", "a", "a", "b", "b"]}


def test_windows_and_horizons_keep_to_the_rows_of_their_id():
    table = pd.DataFrame(IDS)
    assert grouped(table, window_size=2) == [[1], [10], [1, 2], [2, 3], [10, 20], [20, 30]]
    assert grouped(table, target=True, horizon=2) == [[2, 3], [20, 30], [3], [], [30], []]


@pytest.mark.parametrize("ids", [[1, 2, 1, 1, 2, 2], [1.5, None, 1.5, 1.5, None, None], pd.Categorical(IDS["id"])])
def test_ids_may_be_of_any_type_and_missing_ones_are_one_series(ids):
    assert grouped(pd.DataFrame({**IDS, "id": ids}), window_size=2) == grouped(pd.DataFrame(IDS), window_size=2)


def test_a_group_needs_rows_that_form_a_series():
    assert TimeseriesFeature.Config(group="id").faults()[0][0] == "group"
    assert TimeseriesFeature.TargetConfig(group=" ", horizon=2).faults() == [("group", "Must not be empty.")]
    assert TimeseriesFeature.Config(group="id", window_size=3).faults() == []


def test_a_horizon_beyond_the_table_is_refused_with_its_numbers():
    encoded([1.0, 2.0, 3.0], target=True, horizon=2)
    with pytest.raises(InputDataError, match="horizon of 3 rows, .* more than 2 rows after it. Set .* to 2 at most"):
        encoded([1.0, 2.0, 3.0], target=True, horizon=3)
