"""From the data that a user names to frames: read, parse once, fit, encode, cache.

N = rows
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from ludwig.callbacks import CallbackList
from ludwig.columns.frame import SAMPLE_WEIGHT, Frame
from ludwig.data.arrow import Selection
from ludwig.data.cache import CacheFile, cache_file, load_prepared
from ludwig.data.cache_folder import Limits, prune
from ludwig.data.dataset import Dataset
from ludwig.data.encoding import Events, Parsed, Spec, encode, refuse_nothing_to_evaluate, warn_of_dropped
from ludwig.data.names import refuse_absent
from ludwig.data.preprocess import Prepared, Preprocessing, Tables, check_rows, rows_of_split
from ludwig.data.reading import Sources, read_sources
from ludwig.data.sources import Source, folder_of, format_of, read_table
from ludwig.error import ArgumentError, InputDataError
from ludwig.features.base import Facts
from ludwig.features.fitted import read_facts
from ludwig.runtime.console import logger_of, warn

logger = logger_of(__name__)

NO_LIMITS = Limits()

# From the data's folder: inputs, outputs, and the columns that training reads besides.
Resolve = Callable[[Path | None], tuple[Sequence[Spec], Sequence[Spec], Sequence[Spec]]]
Fit = Callable[[Tables, Sequence[Spec], Preprocessing, int, Mapping[str, Facts] | None, Events], Prepared]


class Declared(Protocol):
    """The sections of the config that describe the data."""

    @property
    def preprocessing(self) -> Preprocessing: ...
    @property
    def reads_all_columns(self) -> bool: ...
    def prepare(self, table: pd.DataFrame) -> pd.DataFrame: ...


@dataclasses.dataclass(frozen=True)
class Rows:
    """The rows of a dataset that can be used, and where they stand in it."""

    frame: Frame
    kept: NDArray[np.bool_]  # [N], of all rows
    index: pd.Index  # [N], the caller's


class HookEvents(Events):
    """Hands on to the callbacks what happens while data is prepared."""

    def __init__(self, hooks: CallbackList, mode: str) -> None:
        self.hooks, self.mode = hooks, mode

    def fit_starts(self, table: pd.DataFrame) -> None:
        self.hooks.on_build_metadata_start(table, self.mode)

    def fit_ends(self, table: pd.DataFrame) -> None:
        self.hooks.on_build_metadata_end(table, self.mode)

    def encoding_starts(self, table: pd.DataFrame) -> None:
        self.hooks.on_build_data_start(table, self.mode)

    def encoding_ends(self, table: pd.DataFrame) -> None:
        self.hooks.on_build_data_end(table, self.mode)
        self.hooks.on_preprocess_progress(1.0)

    def progress(self, share: float) -> None:
        self.hooks.on_preprocess_progress(share)


class Pipeline:
    """Prepares data by one config."""

    def __init__(
        self,
        config: Declared,
        resolve: Resolve,
        fit: Fit,
        cache_dir: Path | None,
        hooks: CallbackList,
        cache_limits: Limits = NO_LIMITS,
        written: Mapping[str, str] | None = None,
    ) -> None:
        """`fit`: splits, fits and encodes tables, wherever that work runs; `written`: names of columns before they were
        sanitised, as messages show them.
        """
        self.config, self.resolve, self.fit, self.hooks = config, resolve, fit, hooks
        self.cache_dir, self.cache_limits = cache_dir, cache_limits
        self.written = dict(written or {})

    def for_training(
        self,
        sources: Sources,
        data_format: str | None,
        metadata: Mapping[str, Any] | None,
        seed: int,
        *,
        save_cache: bool,
    ) -> Prepared:
        """The splits, from the cache where it has them.

        Args:
            metadata: The fitted state of an earlier run, which is then kept.

        Raises:
            InputDataError: The data does not fit the config.
        """
        first = next(iter(sources.values()))
        specs, config = [spec for side in self.resolve(folder_of(first)) for spec in side], self.config.preprocessing
        known = None if metadata is None else fitted_state(specs, metadata)
        if format_of(first, data_format) == "hdf5":
            return load_prepared(Path(first), specs)
        cache = None if known else cache_file(sources, data_format, specs, config, seed, self.cache_dir)
        if cache is not None and (cached := _cached(cache, specs)) is not None:
            logger.info("The preprocessed data is taken from '%s'.", cache.path)
            return cached
        tables = read_sources(sources, data_format, self._columns(specs)).mapped(self.config.prepare)
        prepared = self.fit(tables, specs, config, seed, known, HookEvents(self.hooks, "training"))
        if cache is not None and save_cache:
            _keep(cache, prepared, self.cache_limits)
        return prepared

    def for_folds(self, source: Source, data_format: str | None, column: str | None, *, is_textual: bool) -> Parsed:
        """The table of a source, read and parsed once, however many folds are then made of it.

        Args:
            column: One that the folds depend on, whatever the features read.
            is_textual: Whether its cells are read as they are written.

        Raises:
            InputDataError: A column is missing, has cells that do not fit, or the data is preprocessed already.
        """
        if format_of(source, data_format) == "hdf5":
            raise InputDataError(
                f"'{source}' holds preprocessed data, whose preprocessing was fitted on rows that the folds would hold "
                "out. Pass the table that it was made from."
            )
        specs = [spec for side in self.resolve(folder_of(source)) for spec in side]
        selection = self._columns(specs)
        needed = {} if column is None else {column: "fold_column"}
        if selection.textual is not None:
            textual = {**dict.fromkeys(needed, is_textual), **selection.textual}
            selection = dataclasses.replace(selection, textual=textual, needed={**selection.needed, **needed})
        table = self.config.prepare(read_table(source, data_format, selection))
        refuse_absent(needed, table.columns)
        check_rows(table, specs)
        return Parsed(table, specs)

    def for_prediction(
        self,
        dataset: Source | Dataset | None,
        data_format: str | None,
        split: str,
        metadata: Mapping[str, Any],
        seed: int,
        *,
        with_targets: bool,
    ) -> Rows:
        """The usable rows of a dataset, or of one of its splits, encoded with the fitted state.

        Raises:
            InputDataError: A column is missing, or has cells that do not fit.
        """
        if isinstance(dataset, Dataset):
            return Rows(dataset.frame, np.ones(len(dataset), dtype=bool), dataset.index)
        if dataset is None:
            raise ArgumentError("There is no data: give `dataset`.")
        inputs, outputs, besides = self.resolve(folder_of(dataset))
        specs = [*inputs, *outputs] if with_targets else [*inputs]
        weights = [spec for spec in besides if with_targets and spec.name == SAMPLE_WEIGHT]
        table = self.config.prepare(read_table(dataset, data_format, self._columns(specs, weights)))
        specs += _there(weights, table)
        table = table.iloc[rows_of_split(table, self.config.preprocessing, seed, split)] if split != "full" else table
        events = HookEvents(self.hooks, "prediction")
        events.encoding_starts(table)
        encoded = encode(table, specs, fitted_state(specs, metadata))
        self.hooks.on_build_data_end(table, "prediction")
        kept = encoded.dropped.used
        warn_of_dropped(encoded.dropped.counts(), len(table))
        if with_targets:
            refuse_nothing_to_evaluate(encoded, table, outputs)
        frame = encoded.frame if kept.all() else encoded.frame.rows(torch.from_numpy(np.flatnonzero(kept)))
        return Rows(frame, kept, table.index)

    def _columns(self, specs: Sequence[Spec], wanted: Sequence[Spec] = ()) -> Selection:
        """The columns to read, those that are only wanted where they are there; all where the model may ask for any."""
        reads_all = self.config.reads_all_columns
        selection = self.config.preprocessing.selection(specs, reads_all=reads_all, wanted=wanted)
        return dataclasses.replace(selection, written=self.written)


def _there(weights: Sequence[Spec], table: pd.DataFrame) -> list[Spec]:
    """The sample weights, where the table has them."""
    for spec in weights:
        if spec.column not in table:
            warn(f"The data has no {spec.feature.where}, so all rows count alike in the metrics.")
    return [spec for spec in weights if spec.column in table]


def _cached(cache: CacheFile, specs: Sequence[Spec]) -> Prepared | None:
    """The data from the cache; None where it has none, or none that can be used."""
    try:
        return cache.load(specs)
    except (InputDataError, OSError) as error:
        warn(f"The cached data is not used, and is made anew: {error}")
        return None


def _keep(cache: CacheFile, prepared: Prepared, limits: Limits) -> None:
    """Into the cache, where that can be written; the run does not depend on it."""
    try:
        cache.save(prepared)
        prune(cache.path.parent, limits, kept=cache.path)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else error
        warn(
            f"The preprocessed data is not cached: '{cache.path.parent}' cannot be written to ({why}). "
            "Set backend.cache_dir to another folder, or skip_save_processed_input."
        )


def fitted_state(specs: Sequence[Spec], metadata: Mapping[str, Any]) -> dict[str, Facts]:
    """The fitted state of the features back from `training_set_metadata`.

    Raises:
        InputDataError: It is damaged, or was fitted on the features of another config.
    """
    return {spec.name: _facts_of(spec, metadata) for spec in specs}


def _facts_of(spec: Spec, metadata: Mapping[str, Any]) -> Facts:
    try:
        if spec.name not in metadata:
            raise ValueError(f"it knows only these features: {', '.join(map(str, metadata)):.200}")
        facts: Facts = read_facts(spec.feature.facts_type, metadata[spec.name])
    except ValueError as error:
        raise InputDataError(
            f"training_set_metadata does not fit the {spec.feature.where}: {error}. Use the one that was fitted with "
            "this config, or leave it out."
        ) from None
    return facts
