"""A model as a function of a table or of an array."""

from __future__ import annotations

import numpy as np
import pytest

from ludwig.error import ArgumentError
from ludwig.explain import predict_function
from tests.explain.conftest import table


def test_numbers_and_probabilities_are_those_of_predict(line, logistic):
    rows = table(6, 1)
    numbers, _ = line.predict(rows)
    np.testing.assert_allclose(predict_function(line, "y")(rows), numbers["y_predictions"], rtol=1e-6)
    of_classes, _ = logistic.predict(rows)
    found = predict_function(logistic, "high")(rows)
    assert found.shape == (6, 2) and found.dtype == np.float64
    np.testing.assert_allclose(found[:, 1], of_classes["high_probabilities_yes"], rtol=1e-6)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-6)


def test_an_array_has_the_columns_of_the_inputs(line):
    rows, predict = table(6, 1), predict_function(line, "y")
    np.testing.assert_array_equal(predict(rows[["x1", "x2", "c"]].to_numpy()), predict(rows))
    for wrong in (rows.to_numpy(), np.zeros(3), 3):
        with pytest.raises(ArgumentError, match="must have the 3 columns x1, x2, c"):
            predict(wrong)


def test_no_rows_give_no_scores(line, logistic):
    assert predict_function(line, "y")(table()[:0]).shape == (0,)
    assert predict_function(logistic, "high")(table()[:0]).shape == (0, 2)
