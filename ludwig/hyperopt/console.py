"""What a search shows while it runs."""

from __future__ import annotations

import shutil
import time
from typing import Any

from ludwig.hyperopt.record import FAILED, STOPPED, TrialResults, ordered, shown, table_of
from ludwig.hyperopt.trial import Plan
from ludwig.runtime.printing import standard_output
from ludwig.training.console import can_draw, display_of_notebook

NOTHING, RESULT, LINES, TABLE = range(4)  # what is shown, by verbosity
RUNNING = "running"
MOST_ROWS = 5  # of the best trials
CLEAR = "\x1b[{}A\x1b[J"  # up so many lines, and clear all below


class Board:
    """A line for each trial that is over, or a table that is drawn over itself; and the best trials in the end."""

    def __init__(self, verbosity: int, trials: int, directions: list[str], ends_at: float | None) -> None:
        self.verbosity, self.trials, self.directions, self.ends_at = verbosity, trials, directions, ends_at
        self.done: list[TrialResults] = []
        self.running: dict[int, TrialResults] = {}
        self.drawn = 0  # lines of the table on the terminal
        self.page: Any = None  # the table of the notebook

    def begin(self, plan: Plan) -> None:
        """A trial begins."""
        self.running[plan.number] = TrialResults(plan.parameters, None, number=plan.number, state=RUNNING)
        self._draw()

    def end(self, result: TrialResults) -> None:
        """A trial is over."""
        self.running.pop(result.number, None)
        self.done.append(result)
        if self.verbosity >= LINES and not (self.verbosity >= TABLE and can_draw()):
            self._print(self._line(result))
        self._draw()

    def close(self) -> None:
        """The search is over."""
        if self.verbosity >= RESULT and self.done:
            self._wipe()
            self._print(f"{self._head()}\n{table_of(ordered(self.done, self.directions)[:MOST_ROWS])}")

    def _line(self, result: TrialResults) -> str:
        values = ", ".join(f"{name}: {shown(value)}" for name, value in result.parameters.items())
        found = result.error if result.state == FAILED else f"{result.metric_score:.4g}"
        state = f" ({result.state})" if result.state == STOPPED else ""
        return f"Trial {result.number}: {found}{state} in {result.seconds:.1f} s, with {values}. {self._head()}"

    def _head(self) -> str:
        """How far the search is."""
        done = len(self.done)
        failures = sum(result.state == FAILED for result in self.done)
        scores = [result for result in ordered(self.done, self.directions) if result.metric_score is not None]
        parts = [f"{done} of {self.trials} trials"]
        parts += [f"best {scores[0].metric_score:.4g} (trial {scores[0].number})"] if scores else []
        parts += [f"{len(self.running)} running"] if self.running else []
        parts += [f"{failures} failed"] if failures else []
        parts += [self._time_left()] if self.running else []
        return ", ".join(part for part in parts if part) + "."

    def _time_left(self) -> str:
        """At the pace so far, and no longer than the budget."""
        if not self.done:
            return ""
        each = sum(result.seconds for result in self.done) / len(self.done) / max(len(self.running), 1)
        left = each * (self.trials - len(self.done))
        if self.ends_at is not None:
            left = min(left, self.ends_at - time.time())
        return f"about {max(left, 0):.0f} s left"

    def _draw(self) -> None:
        if self.verbosity < TABLE or not can_draw():
            return
        trials = [*self.running.values(), *ordered(self.done, self.directions)[:MOST_ROWS]]
        notebook = display_of_notebook()
        if notebook is None:
            self._wipe()
            width = shutil.get_terminal_size().columns
            lines = [line[:width] for line in f"{self._head()}\n{table_of(trials)}".splitlines()]
            self._print("\n".join(lines))
            self.drawn = len(lines)
            return
        page = {"text/html": f"<p>{self._head()}</p>{table_of(trials, tablefmt='html')}"}
        if self.page is None:
            self.page = notebook(page, raw=True, display_id=True)
        else:
            self.page.update(page, raw=True)

    def _wipe(self) -> None:
        """Clears the table that stands on the terminal."""
        if self.drawn:
            print(CLEAR.format(self.drawn), end="", file=standard_output(), flush=True)
            self.drawn = 0

    def _print(self, text: str) -> None:
        print(text, file=standard_output(), flush=True)
