"""Errors that users meet."""

import copy
import pickle

import pytest

from ludwig import error
from ludwig.error import LudwigError, MissingExtraError

PLAIN = [
    kind
    for kind in vars(error).values()
    if isinstance(kind, type) and issubclass(kind, LudwigError) and kind is not MissingExtraError
]


@pytest.mark.parametrize("one", [*(kind("a, b") for kind in PLAIN), MissingExtraError("Pillow", "image", "Reading")])
def test_errors_come_back_from_other_processes(one):
    for again in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one)):
        assert type(again) is type(one)
        assert str(again) == str(one)


def test_sentences_agree_in_number_and_article():
    assert [error.counted(number, "row") for number in (0, 1, 2)] == ["0 rows", "one row", "2 rows"]
    assert [error.with_article(kind) for kind in ("number", "image")] == ["a number", "an image"]
