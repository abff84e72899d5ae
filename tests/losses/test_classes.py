import pytest
import torch

from ludwig.error import ConfigValidationError
from ludwig.losses.classes import known, weights_of_classes

LABELS = ("apple", "pear", "plum")


def test_weights_may_be_given_by_label_in_any_order():
    assert weights_of_classes({"plum": 3, "apple": 0.5}, LABELS).tolist() == [0.5, 1.0, 3.0]


def test_labels_that_yaml_read_as_numbers_are_found():
    assert weights_of_classes({1: 2.0, 0: 4.0}, ("0", "1")).tolist() == [4.0, 2.0]


def test_a_list_is_in_the_order_of_the_ids():
    assert weights_of_classes([1, 2.5, 3], LABELS).tolist() == [1.0, 2.5, 3.0]


def test_an_unknown_label_is_refused_with_the_nearest():
    with pytest.raises(ConfigValidationError, match=r"'pair' is not a class.*Did you mean 'pear'.*apple, pear, plum"):
        weights_of_classes({"pair": 2.0}, LABELS)


def test_a_list_of_the_wrong_length_is_refused():
    with pytest.raises(ConfigValidationError, match="has 2 weights, and the data has 3 classes: apple, pear, plum"):
        weights_of_classes([1.0, 2.0], LABELS)


def test_labels_are_refused_where_the_classes_have_none():
    with pytest.raises(ConfigValidationError, match="have no labels; give a list"):
        weights_of_classes({"apple": 2.0}, ())


@pytest.mark.parametrize("target", [torch.tensor([2, -1, 0], dtype=torch.int8), torch.tensor([2.0, torch.nan, 0.0])])
def test_unknown_ids_become_valid_ones_and_are_masked(target):
    ids, there = known(target)
    assert ids.tolist() == [2, 0, 0]
    assert there.tolist() == [True, False, True]
