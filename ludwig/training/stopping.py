"""When a run ends, and why."""

from __future__ import annotations

import enum
from typing import Protocol

from ludwig.runtime.console import logger_of
from ludwig.runtime.engine import Engine
from ludwig.training.interrupt import Interrupt
from ludwig.training.progress import Progress

logger = logger_of(__name__)

POLL_SECONDS = 0.5  # between polls, where these wait for a device or for other processes
MOST_STEPS_UNPOLLED = 50


class StopReason(enum.StrEnum):
    """Why training ended."""

    FINISHED = "finished"  # all epochs or steps are done
    PATIENCE = "patience"  # no improvement for so many evaluations
    TIME = "time"  # the time limit is reached
    INTERRUPTED = "interrupted"  # Ctrl-C, or SIGTERM
    NOT_FINITE = "not_finite"  # gradients are NaN or infinite, step after step
    CALLBACK = "callback"  # a callback stopped it


class Limits(Protocol):
    """The options that end a run."""

    @property
    def time_limit_s(self) -> float | None: ...
    @property
    def max_skipped_steps(self) -> int: ...


class Stopping:
    """Answers after each step, and after each evaluation, whether the run ends; the same in all processes."""

    def __init__(self, patience: int, limits: Limits, engine: Engine) -> None:
        """`patience`: evaluations without improvement after which a run ends; none below 1."""
        self.patience, self.limits, self.engine, self.workers = patience, limits, engine, engine.workers
        self.time_limit = limits.time_limit_s
        self.polls = self.next_poll = 0

    def limit_time(self, seconds: float) -> None:
        """Training takes no longer than so many seconds in all, whatever the config allows."""
        self.time_limit = seconds if self.time_limit is None else min(self.time_limit, seconds)

    def at_start(self, progress: Progress) -> StopReason | None:
        """Whether a run that is resumed had ended already."""
        if self.is_out_of_patience(progress):
            return StopReason.PATIENCE
        if self.time_limit is not None and progress.seconds >= self.time_limit:
            return StopReason.TIME
        return StopReason.FINISHED if progress.is_done else None

    def after_step(self, progress: Progress, interrupt: Interrupt, skipped: object) -> StopReason | None:
        """Signals, the clock, gradients and the end of the plan, in this order of weight.

        What waits, for the device or for other processes, is polled now and then only.

        Args:
            skipped: How many steps in a row were left out: a number, or a tensor on the device.
        """
        interrupt.wait_while_paused()
        self.polls += 1
        alone = self.workers.count == 1
        always = alone and self.engine.device.type == "cpu"
        waits = always or self.polls >= self.next_poll
        interrupted = out_of_time = False
        if alone or waits:
            until_next = 1 if always else self._polls_until_next(progress)
            polled = self.workers.gather((interrupt.requested, self._is_out_of_time(progress), until_next))
            interrupted, out_of_time = any(one for one, _, _ in polled), any(one for _, one, _ in polled)
            if waits:
                self.next_poll = self.polls + polled[0][2]
        if waits and int(skipped) >= self.limits.max_skipped_steps:  # type: ignore[call-overload]
            return StopReason.NOT_FINITE
        if interrupted:
            return StopReason.INTERRUPTED
        if out_of_time:
            logger.info("The time limit is reached: training stops at step %d.", progress.steps)
            return StopReason.TIME
        return StopReason.FINISHED if progress.is_done else None

    def poll_soon(self) -> None:
        """At the end of an evaluation no signal is missed."""
        self.next_poll = 0

    def is_out_of_patience(self, progress: Progress) -> bool:
        """Whether the last `patience` evaluations brought nothing better. It follows from the history alone."""
        evaluations = progress.validation_metrics.get("combined", {}).get("loss", [])
        since = [step for _, step, _ in evaluations if step > progress.last_improvement_steps]
        return self.patience > 0 and len(since) >= self.patience

    def _is_out_of_time(self, progress: Progress) -> bool:
        return self.time_limit is not None and progress.seconds_now() >= self.time_limit

    def _polls_until_next(self, progress: Progress) -> int:
        """As many optimizer steps as take about POLL_SECONDS."""
        pace = progress.seconds_now() / max(self.polls, 1)
        return min(max(int(POLL_SECONDS / max(pace, 1e-9)), 1), MOST_STEPS_UNPOLLED)
