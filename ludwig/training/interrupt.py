"""Signals that a run listens to: Ctrl-C and SIGTERM end it after the step at hand, SIGUSR1 and SIGUSR2 pause it."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ludwig.runtime.console import logger_of, warn

logger = logger_of(__name__)

ENDS = ("SIGINT", "SIGTERM")
PAUSE, RESUME = "SIGUSR1", "SIGUSR2"  # which not every system has
NAP_SECONDS = 0.1


class Interrupt:
    """Which signals have come."""

    def __init__(self) -> None:
        self.signal: int | None = None  # the one that ends the run
        self.paused = False

    @property
    def requested(self) -> bool:
        """Whether the run is to end."""
        return self.signal is not None

    def wait_while_paused(self) -> None:
        """Waits while the run is paused."""
        while self.paused and not self.requested:
            time.sleep(NAP_SECONDS)

    def note(self, number: int, frame: FrameType | None) -> None:
        """Takes a signal; a second one to stop ends the run at once."""
        name = signal.Signals(number).name
        if name in ENDS:
            if self.requested:
                raise KeyboardInterrupt
            self.signal = number
            logger.warning("Training stops after this step and keeps the best weights. Once more to stop at once.")
        else:
            self.paused = name == PAUSE
            logger.warning("Training is paused until %s." if self.paused else "Training goes on after %s.", RESUME)


def hand_on(number: int) -> None:
    """Once the run is saved, the signal that ended it has the effect that it has elsewhere.

    Ctrl-C raises in a program; where someone sits before an interpreter or a notebook, the results so far come back
    with a warning. SIGTERM goes to the handler of the program, and without one ends the process with status 143.
    """
    if number == signal.SIGINT:
        if not is_interactive():
            raise KeyboardInterrupt("Training was interrupted, and is saved as far as it went.")
        warn("Training was interrupted: the best weights so far are kept. Resume the run with model_resume_path.")
        return
    handler = signal.getsignal(number)
    if callable(handler):
        handler(number, None)
    elif handler is not signal.SIG_IGN:
        raise SystemExit(128 + number)


def is_interactive() -> bool:
    """Whether someone sits before an interpreter or a notebook."""
    return hasattr(sys, "ps1") or bool(sys.flags.interactive)


@contextmanager
def listening() -> Iterator[Interrupt]:
    """Catches signals inside the block; outside the main thread nothing is caught."""
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return
    numbers = [getattr(signal, name) for name in (*ENDS, PAUSE, RESUME) if hasattr(signal, name)]
    before = {number: signal.signal(number, interrupt.note) for number in numbers}
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
