"""Estimators for scikit-learn: a model as a classifier or a regressor.

N = rows, F = columns of X, K = targets, C = classes
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from itertools import chain, count
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags, check_array, check_consistent_length, check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from ludwig.api import LudwigModel
from ludwig.config import read_config
from ludwig.data.names import sanitize
from ludwig.error import ArgumentError, ConfigValidationError, InputDataError, counted
from ludwig.features.cells import Labels
from ludwig.sklearn.inputs import Inputs, Section, inferred, is_list_of_sections, names_of, table_of, typed

Floats = NDArray[np.float64]

TARGET, WEIGHT = "target", "sample_weight"  # columns beside those of X, where y is a plain array
VALIDATION_SHARE = 0.2  # of the rows, by which the weights are chosen and training stops
EXPECTED_FAILED_CHECKS: dict[str, dict[str, str]] = {  # of `check_estimator`: why, by estimator and check
    name: {
        "check_sample_weight_equivalence_on_dense_data": "A weight multiplies the loss of its row. Rows that are "
        "repeated instead make more steps, other batches and another validation split: the loss that is minimised is "
        "the same, the weights that are found are not.",
        "check_methods_subset_invariance": "Networks compute in float32, where a sum over one row alone may differ in "
        "the last digit from that over many: by some 1e-7, which is just what the check allows.",
    }
    for name in ("LudwigClassifier", "LudwigRegressor")
}


class _LudwigEstimator(BaseEstimator, ABC):  # type: ignore[misc]  # scikit-learn has no types
    """What both estimators share: parameters, the config that is completed from X and y, and training."""

    _target_type: ClassVar[str]
    _fewest_rows: ClassVar[int] = 1

    model_: LudwigModel | None

    def __init__(
        self, config: Mapping[str, Any] | str | Path | None = None, random_state: int | RandomState | None = None
    ) -> None:
        self.config = config
        self.random_state = random_state

    def fit(self, X: Inputs, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Trains on all rows, of which a part selects the weights. Nothing is written to disk.

        Args:
            X: A table or an array [N, F]; missing cells are allowed.
            y: The target [N]; of a regressor also several, [N, K].
            sample_weight: How much each row counts, [N], at least 0. A row of weight 0 is left out.

        Raises:
            ConfigValidationError: The config has faults; all are listed at once.
            InputDataError: A column does not fit its feature.
            ValueError: X or y is empty, infinite, or of another length; y has missing values.
        """
        validate_data(self, X, y, skip_check_array=True)
        table = table_of(X, self._fewest_rows)
        target = self._target_of(y)
        check_consistent_length(table, target)
        weights = None if sample_weight is None else _weights_of(sample_weight, len(table))
        self._columns = names_of(table)
        self.target_names_ = _target_names(y, target, self._columns)
        table = table.set_axis(self._columns, axis=1)
        if weights is not None:
            kept = weights > 0
            table, target, weights = table[kept], target[kept], weights[kept]
        self.model_ = self._trained(table.reset_index(drop=True), target, weights)
        return self

    @abstractmethod
    def _target_of(self, y: ArrayLike) -> NDArray[Any]:
        """The checked target, [N] or [N, K]."""

    def _split(self) -> Section:
        """How rows are split where the config leaves it open."""
        return {"type": "random"}

    def _trained(self, table: pd.DataFrame, target: NDArray[Any], weights: Floats | None) -> LudwigModel | None:
        """The model, trained on these rows; None where there is nothing to train."""
        column = _free_name(WEIGHT, [*self._columns, *self.target_names_])
        model = LudwigModel(self._whole_config(table, None if weights is None else column))
        columns = dict(zip(self.target_names_, target.reshape(len(target), -1).T, strict=True))
        beside = pd.DataFrame(columns if weights is None else {**columns, column: weights})
        model.train(pd.concat([table, beside], axis=1), output_directory=None, random_seed=self._seed())
        return model

    def _seed(self) -> int:
        if isinstance(self.random_state, int | np.integer):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _whole_config(self, table: pd.DataFrame, weight_column: str | None) -> Section:
        """The user's config, with the features, the split and the column of the weights."""
        config = {} if self.config is None else read_config(self.config)
        trainer, preprocessing = _section(config, "trainer"), _section(config, "preprocessing")
        own_weights = trainer.get("sample_weight")
        if weight_column is not None:
            if own_weights is not None:
                raise ArgumentError(
                    f"Weights are given twice: as `sample_weight`, and as the column '{own_weights}' of "
                    "trainer.sample_weight. Remove one of them."
                )
            trainer = {**trainer, "sample_weight": weight_column}
        given = config.get("input_features")
        inputs = inferred(table, {own_weights}) if given is None else typed(given, table)
        shares = [1 - VALIDATION_SHARE, VALIDATION_SHARE, 0.0]
        split = {**self._split(), "probabilities": shares}
        return {
            **config,
            "input_features": inputs,
            "output_features": self._outputs(config.get("output_features")),
            "preprocessing": {"split": split, **preprocessing},
            "trainer": trainer,
        }

    def _outputs(self, given: Any) -> list[Section]:
        """An output for each target, with the options that the config has for it."""
        entries = [{}] * len(self.target_names_) if given is None else given
        if not is_list_of_sections(entries) or len(entries) != len(self.target_names_):
            raise ConfigValidationError(
                f"output_features must be a list of {counted(len(self.target_names_), 'section')}, one for each "
                f"target. Received: {given!r:.200}."
            )
        for entry in entries:
            if entry.get("type", self._target_type) != self._target_type:
                raise ConfigValidationError(
                    f"The output of {type(self).__name__} has the type {self._target_type}. "
                    f"Received: {entry['type']!r:.100}. Remove the type from output_features."
                )
            if not {"name", "column"}.isdisjoint(entry):
                raise ConfigValidationError(
                    "The outputs are named by y: remove `name` and `column` from output_features, or name the Series "
                    "or the columns of the DataFrame."
                )
        named = zip(self.target_names_, entries, strict=True)
        return [{"name": name, "type": self._target_type, **entry} for name, entry in named]

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> NDArray[np.object_]:
        """The names of what `predict` returns: those of the targets.

        Args:
            input_features: Names of the columns of X; where they are given they must be those of `fit`.
        """
        check_is_fitted(self, "model_")
        if input_features is not None and [*input_features] != self._columns:
            raise ArgumentError(f"input_features should match those of fit: {self._columns}.")
        return np.array(self.target_names_, dtype=object)

    def _inputs(self, X: Inputs) -> pd.DataFrame:
        """The checked table, its columns named as in `fit`."""
        check_is_fitted(self, "model_")
        table = table_of(X, 1)
        validate_data(self, X, reset=False, skip_check_array=True)
        return table.set_axis(self._columns, axis=1).reset_index(drop=True)

    def _predict(self, model: LudwigModel, X: Inputs) -> list[dict[str, NDArray[Any]]]:
        """The predictions of each target."""
        found, _ = model.predict(self._inputs(X), return_type=dict)
        by_target: list[Any] = [found[name] for name in self.target_names_]
        lost = int(pd.isna(by_target[0]["predictions"]).sum())
        if lost:
            raise InputDataError(
                f"X has {counted(lost, 'row')} that cannot be predicted, since an input has missing_value_strategy "
                "drop_row. Choose another strategy, or remove such rows."
            )
        return by_target

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class LudwigClassifier(ClassifierMixin, _LudwigEstimator):  # type: ignore[misc]
    """Classifier that trains a Ludwig model: a neural network on numbers, categories, texts, dates and more.

    Use it where a model is to be a step of scikit-learn's pipelines, searches and cross-validation. A search over the
    options of a model alone, and everything else, is done with `LudwigModel`.

    Args:
        config: A partial config, as a dict or the path of a YAML file; null takes the defaults. Input features are
            inferred from the columns of X where it has none, the output from y. Of `output_features` it may have one
            section of options, without name and type.
        random_state: The random seed of `train`; null draws one from numpy's global generator.

    Attributes:
        classes_: The classes, sorted; the columns of `predict_proba`.
        model_: The trained `LudwigModel`, which can be saved and served; None where y has one class.
        target_names_: The name of the output: that of y, or `target`.
        n_features_in_, feature_names_in_: The number and names of the columns of X.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from ludwig.sklearn import LudwigClassifier
        >>> X, y = load_iris(return_X_y=True, as_frame=True)
        >>> classifier = LudwigClassifier({"trainer": {"epochs": 5}}, random_state=1).fit(X, y)
        >>> classifier.predict_proba(X).shape
        (150, 3)
    """

    _target_type = "category"

    def _target_of(self, y: ArrayLike) -> NDArray[Any]:
        labels = column_or_1d(y, warn=True)
        if pd.isna(labels).any():
            raise InputDataError("Input y contains NaN: each row needs a class. Remove the rows without one.")
        check_classification_targets(labels)
        return np.asarray(labels)

    def _split(self) -> Section:
        return {"type": "stratify", "column": self.target_names_[0]}

    def _trained(self, table: pd.DataFrame, target: NDArray[Any], weights: Floats | None) -> LudwigModel | None:
        self.classes_ = np.unique(target)
        return None if len(self.classes_) == 1 else super()._trained(table, target, weights)

    def predict(self, X: Inputs) -> NDArray[Any]:
        """The most probable class of each row: [N]."""
        probabilities = self.predict_proba(X)
        return np.asarray(self.classes_[probabilities.argmax(axis=1)])

    def predict_proba(self, X: Inputs) -> Floats:
        """The probability of each class, in the order of `classes_`: [N, C]."""
        check_is_fitted(self, "model_")
        if self.model_ is None:
            return np.ones((len(self._inputs(X)), 1))
        found = self._predict(self.model_, X)[0]["probabilities"].astype(np.float64)  # [N, C], in the model's order
        metadata = self.model_.training_set_metadata or {}
        place = {word: at for at, word in enumerate(metadata[self.target_names_[0]]["idx2str"])}
        words = Labels.of(pd.Series(self.classes_)).words.tolist()
        of_known = [place.get(word, -1) for word in words]  # a class without training rows has no place
        probabilities = np.where(np.array(of_known) < 0, 0.0, found[:, of_known])
        return np.asarray(probabilities / probabilities.sum(axis=1, keepdims=True))


