"""The history of a search, kept by an Optuna study: which parameters come next, and how trials did.

Only the process that searches opens the storage; trials in other processes report to it.
"""

from __future__ import annotations

import contextlib
import logging
import math
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ludwig.error import ArgumentError, ArtifactError
from ludwig.hyperopt.config import SearchConfig
from ludwig.hyperopt.record import COMPLETE, FAILED, STOPPED, TrialResults
from ludwig.runtime.atomic import storing

PLACE = "place"  # of a trial in the search: it outlasts the trial, so that a lost one is run again
CONFIG = "config"  # a hash of what the search is over


@contextlib.contextmanager
def quiet_optuna() -> Iterator[None]:
    """Inside the block Optuna logs warnings only."""
    import optuna  # noqa: F401 (which sets the level of its logger when it is imported)

    logger = logging.getLogger("optuna")
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)


class Study:
    """Asks for parameters and records what came of them."""

    def __init__(self, search: SearchConfig, directions: list[Any], name: str, storage: Any, seed: int) -> None:
        """`storage`: that of Optuna; None keeps the study in memory."""
        import optuna

        self.search, self.spaces = search, search.spaces
        self.is_stopped_early = search.executor.scheduler.stops
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            warnings.simplefilter("ignore", FutureWarning)  # an option of a sampler that Optuna 6 will drop
            self.study = optuna.create_study(
                storage=storage,
                study_name=search.executor.study_name or name,
                directions=directions,
                load_if_exists=True,
                pruner=search.executor.scheduler.build().pruner(),
            )
            if len(self.study.directions) != len(directions):
                raise ArgumentError(
                    f"The study '{self.study.study_name}' has {len(self.study.directions)} objectives, and the search "
                    f"{len(directions)}. Set another hyperopt.executor.study_name."
                )
            known = len(self.study.get_trials(deepcopy=False))
            own = search.search_alg.random_seed
            # A sampler that begins anew must not draw again what it drew before.
            self.study.sampler = search.search_alg.build().sampler((seed if own is None else own) + known)
        self.distributions = {name: space.distribution() for name, space in self.spaces.items()}
        self.points = [dict(point) for point in search.search_alg.points_to_evaluate or ()]
        self.running: dict[int, Any] = {}

    def begin(self, config: str) -> None:
        """Marks a new study as that of a search, with the points whose scores are known."""
        import optuna

        self.study.set_user_attr(CONFIG, config)
        for point, reward in zip(self.points, self.search.search_alg.rewards, strict=False):
            raw = self._raw(point)
            known = {name: self.distributions[name] for name in raw}
            self.study.add_trial(optuna.trial.create_trial(params=raw, distributions=known, value=reward))

    def take_up(self) -> None:
        """Lost trials, which ran when an earlier process died, are asked again with the same parameters."""
        from optuna.trial import TrialState

        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            place = trial.user_attrs.get(PLACE)
            self.study.tell(trial.number, state=TrialState.FAIL)
            if place is not None:
                self.study.enqueue_trial(trial.params, user_attrs={PLACE: place, "again_of": trial.number})

    # -- trials

    def ask(self) -> tuple[int, int, dict[str, Any]] | None:
        """(number, place, parameters) of the next trial; None where there are enough."""
        from optuna.trial import TrialState

        trials = self.study.get_trials(deepcopy=False)
        if not any(trial.state == TrialState.WAITING for trial in trials):
            place = 1 + max((trial.user_attrs.get(PLACE, -1) for trial in trials), default=-1)
            if place >= self.search.trials:
                return None
            self.study.enqueue_trial(self._raw(self._fixed(place)), user_attrs={PLACE: place})
        trial = self.study.ask(self.distributions)
        self.running[trial.number] = trial
        return trial.number, trial.user_attrs[PLACE], self._values(trial.params)

    def _fixed(self, place: int) -> dict[str, Any]:
        """The values that are not drawn: of the grid, and of the points that the user wants first."""
        grid = self.search.grid
        sample, point = divmod(place, math.prod(len(values) for values in grid.values()))
        fixed: dict[str, Any] = {}
        for name, values in grid.items():
            point, which = divmod(point, len(values))
            fixed[name] = values[which]
        if self.search.search_alg.repeats() and grid:
            fixed = {**self._of_sample(sample), **fixed}
        wanted = self.points[len(self.search.search_alg.rewards) :]
        return {**fixed, **(wanted[place] if place < len(wanted) else {})}

    def _of_sample(self, sample: int) -> dict[str, Any]:
        """The parameters of the first trial of a run through the grid; none before it."""
        first = sample * math.prod(len(values) for values in self.search.grid.values())
        for trial in self.study.get_trials(deepcopy=False):
            if trial.user_attrs.get(PLACE) == first and trial.params:
                return self._values(trial.params)
        return {}

    def _values(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self.spaces[name].value(raw[name]) for name in self.spaces if name in raw}

    def _raw(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self.spaces[name].raw(value) for name, value in values.items()}

    def stops(self, number: int, time: int, score: float) -> bool:
        """Whether the scheduler stops a trial that scores so at a time."""
        if not self.is_stopped_early or not math.isfinite(score):
            return False
        trial = self.running[number]
        trial.report(score, time)
        return bool(trial.should_prune())

    def end(self, number: int, result: TrialResults) -> None:
        """Records a trial that is over."""
        from optuna.trial import TrialState

        trial = self.running.pop(number)
        if result.error is not None:
            trial.set_user_attr("error", result.error)
            self.study.tell(number, state=TrialState.FAIL)
        elif result.state == STOPPED:
            self.study.tell(number, state=TrialState.PRUNED)
        else:
            self.study.tell(number, result.scores)

    def summary(self, trial: Any) -> TrialResults:
        """What the study itself has of a trial that is over."""
        from optuna.trial import TrialState

        states = {TrialState.COMPLETE: COMPLETE, TrialState.PRUNED: STOPPED}
        scores = list(trial.values or [])
        return TrialResults(
            parameters=self._values(trial.params),
            metric_score=scores[0] if scores else None,
            error=trial.user_attrs.get("error"),
            number=trial.number,
            state=states.get(trial.state, FAILED),
            scores=scores,
            seconds=trial.duration.total_seconds() if trial.duration else 0.0,
        )

    def trials(self) -> list[Any]:
        """The trials of Optuna that the search asked for and that are over, lost ones left out."""
        done = [trial for trial in self.study.get_trials(deepcopy=False) if trial.state.is_finished()]
        lost = {trial.user_attrs["again_of"] for trial in done if "again_of" in trial.user_attrs}
        return [trial for trial in done if PLACE in trial.user_attrs and trial.number not in lost]


