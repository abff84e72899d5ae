"""A whole config from a table: features, split and search."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ludwig.automl.features import ColumnGuess, Targets, features_of, targets_of, types_of
from ludwig.automl.search import ABSENT, at, search_of
from ludwig.config import load_config, read_config
from ludwig.config.search import FEATURES, WHOLE, with_parameters
from ludwig.data.names import refuse_absent, sanitize
from ludwig.data.sources import Source, read_table
from ludwig.error import ArgumentError
from ludwig.runtime.arguments import seed_of
from ludwig.runtime.console import warn
from ludwig.schema import plain_section

Section = dict[str, Any]
UserConfig = Mapping[str, Any] | str | Path | None

NUMBERS = (int, float, np.integer, np.floating)
IMBALANCE = 0.9  # share of the most frequent class from which the split is stratified


def create_features_config(dataset: Source, target: Targets = None, random_seed: int = 42) -> Section:
    """The sections `input_features` and `output_features` for a table, with the types inferred from its cells.

    Args:
        dataset: A path, a DataFrame, a dict of columns or a list of records.
        target: The column to predict, or several; None for a table of inputs alone.
        random_seed: Of the rows that are looked at in a large table.

    Raises:
        InputDataError: The table cannot be used; see `infer_types`, which also gives the reasons.
    """
    return features_of(types_of(read_table(dataset), targets_of(target), seed_of(random_seed), {}))


def create_auto_config(
    dataset: Source,
    target: Targets,
    time_limit_s: float,
    tune_for_memory: bool = False,
    user_config: UserConfig = None,
    random_seed: int = 42,
    use_reference_config: bool = False,
    imbalance_threshold: float = IMBALANCE,
) -> Section:
    """A config for a table, with a section `hyperopt` that `auto_train` would run.

    Args:
        dataset: A path, a DataFrame, a dict of columns or a list of records.
        target: The column to predict, or several.
        time_limit_s: Time budget of the search in seconds.
        tune_for_memory: Deprecated: batches that do not fit into memory are split in any case.
        user_config: Parts of the config that are set and not inferred: a dict, or the path of a YAML file. Features are
            merged by their names, so `{"input_features": [{"name": "zip", "type": "category"}]}` sets one type. What
            it sets is not searched.
        random_seed: Of the search, and of the rows that are looked at in a large table.
        use_reference_config: Whether the preset `best_quality`, the best one measured, is tried right after the
            defaults; it takes about five times their time.
        imbalance_threshold: Share of the most frequent class of a target from which the split is stratified.

    Returns:
        The config as a dict.

    Raises:
        ArgumentError: A value of an argument is wrong.
        InputDataError: The table cannot be used.
        ConfigValidationError: What the user set is wrong.
    """
    config, _ = auto_config(
        read_table(dataset),
        targets_of(target),
        limit_of(time_limit_s),
        tune_for_memory,
        user_config,
        seed_of(random_seed),
        use_reference_config,
        imbalance_threshold,
    )
    return config


def create_automl_config_for_features(
    features_config: Mapping[str, Any],
    dataset: Source,
    time_limit_s: float,
    tune_for_memory: bool = False,
    user_config: UserConfig = None,
    random_seed: int = 42,
    use_reference_config: bool = False,
    imbalance_threshold: float = IMBALANCE,
) -> Section:
    """The same as `create_auto_config` for features that are there already, as `create_features_config` gives them.

    Use it to change features in between.

    Args:
        features_config: The sections `input_features` and `output_features`.
        dataset, time_limit_s, tune_for_memory, user_config, random_seed, use_reference_config, imbalance_threshold: As
            in `create_auto_config`.
    """
    _warn_of_memory(tune_for_memory)
    given, limit = given_of(user_config), limit_of(time_limit_s)
    return _whole(
        plain_section(features_config),
        read_table(dataset),
        limit,
        given,
        seed_of(random_seed),
        use_reference_config,
        _share_of(imbalance_threshold),
    )


def auto_config(
    table: pd.DataFrame,
    targets: list[str],
    time_limit_s: float,
    tune_for_memory: bool,
    user_config: UserConfig,
    seed: int,
    use_reference_config: bool,
    imbalance_threshold: float,
) -> tuple[Section, list[ColumnGuess]]:
    """The config for a table that has been read, and what its columns were found to be.

    Raises:
        ArgumentError: There is no target.
    """
    _warn_of_memory(tune_for_memory)
    if not targets:
        raise ArgumentError("target must name the column to predict, or several.")
    given, share = given_of(user_config), _share_of(imbalance_threshold)
    features = [feature for key in FEATURES for feature in given.get(key, ())]
    known = {feature["name"]: feature["type"] for feature in features if "name" in feature and "type" in feature}
    guesses = types_of(table, targets, seed, known)
    return _whole(features_of(guesses), table, time_limit_s, given, seed, use_reference_config, share), guesses


def limit_of(value: object) -> float:
    """A time limit in seconds.

    Raises:
        ArgumentError: It is not a number of at least 1.
    """
    if isinstance(value, bool) or not isinstance(value, NUMBERS) or not 1 <= value < math.inf:
        raise ArgumentError(f"time_limit_s must be a number of seconds, at least 1. Received: {value!r:.100}.")
    return float(value)


def given_of(user_config: UserConfig) -> Section:
    """What the user set, with names of features as columns have them.

    Raises:
        ArgumentError: It is neither a section nor the path of one.
    """
    if user_config is None:
        return {}
    if not isinstance(user_config, Mapping | str | Path):
        raise ArgumentError(f"user_config must be a dict or the path of a YAML file. Received: {user_config!r:.100}.")
    given = plain_section(read_config(user_config if isinstance(user_config, str | Path) else dict(user_config)))
    if not isinstance(given.get("hyperopt") or {}, dict):
        raise ArgumentError(f"user_config.hyperopt must be a section. Received: {given['hyperopt']!r:.100}.")
    for key in FEATURES:
        section = given.get(key, [])
        if not isinstance(section, list) or not all(isinstance(feature, dict) for feature in section):
            raise ArgumentError(f"user_config.{key} must be a list of features. Received: {section!r:.100}.")
        for feature in section:
            feature["name"] = sanitize(feature.get("name", ""))
    return given


def _warn_of_memory(tune_for_memory: bool) -> None:
    if tune_for_memory:
        warn("tune_for_memory is deprecated and has no effect: batches that do not fit into memory are split.")


def _share_of(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, NUMBERS) or not 0 < value <= 1:
        raise ArgumentError(f"imbalance_threshold must be a number above 0, up to 1. Received: {value!r:.100}.")
    return float(value)


def _whole(
    features: Section,
    table: pd.DataFrame,
    time_limit_s: float,
    given: Section,
    seed: int,
    use_reference_config: bool,
    imbalance_threshold: float,
) -> Section:
    """Features, the split, what the user set, and the search."""
    plain = {key: section for key, section in given.items() if key != "hyperopt"}
    config = with_parameters(features, {WHOLE: plain})
    declared = load_config(config)
    needed = {feature.column: "a feature" for feature in (*declared.input_features, *declared.output_features)}
    refuse_absent(needed, table.columns)
    targets = [feature.name for feature in declared.output_features if feature.feature.has_classes]
    rare = next((name for name in targets if _largest_share(table, name) >= imbalance_threshold), None)
    if rare is not None and at(given, "preprocessing.split") is ABSENT and "split" not in table.columns:
        config.setdefault("preprocessing", {})["split"] = {"type": "stratify", "column": rare}
    search = search_of(declared, plain, time_limit_s, seed, use_reference_config)
    config = {**config, "hyperopt": _over(search, given.get("hyperopt") or {})}
    load_config(config)
    return config


def _over(search: Section, own: Section) -> Section:
    """The search with what the user set of it: other parameters, or another algorithm, replace the whole."""
    if "search_alg" in own:
        search = {**search, "search_alg": {"points_to_evaluate": search["search_alg"]["points_to_evaluate"]}}
    if "parameters" in own:
        algorithm = {key: option for key, option in search["search_alg"].items() if key != "points_to_evaluate"}
        search = {**search, "search_alg": algorithm, "parameters": {}}
    return with_parameters(search, {WHOLE: own})


def _largest_share(table: pd.DataFrame, name: str) -> float:
    """The share of the most frequent class among the cells that are there."""
    return float(table[name].value_counts(normalize=True).max()) if name in table.columns else 0.0
