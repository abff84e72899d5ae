"""Numbers, binaries, categories and vectors: what their cells become, against numpy and scikit-learn."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from ludwig.error import InputDataError
from ludwig.features import FEATURES


def learned(kind: str, column: list, *, target: bool = False, **options: object):
    cls = FEATURES.get(kind)
    feature = cls((cls.TargetConfig if target else cls.Config)(**options), "f", target=target)
    cells = feature.parse(column if isinstance(column, pd.Series) else pd.Series(column))
    facts = feature.finish(feature.tally(cells))
    return feature, facts, feature.encode(cells, facts)


NUMBERS = [1.0, -3.0, 10.0, 4.5, 2.0, 0.5, 7.0]


@pytest.mark.parametrize(
    ("normalization", "expected"),
    [
        ("zscore", StandardScaler()),
        ("minmax", MinMaxScaler()),
        ("iq", RobustScaler()),
    ],
)
def test_numbers_are_scaled_as_scikit_learn_scales_them(normalization, expected):
    _, facts, result = learned("number", NUMBERS, normalization=normalization)
    theirs = expected.fit_transform(np.array(NUMBERS)[:, None])[:, 0]
    np.testing.assert_allclose(result.column.values.numpy(), theirs, rtol=1e-5, atol=1e-6)
    back = facts.scaling.undo(result.column.values)
    np.testing.assert_allclose(back.numpy(), NUMBERS, rtol=1e-5)


def test_the_logarithm_and_nothing():
    positive = [0.0, 1.0, 9.0]
    _, facts, result = learned("number", positive, normalization="log1p")
    np.testing.assert_allclose(result.column.values.numpy(), np.log1p(positive), rtol=1e-6)
    np.testing.assert_allclose(facts.scaling.undo(result.column.values).numpy(), positive, atol=1e-5)
    assert learned("number", positive, normalization=None)[2].column.values.tolist() == positive


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"missing_value_strategy": "fill_with_const", "fill_value": 9.0}, [1, 9, 1, 4]),
        ({"missing_value_strategy": "fill_with_mean"}, [1, 2, 1, 4]),
        ({"missing_value_strategy": "fill_with_mode"}, [1, 1, 1, 4]),
        ({"missing_value_strategy": "ffill"}, [1, 1, 1, 4]),
        ({"missing_value_strategy": "bfill"}, [1, 1, 1, 4]),
    ],
)
def test_missing_numbers_are_filled(options, expected):
    assert learned("number", [1, None, 1, 4], normalization=None, **options)[2].column.values.tolist() == expected


def test_outliers_are_treated_as_configured():
    column = [0.0] * 50 + [1.0] * 50 + [500.0]
    options = {"normalization": None, "outlier_threshold": 3.0}
    filled = learned("number", column, outlier_strategy="fill_with_const", **options)[2].column.values
    assert filled[-1] == 0
    assert filled[:100].tolist() == column[:100]
    dropped = learned("number", column, outlier_strategy="drop_row", **options)[2].dropped
    assert dropped.tolist() == [False] * 100 + [True]
    assert learned("number", column, **options)[2].column.values[-1] == 500


def test_quantiles_are_those_of_the_scaled_values():
    values = np.random.default_rng(0).exponential(size=4001)
    _, facts, result = learned("number", values.tolist())
    expected = np.quantile(result.column.values.numpy(), np.linspace(0, 1, 9))
    np.testing.assert_allclose(facts.quantiles(9).numpy(), expected, atol=0.01)


@pytest.mark.parametrize(
    "column",
    [["1", "2.5", "-3e1"], pd.Series([1, 2.5, -30]), pd.Series([1, 2.5, -30]).astype("category"), [1, "2.5", -30.0]],
)
def test_numbers_may_be_written_in_many_ways(column):
    assert learned("number", column, normalization=None)[2].column.values.tolist() == [1, 2.5, -30]


def test_words_get_ids_by_frequency_and_an_unseen_one_is_unknown():
    feature, facts, result = learned("category", ["b", "a", "b", "c", "c", "b"])
    assert facts.vocabulary.words == ("<UNK>", "b", "c", "a")
    assert facts.vocabulary.counts == (0, 3, 2, 1)
    assert result.column.values.tolist() == [1, 3, 1, 2, 2, 1]
    assert feature.encode(feature.parse(pd.Series(["zz", None])), facts).column.values.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("options", "known"),
    [
        ({}, ["a", "b"]),  # of 300 rows, words that occur three times
        ({"min_count": 1}, ["a", "b", "c", "d"]),
        ({"min_count": 3, "most_common": 1}, ["a"]),
        ({"min_count": 4}, ["a"]),
    ],
)
def test_rare_words_are_unknown(options, known):
    column = ["a"] * 294 + ["b"] * 3 + ["c"] * 2 + ["d"]
    _, facts, result = learned("category", column, **options)
    assert facts.vocabulary.words == ("<UNK>", *known)
    assert facts.vocabulary.counts[0] == 300 - sum(column.count(word) for word in known)
    ids = result.column.values.tolist()
    assert [ids[0], ids[296], ids[298], ids[299]] == [
        known.index(word) + 1 if word in known else 0 for word in ("a", "b", "c", "d")
    ]


@pytest.mark.parametrize(("rows", "least"), [(60, 1), (250, 2), (499, 4), (500, 5), (10_000, 5)])
def test_how_rare_is_rare_follows_from_the_rows(rows, least):
    column = [word for count in range(1, 7) for word in [f"w{count}"] * count] + ["x"] * (rows - 21)
    _, facts, _ = learned("category", column)
    assert {word for word in facts.vocabulary.words if word.startswith("w")} == {f"w{n}" for n in range(least, 7)}


def test_rare_classes_of_a_target_are_classes():
    _, facts, _ = learned("category", ["a"] * 900 + ["b"], target=True)
    assert facts.vocabulary.words == ("a", "b")


def test_robust_numbers_are_scaled_by_quartiles_and_bounded():
    draw = np.random.default_rng(0)
    column = np.append(draw.normal(50, 9, 999), 1e9)
    _, _, result = learned("number", column)
    low, middle, high = np.quantile(column, [0.25, 0.5, 0.75])
    scaled = (column - middle) / (high - low)
    expected = scaled / np.sqrt(1 + (scaled / 3) ** 2)
    np.testing.assert_allclose(result.column.values, expected, atol=2e-3)
    assert result.column.values.max() == pytest.approx(3, rel=1e-6)


def test_a_missing_number_is_kept_where_training_has_some_and_else_the_median():
    _, with_some, result = learned("number", [1.0, np.nan, 3.0, 5.0, 9.0])
    assert with_some.keeps_missing
    assert result.column.values.isnan().tolist() == [False, True, False, False, False]
    feature, without, _ = learned("number", [1.0, 3.0, 5.0, 9.0, 11.0])
    assert not without.keeps_missing
    assert feature.encode(feature.parse(pd.Series([np.nan, 5.0])), without).column.values.tolist() == [0.0, 0.0]


def test_ties_are_broken_by_code_point():
    _, facts, _ = learned("category", ["é", "z", "Z", "10", "9", "z", None], missing_value_strategy="fill_with_mode")
    assert facts.vocabulary.words == ("<UNK>", "z", "10", "9", "Z", "é")
    assert learned("category", ["é", "b"], missing_value_strategy="fill_with_mode")[1].fill == "b"


def test_a_chunk_of_whole_numbers_reads_like_the_column_it_is_of():
    feature, facts, result = learned("category", [1.0, 2.5, None, 1e300])
    assert set(facts.vocabulary.words) == {"<UNK>", "1", "2.5", "1e+300"}
    assert feature.encode(feature.parse(pd.Series([1.0])), facts).column.values[0] == result.column.values[0]


def test_moments_and_quantiles_of_a_long_column_are_close_to_those_of_numpy():
    values = np.random.default_rng(0).normal(5, 2, size=150_000)
    _, facts, _ = learned("number", values)
    assert facts.mean == pytest.approx(values.mean(), rel=1e-14)
    assert facts.std == pytest.approx(values.std(), rel=1e-14)
    assert (facts.grid[0], facts.grid[-1]) == (values.min(), values.max())
    assert list(facts.grid) == sorted(facts.grid)
    np.testing.assert_allclose(facts.grid, np.quantile(values, np.linspace(0, 1, 257)), rtol=2**-11)


def test_a_target_has_no_unknown_class():
    feature, facts, _ = learned("category", ["b", "a", "b", None], target=True)
    assert facts.vocabulary.words == ("b", "a")
    assert feature.encode(feature.parse(pd.Series(["zz"])), facts).column.values.tolist() == [-1]


@pytest.mark.parametrize(
    "column",
    [
        [1, 2, 1],
        [1.0, 2.0, None],
        ["1", "2", "1"],
        pd.Series([1, 2, 1], dtype="Int64"),
        pd.Series(["1", "2", "1"], dtype="category"),
    ],
)
def test_a_label_reads_alike_however_it_is_stored(column):
    assert set(learned("category", column)[1].vocabulary.words) == {"<UNK>", "1", "2"}


def test_small_vocabularies_take_small_integers():
    assert learned("category", list("abc"))[2].column.values.dtype == torch.int8
    assert learned("category", [str(i) for i in range(300)], min_count=1)[2].column.values.dtype == torch.int16


@pytest.mark.parametrize(
    ("column", "labels", "textual"),
    [
        ([True, False], ("False", "True"), False),
        ([1, 0], ("False", "True"), False),
        (["yes", "no"], ("no", "yes"), True),
        (["N", "Y"], ("N", "Y"), True),
        (["human", "bot"], ("human", "bot"), True),  # the first in the alphabet is true
        (["yes", "maybe"], ("maybe", "yes"), True),
        ([-1, 1], ("-1", "1"), True),
    ],
)
def test_which_label_is_true(column, labels, textual):
    _, facts, _ = learned("binary", column, target=True)
    assert (facts.labels, facts.textual) == (labels, textual)


def test_the_true_label_can_be_chosen():
    assert learned("binary", ["human", "bot"], fallback_true_label="human")[1].true_label == "human"
    with pytest.raises(InputDataError, match="which is neither"):
        learned("binary", ["human", "bot"], fallback_true_label="cat")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 0),
        ({"missing_value_strategy": "fill_with_true"}, 1),
        ({"missing_value_strategy": "fill_with_mode"}, 1),
        ({"fill_value": "yes"}, 1),
    ],
)
def test_missing_binaries_are_filled(options, expected):
    assert learned("binary", [True, True, False, None], **options)[2].column.values.tolist() == [1, 1, 0, expected]


def test_predictions_of_a_binary_speak_its_labels():
    feature, facts, _ = learned("binary", ["no", "yes"], target=True)
    found = feature.decode({"predictions": np.array([True, False]), "probabilities": np.array([0.75, 0.25])}, facts)
    assert found["predictions"].tolist() == ["yes", "no"]
    assert found["probabilities"].tolist() == [[0.25, 0.75], [0.75, 0.25]]
    assert found["probability"].tolist() == [0.75, 0.75]
    assert found["probabilities_yes"].tolist() == [0.75, 0.25]


@pytest.mark.parametrize(
    "column",
    [
        ["1 2", "3 4.5"],
        ["[1, 2]", "(3, 4.5)"],
        [[1, 2], [3, 4.5]],
        [np.array([1, 2]), np.array([3, 4.5])],
        [(1, 2), [3, 4.5]],
    ],
)
def test_vectors_may_be_written_in_many_ways(column):
    assert learned("vector", column)[2].column.values.tolist() == [[1, 2], [3, 4.5]]


def test_the_mode_of_vectors_is_the_least_of_the_most_frequent():
    column = ["3 4", "1 2", "3 4", "1 2", "0 0", None]
    assert learned("vector", column, missing_value_strategy="fill_with_mode")[1].fill == (1, 2)


def test_chunks_of_vectors_must_have_one_size():
    feature, *_ = learned("vector", ["1 2"])
    one, two, missing = (feature.tally(feature.parse(pd.Series([cell]))) for cell in ("1 2", "1 2 3", None))
    assert feature.finish(missing.merge(one)).size == 2
    with pytest.raises(InputDataError, match="one size. It has some of 2 and of 3 numbers"):
        feature.finish(one.merge(two))


def test_missing_vectors_are_zeros_or_as_configured():
    assert learned("vector", ["1 2", None])[2].column.values.tolist() == [[1, 2], [0, 0]]
    assert learned("vector", ["1 2", None], fill_value="5 6")[2].column.values.tolist() == [[1, 2], [5, 6]]
    with pytest.raises(InputDataError, match="must have vectors of 2 numbers, as in training. It has 3"):
        feature, facts, _ = learned("vector", ["1 2"])
        feature.encode(feature.parse(pd.Series(["1 2 3"])), facts)


def test_categories_that_no_row_has_are_no_values():
    flags = pd.Series(pd.Categorical(["no", "yes", "no"], categories=["maybe", "yes", "no"]))
    assert learned("binary", flags)[2].column.values.tolist() == [0, 1, 0]
    assert learned("category", flags)[1].vocabulary.words == ("<UNK>", "no", "yes")


def test_whole_numbers_in_a_categorical_column_may_be_missing():
    column = pd.Series(pd.Categorical([1, 2, None, 1]))
    _, _, result = learned(
        "number", column, normalization=None, missing_value_strategy="fill_with_const", fill_value=9.0
    )
    assert result.column.values.tolist() == [1, 2, 9, 1]


@pytest.mark.parametrize("target", [False, True])
def test_log1p_holds_below_the_least_number_of_training(target):
    feature, facts, _ = learned("number", [5.0, 10.0], target=target, normalization="log1p")
    later = np.array([1.0, -0.5, 7.0])
    values = feature.encode(feature.parse(pd.Series(later)), facts).column.values
    logs = np.log1p([5.0, 10.0])
    mean, std = (logs.mean(), logs.std()) if target else (0.0, 1.0)  # a target is standardised after it
    np.testing.assert_allclose(values.numpy(), (np.log1p(later) - mean) / std, rtol=1e-5)
    beyond = feature.encode(feature.parse(pd.Series([-1.0, -3.0])), facts).column.values  # which have no logarithm
    np.testing.assert_allclose(beyond.numpy(), (np.log1p([5.0, 5.0]) - mean) / std, rtol=1e-5)


@pytest.mark.parametrize("normalization", ["zscore", "minmax", "iq", "log1p"])
def test_a_target_is_standardised_after_its_normalisation(normalization):
    column = np.random.default_rng(0).gamma(2.0, 50.0, 500)
    by_hand = {
        "zscore": lambda y: y,
        "minmax": lambda y: (y - column.min()) / np.ptp(column),
        "iq": lambda y: (y - np.median(column)) / np.subtract(*np.quantile(column, [0.75, 0.25])),
        "log1p": np.log1p,
    }[normalization]
    _, facts, result = learned("number", column, target=True, normalization=normalization)
    expected = StandardScaler().fit_transform(by_hand(column)[:, None])[:, 0]
    np.testing.assert_allclose(result.column.values.numpy(), expected, atol=2e-6)
    own = facts.scaling.undo(torch.from_numpy(expected)).numpy()
    np.testing.assert_allclose(own, column, rtol=1e-9)
    _, _, as_input = learned("number", column, normalization=normalization)
    if normalization != "zscore":
        np.testing.assert_allclose(as_input.column.values.numpy(), by_hand(column), atol=2e-6)


def test_a_target_without_normalisation_stays_as_it_is():
    _, _, result = learned("number", [5.0, 10.0], target=True, normalization=None)
    assert result.column.values.tolist() == [5.0, 10.0]


def test_the_logarithms_of_a_target_are_summed_alike_in_chunks():
    counts = np.random.default_rng(0).poisson(20.0, 100)
    feature, facts, _ = learned("number", counts, target=True, normalization="log1p")
    one, two = (feature.tally(feature.parse(pd.Series(part))) for part in np.split(counts, [37]))
    assert feature.finish(two.merge(one)) == facts


@pytest.mark.parametrize("strategy", ["bfill", "ffill", "fill_with_mean"])
def test_an_outlier_without_a_neighbour_becomes_the_mean(strategy):
    column = [0.0] * 9 + [10.0]
    options = {"normalization": None, "outlier_strategy": strategy, "outlier_threshold": 2.0}
    feature, facts, result = learned("number", column, **options)
    alone = feature.encode(feature.parse(pd.Series([10.0])), facts).column.values
    assert alone.item() == pytest.approx(np.mean(column))
    assert result.column.values[-1].item() == pytest.approx(np.mean(column) if strategy == "fill_with_mean" else 0.0)


def test_the_fill_value_is_read_as_the_cells_are():
    _, facts, result = learned("category", ["none", "A", None], lowercase=True, fill_value="None")
    assert facts.vocabulary.words == ("<UNK>", "none", "a")
    assert result.column.values.tolist() == [1, 2, 1]
    assert learned("category", ["A", None], lowercase=True)[2].column.values.tolist() == [1, 0]  # <UNK> stays unknown


@pytest.mark.parametrize("kind", ["vector", "timeseries"])
@pytest.mark.parametrize("value", ["1 inf", "nan", "1e999", "one"])
def test_fill_values_are_finite_numbers(kind, value):
    for config in (FEATURES.get(kind).Config, FEATURES.get(kind).TargetConfig):
        [(name, text)] = config(fill_value=value).faults()
        assert name == "fill_value" and repr(value) in text
