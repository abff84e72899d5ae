"""The estimators for scikit-learn: its own checks, its tools around them, and the tables and targets they take."""

from __future__ import annotations

import copy
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from ludwig.api import LudwigModel
from ludwig.error import ArgumentError, ConfigValidationError, InputDataError, LudwigWarning
from ludwig.sklearn import EXPECTED_FAILED_CHECKS, LudwigClassifier, LudwigRegressor

ROWS = 90


def small(epochs: int = 10, **sections: Any) -> dict[str, Any]:
    """A config of a small network that trains in a few steps."""
    return {
        "combiner": {"type": "concat", "fc_layers": [{"output_size": 32}]},
        "defaults": {"number": {"encoder": "passthrough"}},
        "trainer": {"epochs": epochs, "learning_rate": 0.05, "batch_size": 64},
        **sections,
    }


def mixed(rows: int = ROWS) -> tuple[pd.DataFrame, np.ndarray]:
    """Columns of every kind, with missing cells and a shuffled index; the class follows from `age (years)` alone."""
    random = np.random.default_rng(5)
    age = random.normal(size=rows)
    table = pd.DataFrame(
        {
            "age (years)": np.where(np.arange(rows) % 17 == 3, np.nan, age),
            "count": random.integers(0, 9, rows),
            "is_new": random.random(rows) < 0.5,
            "city": random.choice(["Rome", "Oslo", None], rows),
            "size": pd.Categorical(random.choice(["s", "m", "l"], rows)),
            "seen": pd.date_range("2024-01-01", periods=rows, freq="D"),
            "note": [f"visit number {row} was quiet" for row in range(rows)],
            "members": pd.array(random.choice([1, 2, None], rows), dtype="Int64"),
            "agrees": pd.array(random.choice([True, False, None], rows), dtype="boolean"),
            "nothing": np.full(rows, np.nan),
        },
        index=random.permutation(rows) + 1000,
    )
    return table, np.where(age > 0, "old", "young")


TYPES = {
    "age _years_": "number",
    "count": "number",
    "is_new": "binary",
    "city": "category",
    "size": "category",
    "seen": "date",
    "note": "text",
    "members": "number",
    "agrees": "category",
}


@pytest.fixture(scope="module")
def iris() -> tuple[pd.DataFrame, pd.Series]:
    return load_iris(return_X_y=True, as_frame=True)


@pytest.fixture(scope="module")
def classifier(iris: tuple[pd.DataFrame, pd.Series]) -> LudwigClassifier:
    return LudwigClassifier(small(), random_state=1).fit(*iris)


# --- The checks of scikit-learn -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", [LudwigClassifier, LudwigRegressor])
def test_the_checks_of_scikit_learn_pass(kind: type) -> None:
    expected = EXPECTED_FAILED_CHECKS[kind.__name__]
    with warnings.catch_warnings(action="ignore"):  # which the checks themselves provoke
        found = check_estimator(kind(small()), on_fail=None, on_skip=None, expected_failed_checks=expected)
    assert len(found) > 50
    assert [(each["check_name"], each["exception"]) for each in found if each["status"] == "failed"] == []
    assert expected.keys() <= {each["check_name"] for each in found}
    assert len(expected) <= 3 and all(expected.values())


# --- The tools of scikit-learn ------------------------------------------------------------------------------------


def test_a_pipeline_scales_columns_and_keeps_their_names(iris: tuple[pd.DataFrame, pd.Series]) -> None:
    X, y = iris
    table = X.assign(colour=np.where(y == 0, "blue", "red"))
    columns = make_column_transformer(
        (StandardScaler(), [*X.columns]),
        (OneHotEncoder(sparse_output=False), ["colour"]),
        verbose_feature_names_out=False,
    )
    pipeline = make_pipeline(columns, LudwigClassifier(small(), random_state=1)).set_output(transform="pandas")
    assert pipeline.fit(table, y).score(table, y) > 0.85
    assert pipeline[-1].feature_names_in_.tolist() == [*X.columns, "colour_blue", "colour_red"]


