"""One trial of a search: what was tried and what came of it, and which trials are better."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Self

from tabulate import tabulate

COMPLETE, STOPPED, FAILED = "complete", "stopped", "failed"


@dataclasses.dataclass
class TrialResults:
    """One trial of a search."""

    parameters: dict[str, Any]  # by the names of the search
    metric_score: float | None  # on the split of the search; that of the first objective; None where the trial failed
    training_stats: dict[str, Any] | None = dataclasses.field(default=None, repr=False)
    eval_stats: dict[str, Any] | None = dataclasses.field(default=None, repr=False)
    model_path: str | None = None  # of the saved model
    error: str | None = None  # why the trial failed
    number: int = 0
    state: str = COMPLETE  # complete, stopped (by the scheduler) or failed
    scores: list[float] = dataclasses.field(default_factory=list)  # of all objectives
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """What `to_dict` gave; keys of later versions are left out."""
        known = {field.name for field in dataclasses.fields(cls)}
        return cls(**{key: value for key, value in raw.items() if key in known})


def table_of(trials: list[TrialResults], tablefmt: str = "simple") -> str:
    """A row for each trial: its number, state, score and parameters."""
    names = list(dict.fromkeys(name for trial in trials for name in trial.parameters))
    rows = [
        [trial.number, trial.state, trial.metric_score, *(shown(trial.parameters.get(name)) for name in names)]
        for trial in trials
    ]
    return tabulate(rows, headers=["trial", "state", "score", *names], tablefmt=tablefmt, floatfmt=".4g")


def shown(value: Any) -> str:
    """A value of a parameter as a cell of a table."""
    return f"{value:.4g}" if isinstance(value, float) else f"{value!s:.40}"


def ordered(trials: list[TrialResults], directions: list[str]) -> list[TrialResults]:
    """Best first: what no other trial beats, then by the first objective; stopped trials, then failed ones last."""
    done = [trial for trial in trials if trial.state == COMPLETE]
    beaten = {id(t) for t in done if any(dominates(other, t, directions) for other in done)}
    several = len(directions) > 1

    def rank(trial: TrialResults) -> tuple[int, bool, float, int]:
        state = (COMPLETE, STOPPED, FAILED).index(trial.state)
        return state, several and id(trial) in beaten, _loss(trial.metric_score, directions[0]), trial.number

    return sorted(trials, key=rank)


def dominates(one: TrialResults, other: TrialResults, directions: list[str]) -> bool:
    """Whether a trial is as good as another in all objectives, and better in one."""
    pairs = [
        (_loss(mine, direction), _loss(theirs, direction))
        for mine, theirs, direction in zip(one.scores, other.scores, directions, strict=True)
    ]
    return all(mine <= theirs for mine, theirs in pairs) and any(mine < theirs for mine, theirs in pairs)


def _loss(score: float | None, direction: str) -> float:
    if score is None or math.isnan(score):
        return math.inf
    return -score if direction == "maximize" else score
