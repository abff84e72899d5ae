"""The loop of a search: ask for parameters, run a trial, record what came of it."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ludwig.callbacks import Callback
from ludwig.hyperopt.console import Board
from ludwig.hyperopt.record import TrialResults
from ludwig.hyperopt.study import PLACE, Study
from ludwig.hyperopt.trial import RESULT_FILE_NAME, Plan
from ludwig.hyperopt.workers import Workers
from ludwig.runtime.arguments import LARGEST_SEED
from ludwig.runtime.atomic import read_json
from ludwig.runtime.console import warn


class Search:
    """Runs the trials that a study asks for."""

    def __init__(
        self,
        study: Study,
        workers: Workers,
        board: Board,
        folder: Path | None,
        seed: int,
        callbacks: Sequence[Callback],
        ends_at: float | None,
    ) -> None:
        self.study, self.workers, self.board, self.folder = study, workers, board, folder
        self.seed, self.callbacks, self.ends_at = seed, callbacks, ends_at
        self.running: dict[int, Plan] = {}
        self.found: dict[int, TrialResults] = {}  # by number, of this process

    def run(self) -> None:
        """Until there are enough trials, the budget is spent or a callback ends the search."""
        while True:
            while self.workers.are_free and not self._is_over() and self._start():
                pass
            if not self.running:
                return
            for result in self.workers.wait():
                self._end(result)

    def _is_over(self) -> bool:
        has_begun = bool(self.found or self.running)  # one trial is run, however little time is left
        if has_begun and self.ends_at is not None and time.time() >= self.ends_at:
            return True
        return any([callback.should_stop_hyperopt() for callback in self.callbacks])

    def _start(self) -> bool:
        """Begins the next trial, where there is one."""
        asked = self.study.ask()
        if asked is None:
            return False
        number, place, parameters = asked
        folder = None if self.folder is None else self.folder / f"trial_{number}"
        plan = self.running[number] = Plan(
            number, parameters, (self.seed + place) % (LARGEST_SEED + 1), folder, self.ends_at
        )
        for callback in self.callbacks:
            callback.on_hyperopt_trial_start(copy.deepcopy(parameters))
        self.board.begin(plan)
        self.workers.start(plan)
        return True

    def _end(self, result: TrialResults) -> None:
        plan = self.running.pop(result.number)
        self.found[result.number] = result
        self.study.end(result.number, result)
        for callback in self.callbacks:
            callback.on_hyperopt_trial_end(copy.deepcopy(plan.parameters))
        self.board.end(result)

    def results(self) -> list[TrialResults]:
        """All trials that are over, those of earlier processes too, by their place in the search."""
        trials = sorted(self.study.trials(), key=lambda trial: (trial.user_attrs[PLACE], trial.number))
        return [self.found.get(trial.number) or self._earlier(trial) for trial in trials]

    def _earlier(self, trial: Any) -> TrialResults:
        """A trial of an earlier process, from its folder where that is there, else what the study has of it."""
        file = None if self.folder is None else self.folder / f"trial_{trial.number}" / RESULT_FILE_NAME
        if file is not None and file.is_file():
            try:
                return TrialResults.from_dict(read_json(file))
            except ValueError:  # it was damaged
                warn(f"'{file}' cannot be read, so trial {trial.number} has only what the study has of it.")
        return self.study.summary(trial)
