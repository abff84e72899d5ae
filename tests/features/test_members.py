"""Sets and bags, however their cells are written."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ludwig.error import InputDataError
from ludwig.features.bag import BagFeature
from ludwig.features.members import MemberFacts
from ludwig.features.set import SetFeature

CELLS = [["b", "a", "a"], [], ["c d", "a"], None, [3, 2.0]]
LISTS = [
    pd.Series(CELLS, dtype=object),
    pd.Series([None if cell is None else tuple(cell) for cell in CELLS], dtype=object),
    pd.Series([None if cell is None else np.array(cell, dtype=object) for cell in CELLS], dtype=object),
    pd.Series([np.nan if cell is None else [*cell, None] for cell in CELLS], dtype=object),
    pd.Series(
        [
            None if cell is None else [*map(str, cell[:-1]), str(cell[-1]).removesuffix(".0")] if cell else []
            for cell in CELLS
        ],
        dtype=pd.ArrowDtype(pa.list_(pa.string())),
    ),
]
TEXT = pd.Series(["b, a,a", "", "c d,a", None, "3,2"])


def rows_of(kind, column: pd.Series, facts: MemberFacts | None = None, *, target: bool = False, **options: object):
    """Each row's tokens, as they are named in the vocabulary; and the fitted state."""
    feature = kind((kind.TargetConfig if target else kind.Config)(tokenizer="comma", **options), "s", target=target)
    cells = feature.parse(column)
    facts = facts or feature.finish(feature.tally(cells))
    column = feature.encode(cells, facts).column
    words = facts.vocabulary.words
    if target:
        return [[words[place] for place in np.flatnonzero(row)] for row in column.values.numpy()], facts
    rows = np.split(column.values.numpy(), column.offsets[1:-1].numpy())
    if kind is SetFeature:
        return [[words[place] for place in row] for row in rows], facts
    return [{words[place]: int(count) for place, count in row} for row in rows], facts


@pytest.mark.parametrize("column", [*LISTS, TEXT], ids=lambda column: type(column.iloc[0]).__name__)
def test_a_set_reads_alike_in_every_form(column):
    rows, facts = rows_of(SetFeature, column)
    assert rows == [["a", "b"], [], ["a", "c d"], ["<UNK>"], ["2", "3"]]
    assert (facts.largest, facts.mean_size) == (2, 6 / 4)
    assert dict(zip(facts.vocabulary.words, facts.vocabulary.counts, strict=True)) == {
        "<UNK>": 1, "a": 2, "2": 1, "3": 1, "b": 1, "c d": 1,
    }  # fmt: skip


@pytest.mark.parametrize("column", [*LISTS, TEXT], ids=lambda column: type(column.iloc[0]).__name__)
def test_a_bag_counts(column):
    rows, facts = rows_of(BagFeature, column)
    assert rows == [{"a": 2, "b": 1}, {}, {"a": 1, "c d": 1}, {"<UNK>": 1}, {"2": 1, "3": 1}]
    assert facts.mean_size == 7 / 4


def test_unlisted_tokens_are_one_unknown_member():
    facts = rows_of(SetFeature, TEXT, most_common=1)[1]
    assert facts.vocabulary.words == ("<UNK>", "a")
    assert rows_of(SetFeature, pd.Series(["x,y,a"]), facts)[0] == [["<UNK>", "a"]]
    assert rows_of(BagFeature, pd.Series(["x,y,a,x"]), facts)[0] == [{"<UNK>": 3, "a": 1}]


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ({"fill_value": "z,a"}, ["a", "z"]),
        ({"missing_value_strategy": "fill_with_mode"}, ["a", "b"]),
        ({"missing_value_strategy": "bfill"}, ["c"]),
        ({"missing_value_strategy": "ffill"}, ["a", "b"]),
    ],
)
def test_a_missing_set_is_filled(strategy, expected):
    column = pd.Series(["b,a", "a,b,a", None, "c"])
    assert sorted(rows_of(SetFeature, column, **strategy)[0][2]) == expected


def test_a_target_has_only_labels_of_the_training_split():
    column = pd.Series(["a,b", "a", "b,c,a", ""])
    rows, facts = rows_of(SetFeature, column, target=True, most_common=2)
    assert facts.vocabulary.words == ("a", "b")
    assert rows == [["a", "b"], ["a"], ["a", "b"], []]
    assert rows_of(SetFeature, pd.Series(["z,b"]), facts, target=True)[0] == [["b"]]
    with pytest.raises(InputDataError, match="'s' has no label in the training split"):
        rows_of(SetFeature, pd.Series(["", ""]), target=True)
    assert MemberFacts.from_json(json.loads(json.dumps(facts.to_json()))) == facts
    assert {"idx2str", "str2idx", "str2freq", "vocab_size", "max_set_size"} <= facts.to_json().keys()


def test_entries_must_be_single_values_and_tokenizers_must_leave_the_vocabulary_to_the_data():
    with pytest.raises(InputDataError, match="column 'tags' has a list"):
        rows_of(SetFeature, pd.Series([[["a"]]], dtype=object, name="tags"))
    assert SetFeature.Config(tokenizer="hf_tokenizer").faults()[0][0] == "tokenizer"
    assert SetFeature.Config(tokenizer="comma").faults() == []