@pytest.mark.slow
def test_a_search_over_configs_in_two_processes_finds_the_better_one(iris: tuple[pd.DataFrame, pd.Series]) -> None:
    X, y = (part[::3] for part in iris)
    tried = [small(trainer={"epochs": 1, "learning_rate": 1e-6}), small()]
    search = GridSearchCV(LudwigClassifier(random_state=1), {"config": tried}, cv=2, n_jobs=2)
    assert search.fit(X, y).best_params_ == {"config": tried[1]}
    assert search.best_estimator_.score(X, y) > 0.8


def test_cross_validation_beats_a_constant() -> None:
    X, y = load_diabetes(return_X_y=True)
    ours = cross_val_score(LudwigRegressor(small(), random_state=1), X, y, cv=3)
    assert ours.min() > 0.3
    assert cross_val_score(DummyRegressor(), X, y, cv=3).max() < 0.05


def test_a_calibrated_classifier_wraps_it(iris: tuple[pd.DataFrame, pd.Series]) -> None:
    X, y = iris
    calibrated = CalibratedClassifierCV(LudwigClassifier(small(), random_state=1), cv=2).fit(X, y)
    assert calibrated.score(X, y) > DummyClassifier().fit(X, y).score(X, y) + 0.4


def test_copies_predict_the_same(classifier: LudwigClassifier, iris: tuple[pd.DataFrame, pd.Series]) -> None:
    X, y = iris
    before = classifier.predict_proba(X)
    again = [pickle.loads(pickle.dumps(classifier)), copy.deepcopy(classifier), clone(classifier).fit(X, y)]
    for other in again:
        np.testing.assert_array_equal(other.predict_proba(X), before)
    with pytest.raises(NotFittedError):
        clone(classifier).predict(X)


# --- The model inside ---------------------------------------------------------------------------------------------


def test_predictions_are_those_of_the_model(classifier: LudwigClassifier, iris: tuple[pd.DataFrame, pd.Series]) -> None:
    X, _ = iris
    assert isinstance(classifier.model_, LudwigModel)
    predictions, _ = classifier.model_.predict(X)
    np.testing.assert_array_equal(classifier.predict(X), predictions["target_predictions"].astype(int))
    columns = [f"target_probabilities_{each}" for each in classifier.classes_]
    np.testing.assert_allclose(classifier.predict_proba(X), predictions[columns], atol=1e-6)


def test_the_seed_is_that_of_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    monkeypatch.chdir(tmp_path)
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    before = np.random.get_state()[1].copy()  # type: ignore[index, union-attr]
    regressor = LudwigRegressor(small(2), random_state=7).fit(X, y)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # type: ignore[index]

    model = LudwigModel(
        small(
            2,
            input_features=[{"name": name, "type": "number"} for name in X],
            output_features=[{"name": "target", "type": "number"}],
            preprocessing={"split": {"type": "random", "probabilities": [0.8, 0.2, 0.0]}},
        )
    )
    model.train(pd.concat([X, y], axis=1), random_seed=7, output_directory=None)
    np.testing.assert_allclose(regressor.predict(X), model.predict(X)[0]["target_predictions"], rtol=1e-5)
    assert not [*tmp_path.iterdir()]
    assert capfd.readouterr() == ("", "")


def test_without_a_seed_one_is_drawn_from_numpy() -> None:
    X, y = load_diabetes(return_X_y=True)
    state = np.random.get_state()
    try:
        np.random.seed(3)
        first, second = (LudwigRegressor(small(1)).fit(X, y).predict(X) for _ in range(2))
        np.random.seed(3)
        again = LudwigRegressor(small(1)).fit(X, y).predict(X)
    finally:
        np.random.set_state(state)
    assert not np.allclose(first, second)
    np.testing.assert_array_equal(first, again)


# --- Sample weights -----------------------------------------------------------------------------------------------


def test_weights_count_as_repeated_rows_do() -> None:
    """A column that says nothing: what is predicted is the weighted share, or the weighted mean."""
    X, y = np.ones((200, 1)), np.arange(200) % 2
    weights = np.where(y == 0, 3.0, 1.0)
    many = weights.astype(int)
    ours = LudwigClassifier(small(20), random_state=1)
    weighted = ours.fit(X, y, sample_weight=weights).predict_proba(X[:1])
    repeated = clone(ours).fit(X.repeat(many, axis=0), y.repeat(many)).predict_proba(X[:1])
    np.testing.assert_allclose(weighted, [[0.75, 0.25]], atol=0.03)
    np.testing.assert_allclose(repeated, weighted, atol=0.05)
    means = LudwigRegressor(small(20), random_state=1).fit(X, 4.0 * y, sample_weight=weights).predict(X[:1])
    np.testing.assert_allclose(means, np.average(4 * y, weights=weights), atol=0.2)


