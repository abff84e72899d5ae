"""Where a search is kept, and whether an earlier one goes on."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ludwig.error import ArgumentError
from ludwig.hyperopt.config import SearchConfig
from ludwig.hyperopt.lock import locked
from ludwig.hyperopt.study import Study, config_of_study, open_storage
from ludwig.runtime.atomic import claimed, storing
from ludwig.schema import dump

JOURNAL = "study.journal"
HOW_LONG: tuple[str, ...] = ("num_samples", "time_budget_s", "max_concurrent_trials")  # with which a search may go on
HOW_LONG += ("cpu_resources_per_trial", "gpu_resources_per_trial")


@dataclasses.dataclass(frozen=True)
class Kept:
    """Where a search is kept."""

    directory: Path | None
    name: str
    resume: bool | None  # whether an earlier one must go on (True), must not (False), or does where it is the same
    saves_statistics: bool


@contextmanager
def opened(
    search: SearchConfig, own: str, directions: list[str], kept: Kept, seed: int
) -> Iterator[tuple[Study, Path | None]]:
    """The study, an earlier one that goes on or a new one, and the folder of the search, which is locked meanwhile.

    Args:
        own: What the search is over, as a hash.

    Raises:
        ArgumentError: There is none to go on with, the storage holds another one, or another process runs it.
    """
    study_name, resume = search.executor.study_name or kept.name, kept.resume
    earlier = None if kept.directory is None else kept.directory / kept.name
    place = search.executor.storage or (None if earlier is None else str(earlier / JOURNAL))
    known = config_of_study(place, study_name)
    if resume and known is None:
        raise ArgumentError(f"There is no search to resume in '{place}'. Leave resume out to begin one.")
    if known is not None and known != own and (resume or search.executor.storage):
        raise ArgumentError(
            f"The search in '{place}' is one over another config or other data. Set another experiment_name or "
            "hyperopt.executor.study_name."
        )
    if known is not None and resume is False and search.executor.storage:
        raise ArgumentError(f"'{place}' has the study '{study_name}' already. Set hyperopt.executor.study_name.")
    goes_on = known == own and resume is not False
    folder = earlier
    if earlier is not None:
        with storing(earlier):
            folder = earlier if goes_on and earlier.is_dir() else claimed(earlier)
    if search.executor.storage is None and folder is not None:
        place = str(folder / JOURNAL)
    with locked(folder):
        study = Study(search, directions, study_name, open_storage(place), seed)
        if goes_on:
            study.take_up()
        else:
            study.begin(own)
        yield study, folder


def hash_of(search: SearchConfig, raw: dict[str, Any], data: str) -> str:
    """Of all that makes two searches the same, `data` a hash itself; one may go on longer, or on another machine."""
    section = dump(search)
    for option in HOW_LONG:
        section["executor"].pop(option)
    text = json.dumps([raw, section, data], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
