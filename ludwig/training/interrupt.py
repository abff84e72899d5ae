"""Signals that a run listens to: Ctrl-C and SIGTERM end it after the step at hand, SIGUSR1 and SIGUSR2 pause it."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ludwig.runtime.console import logger_of

logger = logger_of(__name__)

ENDS = ("SIGINT", "SIGTERM")
PAUSE, RESUME = "SIGUSR1", "SIGUSR2"  # which not every system has
NAP_SECONDS = 0.1


class Interrupt:
    """Which signals have come."""

    def __init__(self) -> None:
        self.requested = self.paused = False

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
            self.requested = True
            logger.warning("Training stops after this step and keeps the best weights. Once more to stop at once.")
        else:
            self.paused = name == PAUSE
            logger.warning("Training is paused until %s." if self.paused else "Training goes on after %s.", RESUME)


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