def test_rows_of_weight_zero_are_as_if_they_were_not_there() -> None:
    X, y = load_diabetes(return_X_y=True)
    weights = np.arange(len(y)) % 3
    kept = weights > 0
    ours = LudwigRegressor(small(2), random_state=1)
    found = ours.fit(X, y, sample_weight=weights).predict(X)
    np.testing.assert_array_equal(clone(ours).fit(X[kept], y[kept], sample_weight=weights[kept]).predict(X), found)


@pytest.mark.parametrize("weights", [np.zeros(20), np.full(20, -1.0), np.ones(3), np.full(20, np.nan)])
def test_odd_weights_are_refused(weights: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"(?i)sample.weight"):
        LudwigRegressor().fit(np.arange(20.0).reshape(-1, 1), np.arange(20.0), sample_weight=weights)


def test_the_config_may_name_a_column_of_weights() -> None:
    X = pd.DataFrame({"a": np.arange(30.0), "w": 1.0})
    config = small(1, trainer={"epochs": 1, "sample_weight": "w"})
    model = LudwigRegressor(config).fit(X, X["a"]).model_
    assert [feature["name"] for feature in model.config["input_features"]] == ["a"]
    with pytest.raises(ArgumentError, match="twice"):
        LudwigRegressor(config).fit(X, X["a"], sample_weight=np.ones(30))


# --- Columns ------------------------------------------------------------------------------------------------------


def test_columns_of_all_kinds_are_declared_by_their_dtype() -> None:
    X, y = mixed()
    ours = LudwigClassifier(small(15), random_state=1).fit(X, pd.Series(y, name="stage"))
    assert ours.model_ is not None
    declared = {feature["name"]: feature["type"] for feature in ours.model_.config["input_features"]}
    assert declared == TYPES
    assert ours.score(X, y) > 0.8
    assert ours.get_feature_names_out().tolist() == ["stage"]
    with pytest.raises(ArgumentError, match="those of fit"):
        ours.get_feature_names_out(["a"])

    with pytest.warns(UserWarning, match="does not have valid feature names"):
        np.testing.assert_array_equal(ours.predict(X.to_numpy(dtype=object)), ours.predict(X))
    with pytest.raises(ValueError, match="must be in the same order as they were in fit"):
        ours.predict(X[X.columns[::-1]])
    with pytest.raises(ValueError, match="now missing"):
        ours.predict(X.drop(columns="city"))
    with pytest.warns(LudwigWarning, match="Paris"):
        assert ours.predict_proba(X[:4].assign(city="Paris")).shape == (4, 2)
    with pytest.raises(ValueError, match="infinity"):
        ours.predict(X.assign(**{"age (years)": np.inf}))
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        ours.predict(X[:0])


def test_features_of_the_config_are_the_inputs() -> None:
    X, y = mixed()
    inputs = [{"name": "count", "type": "category"}, {"name": "is_new"}]
    ours = LudwigClassifier(small(1, input_features=inputs)).fit(X, y)
    assert ours.model_ is not None
    declared = {feature["name"]: feature["type"] for feature in ours.model_.config["input_features"]}
    assert declared == {"count": "category", "is_new": "binary"}


def test_a_config_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(small(1, output_features=[{"loss": "huber"}])), encoding="utf-8")
    X, y = load_diabetes(return_X_y=True)
    model = LudwigRegressor(str(path)).fit(X, y).model_
    assert model.config["output_features"][0]["loss"]["type"] == "huber"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"trainer": {"epohcs": 3}}, "Did you mean 'epochs'"),
        ({"trainer": 3}, "'trainer' must be a mapping"),
        ({"input_features": [{"name": "x9"}]}, "X has no column 'x9'"),
        ({"input_features": "x0"}, "list of sections"),
        ({"output_features": [{"type": "category"}]}, "has the type number"),
        ({"output_features": [{"name": "price"}]}, "named by y"),
        ({"output_features": [{}, {}]}, "one section"),
    ],
)
def test_faults_of_the_config_are_named(config: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigValidationError, match=words):
        LudwigRegressor(config).fit(np.ones((20, 1)), np.arange(20.0))


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ([{"a": 1}] * 20, "a cell of the type dict"),
        (pd.to_timedelta(range(20), unit="s"), "durations"),
        ([None] * 20, "not missing"),
    ],
)
def test_columns_of_no_type_are_refused(column: Any, words: str) -> None:
    with pytest.raises((InputDataError, ArgumentError), match=words):
        LudwigRegressor().fit(pd.DataFrame({"odd": column}), np.arange(20.0))