class LudwigRegressor(RegressorMixin, _LudwigEstimator):  # type: ignore[misc]
    """Regressor that trains a Ludwig model: a neural network on numbers, categories, texts, dates and more.

    Use it where a model is to be a step of scikit-learn's pipelines, searches and cross-validation. Several targets
    are trained together, each with an output of its own.

    Args:
        config: A partial config, as a dict or the path of a YAML file; null takes the defaults. Input features are
            inferred from the columns of X where it has none, the outputs from y. Of `output_features` it may have a
            section of options for each target, without name and type.
        random_state: The random seed of `train`; null draws one from numpy's global generator.

    Attributes:
        model_: The trained `LudwigModel`, which can be saved and served.
        target_names_: The names of the outputs: those of y, or `target`, or `target_0`, `target_1` ...
        n_features_in_, feature_names_in_: The number and names of the columns of X.

    Example:
        >>> from sklearn.datasets import load_diabetes
        >>> from ludwig.sklearn import LudwigRegressor
        >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
        >>> regressor = LudwigRegressor({"trainer": {"epochs": 5}}, random_state=1).fit(X, y)
        >>> regressor.predict(X).shape
        (442,)
    """

    _target_type = "number"
    _fewest_rows = 2

    model_: LudwigModel

    def _target_of(self, y: ArrayLike) -> NDArray[Any]:
        numbers = check_array(y, dtype=np.float64, ensure_2d=False, input_name="y")
        if numbers.ndim == 2 and numbers.shape[1] == 1:
            return np.asarray(column_or_1d(numbers, warn=True))
        return np.asarray(numbers)

    def predict(self, X: Inputs) -> Floats:
        """The target of each row, in its own units: [N], or [N, K] where there are several."""
        check_is_fitted(self, "model_")
        found = [each["predictions"].astype(np.float64) for each in self._predict(self.model_, X)]
        return found[0] if len(found) == 1 else np.stack(found, axis=1)  # [N] or [N, K]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _free_name(name: str, taken: Sequence[str]) -> str:
    """The name, with a number where it is taken."""
    known = {sanitize(other) for other in taken}
    numbered = (f"{name}_{number}" for number in count(1))
    return next(each for each in chain([name], numbered) if each not in known)


