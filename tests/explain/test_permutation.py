"""Importances by permutation against a formula and against scikit-learn's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.inspection import permutation_importance as of_sklearn

from ludwig.api import LudwigModel
from ludwig.callbacks import Callback
from ludwig.error import ArgumentError, InputDataError, NotTrainedError
from ludwig.explain import permutation_importance, predict_function
from tests.explain.conftest import table

REPEATS = 30


class Wrapped(RegressorMixin, BaseEstimator):
    """A model as scikit-learn wants one."""

    def __init__(self, predict: Any = None) -> None:
        self.predict_rows = predict

    def fit(self, rows: pd.DataFrame, target: pd.Series) -> Wrapped:
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        return self.predict_rows(rows)


def test_of_a_linear_model_they_are_twice_the_variance(line):
    """The mean over permutations of a squared error grows by 2 w^2 Var(x) + 2 w Cov(x, what is left)."""
    rows = table(300, 1)
    predicted = predict_function(line, "y")(rows)
    slope = np.polyfit(rows["x1"], predicted - rows["c"].map({"a": 0, "b": 1, "c": -2}), 1)[0]
    left = np.cov(rows["x1"], rows["y"] - predicted, ddof=0)[0, 1]
    found = permutation_importance(line, rows, "y", repeats=REPEATS)
    assert found["x1"] == pytest.approx(2 * slope**2 * rows["x1"].var(ddof=0) + 2 * slope * left, rel=0.05)
    assert abs(found["x2"]) < 0.01
    assert [*found.index] == ["x1", "c", "x2"]
    assert found.name == "mean_squared_error"


@pytest.mark.parametrize(("metric", "scoring"), [("mean_absolute_error", "neg_mean_absolute_error"), ("r2", "r2")])
def test_they_are_those_of_scikit_learn(line, metric, scoring):
    rows = table(200, 1)
    estimator = Wrapped(predict_function(line, "y"))
    wanted = of_sklearn(
        estimator, rows[["x1", "x2", "c"]], rows["y"], scoring=scoring, n_repeats=10, random_state=0
    ).importances_mean
    found = permutation_importance(line, rows, "y", metric, repeats=REPEATS)[["x1", "x2", "c"]]
    np.testing.assert_allclose(found, wanted, rtol=0.1, atol=0.01)


def test_of_higher_is_better_they_are_how_far_it_falls(logistic):
    found = permutation_importance(logistic, table(300, 1), "high", "roc_auc")
    assert 0.3 < found["x1"] < 0.6
    assert abs(found["x2"]) < 0.02
    assert permutation_importance(logistic, table(300, 1), "high").name == "roc_auc"  # the usual one of a binary output


def test_the_seed_decides(line):
    rows = table(100, 1)
    first, again = (permutation_importance(line, rows, "y", random_seed=3) for _ in range(2))
    pd.testing.assert_series_equal(first, again)
    assert not first.equals(permutation_importance(line, rows, "y", random_seed=4))


class Reads(Callback):
    """Counts how often a table is encoded."""

    count = 0

    def on_build_data_start(self, df: Any, mode: str) -> None:
        self.count += 1


def test_inputs_of_one_column_are_shuffled_together_and_the_table_is_encoded_once():
    reads = Reads()
    inputs = [{"name": "one", "column": "x1", "type": "number"}, {"name": "two", "column": "x1", "type": "number"}]
    config = {
        "input_features": [*inputs, {"name": "c", "type": "category"}],
        "output_features": [{"name": "y", "type": "number"}],
        "trainer": {"epochs": 3, "batch_size": 32, "learning_rate": 0.02},
    }
    model = LudwigModel(config, callbacks=[reads])
    model.train(table(), output_directory=None)
    before, rows = reads.count, table(100, 1)
    found = permutation_importance(model, rows, "y")
    assert reads.count == before + 1
    assert found["one"] == found["two"]
    predict = predict_function(model, "y")
    order = np.random.default_rng(42).permutation(100)
    shuffled = rows.assign(x1=rows["x1"].to_numpy()[order])
    errors = [((predict(each) - rows["y"]) ** 2).mean() for each in (rows, shuffled)]
    once = permutation_importance(model, rows, "y", repeats=1)
    assert once["one"] == pytest.approx(errors[1] - errors[0], rel=1e-4)


def test_bad_arguments(line, logistic):
    with pytest.raises(ArgumentError, match=r"no output feature 'yy'. Did you mean 'y'\?"):
        permutation_importance(line, table(), "yy")
    with pytest.raises(ArgumentError, match=r"no metric 'R2'. Did you mean 'r2'\?"):
        permutation_importance(line, table(), "y", "R2")
    with pytest.raises(ArgumentError, match="repeats must be an integer, at least 1"):
        permutation_importance(line, table(), "y", repeats=0)
    with pytest.raises(NotTrainedError):
        permutation_importance(LudwigModel(line.config), table(), "y")
    one_class = table()[lambda rows: rows["high"] == "yes"]
    with pytest.raises(ArgumentError, match=r"'roc_auc' .* cannot be computed of these rows"):
        permutation_importance(logistic, one_class, "high")


def test_tables_that_do_not_do(line):
    with pytest.raises(InputDataError, match="two rows or more"):
        permutation_importance(line, table(1), "y")
    with pytest.raises(InputDataError, match="no rows"):
        permutation_importance(line, table()[:0], "y")
    with pytest.raises(InputDataError, match="no column 'y'"):
        permutation_importance(line, table().drop(columns="y"), "y")
