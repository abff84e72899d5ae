"""The systems that are compared, each with the settings that it ships with; all run on one thread.

A system takes the three splits and gives predictions of the test rows: probabilities [N, C] in the order of `classes`,
or numbers [N].
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from quality_tables import Table

Splits = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]
System = Callable[[Table, Splits, int], NDArray[Any]]


def classes_of(table: Table, splits: Splits) -> list[Any]:
    """The classes of the training split, in order."""
    return sorted(splits[0][table.target].unique())


def _columns(table: Table, frame: pd.DataFrame) -> tuple[list[str], list[str]]:
    """(numbers, names) among the inputs."""
    inputs = frame.drop(columns=table.target)
    numbers = [column for column in inputs if pd.api.types.is_numeric_dtype(inputs[column])]
    return numbers, [column for column in inputs if column not in numbers]


def _answers(table: Table, model: Any, inputs: Any) -> NDArray[Any]:
    return np.asarray(model.predict(inputs) if table.task == "number" else model.predict_proba(inputs))


# -- ours


def config_of(table: Table, frame: pd.DataFrame) -> dict[str, Any]:
    """Nothing but columns."""
    numbers, names = _columns(table, frame)
    types = {**dict.fromkeys(numbers, "number"), **dict.fromkeys(names, "category")}
    return {
        "input_features": [{"name": column, "type": types[column]} for column in frame if column != table.target],
        "output_features": [{"name": table.target, "type": table.task}],
    }


def ours(**sections: Any) -> System:
    """Our library with these sections beside the columns."""

    def run(table: Table, splits: Splits, seed: int) -> NDArray[Any]:
        from ludwig.api import LudwigModel

        training, validation, test = splits
        model = LudwigModel({**config_of(table, training), **sections}, logging_level=logging.ERROR)
        model.train(
            training_set=training,
            validation_set=validation,
            random_seed=seed,
            output_directory=None,
        )
        predictions, _ = model.predict(test)
        return _columns_of(table, splits, predictions)

    return run


def _columns_of(table: Table, splits: Splits, predictions: pd.DataFrame) -> NDArray[Any]:
    name = table.target.replace(".", "_")
    if table.task == "number":
        return predictions[f"{name}_predictions"].to_numpy(dtype=float)
    labels = ["False", "True"] if table.task == "binary" else classes_of(table, splits)
    return np.stack([predictions[f"{name}_probabilities_{label}"].to_numpy(dtype=float) for label in labels], axis=1)


# -- the others


def linear(table: Table, splits: Splits, seed: int) -> NDArray[Any]:
    """Ridge or logistic regression on standardised numbers and one-hot codes."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers, names = _columns(table, splits[0])
    training, _, test = (split.assign(**{column: split[column].fillna("?") for column in names}) for split in splits)
    encode = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=5), names),
    )
    model = make_pipeline(encode, Ridge() if table.task == "number" else LogisticRegression(max_iter=1000))
    model.fit(training.drop(columns=table.target), training[table.target])
    return _answers(table, model, test.drop(columns=table.target))


def _as_categories(table: Table, splits: Splits, most: int | None = None) -> list[pd.DataFrame]:
    """The inputs with names as categories of the training split; with `most`, the most frequent ones."""
    training = splits[0]
    inputs = [split.drop(columns=table.target) for split in splits]
    for column in _columns(table, training)[1]:
        words = training[column].value_counts().index[:most]
        for frame in inputs:
            frame[column] = pd.Categorical(frame[column], categories=words)
    return inputs


def hist_gradient_boosting(table: Table, splits: Splits, seed: int) -> NDArray[Any]:
    """scikit-learn's boosted trees."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingRegressor if table.task == "number" else HistGradientBoostingClassifier
    training, _, test = _as_categories(table, splits, most=254)
    model = kind(random_state=seed, categorical_features="from_dtype").fit(training, splits[0][table.target])
    return _answers(table, model, test)


def lightgbm(table: Table, splits: Splits, seed: int) -> NDArray[Any]:
    """LightGBM."""
    from lightgbm import LGBMClassifier, LGBMRegressor

    kind = LGBMRegressor if table.task == "number" else LGBMClassifier
    training, _, test = _as_categories(table, splits)
    for frame in (training, test):
        frame.columns = [str(place) for place in range(frame.shape[1])]
    model = kind(random_state=seed, n_jobs=1, verbose=-1).fit(training, splits[0][table.target])
    return _answers(table, model, test)


def catboost(table: Table, splits: Splits, seed: int) -> NDArray[Any]:
    """CatBoost, which keeps its best iteration on the validation split."""
    from catboost import CatBoostClassifier, CatBoostRegressor, Pool

    kind = CatBoostRegressor if table.task == "number" else CatBoostClassifier
    names = _columns(table, splits[0])[1]
    pools = []
    for split in splits:
        inputs = split.drop(columns=table.target)
        inputs[names] = inputs[names].astype("object").fillna("?")
        pools.append(Pool(inputs, split[table.target], cat_features=names))
    model = kind(random_seed=seed, thread_count=1, verbose=False, allow_writing_files=False)
    model.fit(pools[0], eval_set=pools[1])
    return _answers(table, model, pools[2])


def realmlp(table: Table, splits: Splits, seed: int) -> NDArray[Any]:
    """RealMLP-TD-S of pytabkit (arXiv:2407.04491)."""
    from pytabkit import RealMLP_TD_S_Classifier, RealMLP_TD_S_Regressor

    kind = RealMLP_TD_S_Regressor if table.task == "number" else RealMLP_TD_S_Classifier
    training, validation, test = _as_categories(table, splits)
    model = kind(random_state=seed, n_threads=1, device="cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(training, splits[0][table.target], validation, splits[1][table.target])
    return _answers(table, model, test)


PEERS: dict[str, System] = {
    "linear": linear,
    "hgb": hist_gradient_boosting,
    "lightgbm": lightgbm,
    "catboost": catboost,
    "realmlp_td_s": realmlp,
}
OURS: dict[str, System] = {"default": ours()}
SYSTEMS: dict[str, System] = {**PEERS, **{f"ours:{name}": system for name, system in OURS.items()}}