def _target_names(y: ArrayLike, target: NDArray[Any], taken: Sequence[str]) -> list[str]:
    """The names of the outputs: those of y where it has some that no column of X has."""
    size = 1 if target.ndim == 1 else target.shape[1]
    names = [y.name] if isinstance(y, pd.Series) else [*y.columns] if isinstance(y, pd.DataFrame) else []
    plain = [TARGET] if size == 1 else [f"{TARGET}_{place}" for place in range(size)]
    found: list[str] = []
    for name, default in zip(names or plain, plain, strict=True):
        found.append(_free_name(sanitize(name) if isinstance(name, str) and name else default, [*taken, *found]))
    return found


def _weights_of(sample_weight: ArrayLike, rows: int) -> Floats:
    """The checked weights: [N]."""
    weights = check_array(sample_weight, dtype=np.float64, ensure_2d=False, input_name="sample_weight")
    if weights.shape != (rows,):
        raise ArgumentError(f"sample_weight must have one number for each of {rows} rows. Its shape: {weights.shape}.")
    if weights.min() < 0 or weights.max() == 0:
        raise ArgumentError("Each sample weight must be at least 0, and not all may be zero. Mend sample_weight.")
    return np.asarray(weights)


def _section(config: Section, name: str) -> Section:
    section = {} if config.get(name) is None else config[name]
    if not isinstance(section, Mapping):
        raise ConfigValidationError(f"The section '{name}' must be a mapping of options. Received: {section!r:.100}.")
    return dict(section)