def test_names_of_y_and_of_the_weights_do_not_clash_with_columns() -> None:
    X = pd.DataFrame(np.random.default_rng(1).normal(size=(40, 3)), columns=["target", "sample_weight", "split"])
    ours = LudwigRegressor(small(1)).fit(X, pd.Series(X["split"], name="split"), sample_weight=np.ones(40))
    assert ours.target_names_ == ["split_1"]
    assert LudwigRegressor(small(1)).fit(X, X["split"].to_numpy()).target_names_ == ["target_1"]
    assert ours.predict(X).shape == (40,)


# --- Targets ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "classes",
    [["no", "yes"], [-1, 4], [False, True], [0.0, 1.0], ["NA", "nan"], ["", "<UNK>", "b c"], [10, 9, 2, 100]],
    ids=str,
)
def test_classes_of_all_kinds_come_back_in_the_order_of_numpy(classes: list[Any]) -> None:
    random = np.random.default_rng(2)
    ids = random.integers(0, len(classes), ROWS)
    X, y = np.eye(len(classes))[ids] + random.normal(scale=0.1, size=(ROWS, len(classes))), np.array(classes)[ids]
    ours = LudwigClassifier(small(), random_state=1).fit(X, y)
    reference = LogisticRegression().fit(X, y)
    np.testing.assert_array_equal(ours.classes_, reference.classes_)
    assert ours.predict(X).dtype == y.dtype
    assert ours.score(X, y) > 0.95
    probabilities = ours.predict_proba(X)
    assert probabilities.dtype == np.float64
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    assert (probabilities.argmax(axis=1) == reference.predict_proba(X).argmax(axis=1)).mean() > 0.95


def test_one_class_is_predicted_without_training() -> None:
    X, _ = mixed()
    ours = LudwigClassifier().fit(X, ["only"] * len(X))
    assert ours.model_ is None
    assert set(ours.predict(X)) == {"only"}
    assert ours.predict_proba(X[:3]).tolist() == [[1.0]] * 3


def test_several_targets_have_an_output_each() -> None:
    X, y = load_diabetes(return_X_y=True)
    both = pd.DataFrame({"y": y, "tenth": y / 10})
    ours = LudwigRegressor(small(), random_state=1).fit(X, both)
    assert ours.target_names_ == ["y", "tenth"]
    assert ours.predict(X).shape == (len(y), 2)
    assert ours.score(X, both) > 0.3


@pytest.mark.parametrize("missing", [np.nan, None])
def test_a_missing_target_is_refused_as_scikit_learn_does(missing: Any) -> None:
    X, y = np.ones((20, 1)), np.arange(20) % 2
    with pytest.raises(ValueError, match="Input y contains NaN"):
        LudwigClassifier().fit(X, pd.Series(y, dtype=object).where(y == 0, missing))
    with pytest.raises(ValueError, match="Input y contains NaN"):
        LudwigRegressor().fit(X, np.where(y == 0, np.nan, 1.0))


@pytest.mark.parametrize("y", [np.linspace(0, 1, 20), np.ones((20, 2))], ids=["continuous", "multilabel"])
def test_targets_that_are_no_classes_are_refused(y: np.ndarray) -> None:
    with pytest.raises(ValueError, match="Unknown label type|1d array"):
        LudwigClassifier().fit(np.ones((20, 1)), y)


def test_rows_that_cannot_be_predicted_are_an_error() -> None:
    config = small(1, defaults={"number": {"preprocessing": {"missing_value_strategy": "drop_row"}}})
    X = np.arange(40.0).reshape(-1, 2)
    ours = LudwigRegressor(config).fit(X, X[:, 0])
    with pytest.warns(LudwigWarning, match="dropped"), pytest.raises(InputDataError, match="one row that cannot"):
        ours.predict([[np.nan, 1.0]])
