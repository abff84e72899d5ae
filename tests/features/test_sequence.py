"""Sequences: what differs from texts, and cells that are lists."""

import numpy as np
import pandas as pd
import pytest

from ludwig.error import InputDataError
from ludwig.features.sequence import SequenceFeature


def words(cells: list, **options: object) -> list[list[str]]:
    feature = SequenceFeature(SequenceFeature.Config(**options), "s")
    parsed = feature.parse(pd.Series(cells, dtype=object))
    facts = feature.finish(feature.tally(parsed))
    column = feature.encode(parsed, facts).column
    rows = [column.values[start:end].tolist() for start, end in zip(column.offsets, column.offsets[1:], strict=False)]
    return [[facts.vocabulary.words[place] for place in row] for row in rows]


def test_symbols_stand_between_spaces():
    assert words(["A-1 b, c", "b,"]) == [["A-1", "b,", "c"], ["b,"]]


@pytest.mark.parametrize("kind", [list, tuple, np.array])
def test_a_list_is_a_sequence(kind):
    assert words([kind(["a", "b"]), kind(["b"]), "a a"]) == [["a", "b"], ["b"], ["a", "a"]]


def test_numbers_in_lists_are_symbols():
    assert words([[1, 2], [2]]) == [["1", "2"], ["2"]]


def test_a_token_with_the_separator_in_it_is_refused_and_another_tokenizer_takes_it():
    cells = [["New York", "Rome"], ["Rome"]]
    with pytest.raises(InputDataError, match=r"'New York', 'Rome'.* in row 0.*such as comma"):
        words(cells)
    assert words(cells, tokenizer="comma") == [["New York", "Rome"], ["Rome"]]
