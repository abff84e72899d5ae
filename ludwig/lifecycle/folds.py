"""The data of a cross-validation: parsed once, then fitted and encoded for each fold."""

from __future__ import annotations

from collections.abc import Mapping

from ludwig.api_types import PreprocessedDataset
from ludwig.callbacks import CallbackList
from ludwig.data.dataset import Dataset
from ludwig.data.encoding import Parsed
from ludwig.data.folds import encode_fold, fit_fold
from ludwig.data.pipeline import HookEvents
from ludwig.data.sources import Source
from ludwig.data.split import SplitIndex
from ludwig.error import ArgumentError, InputDataError
from ludwig.features.base import Facts
from ludwig.lifecycle.data import as_datasets, between_hooks, pipeline_of
from ludwig.lifecycle.held import Held


def parsed_table(
    held: Held, source: Source | None, data_format: str | None, column: str | None, *, is_textual: bool
) -> Parsed:
    """The table of a source, read and parsed.

    Args:
        column: One that the folds depend on, and whether its cells are read as they are written.
    """
    if source is None:
        raise ArgumentError("There is no data: give `dataset`.")
    if isinstance(source, Dataset | PreprocessedDataset):
        raise InputDataError(
            "Preprocessed data cannot be cross-validated: its preprocessing was fitted on rows that the folds would "
            "hold out. Pass the table that it was made from."
        )
    return pipeline_of(held, CallbackList(held.callbacks)).for_folds(source, data_format, column, is_textual=is_textual)


def fold_state(held: Held, parsed: Parsed, rows: SplitIndex) -> dict[str, Facts]:
    """The state that is fitted on the training rows of one fold."""
    return fit_fold(parsed, rows, HookEvents(CallbackList(held.callbacks), "training"))


def fold_data(
    held: Held, parsed: Parsed, rows: SplitIndex, facts: Mapping[str, Facts], seed: int
) -> PreprocessedDataset:
    """The splits of one fold; predictions of its test rows have their positions as index."""
    hooks = CallbackList(held.callbacks)
    events, config = HookEvents(hooks, "training"), held.config_obj.preprocessing

    def prepared() -> PreprocessedDataset:
        return as_datasets(held, encode_fold(parsed, rows, facts, config, seed, events), seed)

    return between_hooks(held, hooks, prepared)