def open_storage(place: str | None) -> Any:
    """The storage of a study: a journal at a path, a database at a URL, or none, which is the memory.

    Raises:
        ArgumentError: The database cannot be opened.
        ArtifactError: The journal cannot be read.
    """
    if place is None:
        return None
    if "://" in place:
        return _database(place)
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    path = Path(place)
    with storing(path):
        if path.is_file():
            _cut_torn_line(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return JournalStorage(JournalFileBackend(str(path)))
        except (ValueError, KeyError, TypeError) as error:
            raise ArtifactError(f"'{path}' is no journal of a search, or a damaged one. Remove it.") from error


def _database(url: str) -> Any:
    """The storage of Optuna at a URL.

    Raises:
        ArgumentError: It cannot be opened.
    """
    from optuna.storages import get_storage

    try:
        return get_storage(url)
    except Exception as error:  # of SQLAlchemy, Optuna or a driver
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ArgumentError(f"hyperopt.executor.storage cannot be opened: {reason}") from error


def _cut_torn_line(path: Path) -> None:
    """Cuts off the last line where a dying process left it torn: no reader of journals bears one."""
    with path.open("rb+") as file:
        content = file.read()
        file.truncate(content.rfind(b"\n") + 1)


def config_of_study(place: str | None, name: str) -> str | None:
    """The hash of the search that a stored study belongs to; None where there is no such study."""
    import optuna

    if place is None or not ("://" in place or Path(place).is_file()):
        return None
    try:
        study = optuna.load_study(study_name=name, storage=open_storage(place))
    except KeyError:
        return None
    return str(study.user_attrs.get(CONFIG))
