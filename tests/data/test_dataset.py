"""Preprocessed data as users see it."""

import numpy as np
import pytest
import torch

from ludwig.columns import Dense, Frame, Ragged
from ludwig.data.dataset import Dataset
from ludwig.error import ArgumentError


@pytest.fixture
def data():
    texts = Ragged.of([torch.tensor([1, 2]), torch.tensor([3, 4]), torch.tensor([5, 6])])
    return Dataset(Frame.of({"a": Dense(torch.tensor([1.0, 2.0, 3.0])), "t": texts}), {"a": "a_1f", "t": "t_2e"})


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_sequences_are_one_cell_a_row(data, rows):
    part = Dataset(data.frame.rows(torch.arange(rows)), data.features)
    cells = part.get("t_2e")
    assert cells.shape == (rows,)
    assert [cell.tolist() for cell in cells] == [[1, 2], [3, 4], [5, 6]][:rows]
    assert len(part.to_df()) == len(part.to_scalar_df()) == rows


def test_rows_of_a_column(data):
    np.testing.assert_array_equal(data.get("a_1f", [2, 0]), [3.0, 1.0])


def test_a_column_that_is_not_there_is_reported(data):
    with pytest.raises(ArgumentError, match=r"no column 'a_1e'\. Did you mean 'a_1f'\? Columns: a_1f, t_2e"):
        data.get("a_1e")
