import logging

import numpy as np
import pytest

from ludwig.data.balance import balance, sample
from ludwig.error import InputDataError


def classes(zeros, ones):
    return np.random.default_rng(0).permutation(np.repeat([0, 1], [zeros, ones])).astype(np.uint8)


@pytest.mark.parametrize("minority", [0, 1])
@pytest.mark.parametrize("ratio", [0.5, 0.75, 1.0])
def test_oversampling_repeats_rows_of_the_minority(minority, ratio):
    target = classes(100, 20) if minority else classes(20, 100)
    rows = balance(target, oversample=ratio, undersample=None, seed=1)
    counts = np.bincount(target[rows])
    assert counts[1 - minority] == 100
    assert counts[minority] == round(100 * ratio)
    assert set(rows.tolist()) == set(range(120))  # no row is lost
    assert np.bincount(rows)[target == 1 - minority].tolist() == [1] * 100


@pytest.mark.parametrize("minority", [0, 1])
@pytest.mark.parametrize("ratio", [0.25, 0.5, 1.0])
def test_undersampling_leaves_rows_of_the_majority_out(minority, ratio):
    target = classes(100, 20) if minority else classes(20, 100)
    rows = balance(target, oversample=None, undersample=ratio, seed=1)
    counts = np.bincount(target[rows])
    assert counts[minority] == 20
    assert counts[1 - minority] == round(20 / ratio)
    assert len(set(rows.tolist())) == len(rows)


@pytest.mark.parametrize("option", ["oversample", "undersample"])
@pytest.mark.parametrize("target", [classes(100, 60), classes(100, 50), classes(50, 50)])
def test_nothing_changes_where_the_classes_are_balanced_already(option, target, caplog):
    options = {"oversample": None, "undersample": None, option: 0.5}
    with caplog.at_level(logging.INFO):
        rows = balance(target, **options, seed=1)
    assert rows.tolist() == list(range(len(target)))
    assert "are balanced already" in caplog.text


@pytest.mark.parametrize("ones", range(1, 30))
def test_oversampling_never_shrinks_the_minority(ones):
    target = classes(29, ones)
    for ratio in (0.1, 0.33, 0.5, 0.97):
        assert (np.bincount(target[balance(target, oversample=ratio, undersample=None, seed=0)]) >= [29, ones]).all()


@pytest.mark.parametrize("target", [classes(10, 0), classes(0, 10), classes(0, 0)])
def test_one_class_alone_cannot_be_balanced(target, caplog):
    with caplog.at_level(logging.WARNING):
        rows = balance(target, oversample=0.5, undersample=None, seed=0)
    assert rows.tolist() == list(range(len(target)))
    assert "rows of one class only" in caplog.text


def test_nothing_is_balanced_by_default(caplog):
    assert balance(classes(9, 1), oversample=None, undersample=None, seed=0).tolist() == list(range(10))
    assert caplog.text == ""


def test_more_than_two_classes_are_refused():
    with pytest.raises(InputDataError, match="for two classes; the target has 3"):
        balance(np.array([0, 1, 2]), oversample=0.5, undersample=None, seed=0)


@pytest.mark.parametrize("option", ["oversample", "undersample"])
def test_the_seed_decides_which_rows(option):
    options = {"oversample": None, "undersample": None, option: 0.9}
    one, same, other = (balance(classes(300, 30), **options, seed=seed).tolist() for seed in (1, 1, 2))
    assert one == same != other
    assert one == sorted(one)


def test_a_share_of_the_rows_is_kept():
    rows = sample(1000, 0.25, None, seed=1)
    assert rows is not None
    assert len(rows) == len(set(rows.tolist())) == 250
    assert rows.dtype == np.int64 and (np.diff(rows) > 0).all() and rows[0] >= 0 and rows[-1] < 1000
    assert sample(1000, 0.25, None, seed=1).tolist() == rows.tolist() != sample(1000, 0.25, None, seed=2).tolist()


def test_a_number_of_rows_is_kept():
    assert len(sample(1000, 1.0, 17, seed=1)) == 17


def test_all_rows_are_kept_without_a_message_by_default(caplog):
    assert sample(1000, 1.0, None, seed=1) is None
    assert caplog.text == ""


@pytest.mark.parametrize("size", [10, 11])
def test_a_size_that_is_no_limit_is_reported(size, caplog):
    with caplog.at_level(logging.WARNING):
        assert sample(10, 1.0, size, seed=1) is None
    assert f"sample_size is {size} and the data has 10 rows, so all are kept" in caplog.text
