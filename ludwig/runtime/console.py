"""What a call logs: at the level of its own model, whatever runs in other threads.

No logger of the process is changed meanwhile: a record of ours takes the level of the call that it belongs to.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import Any

from ludwig.error import LudwigWarning
from ludwig.runtime.arguments import logging_level_of
from ludwig.runtime.printing import standard_output

_of_call: ContextVar[int | None] = ContextVar("ludwig_logging_level", default=None)
_for_all: list[int] = []  # the level that was set for all models of the process, if one was


class CallLogger(logging.LoggerAdapter[logging.Logger]):
    """A logger that inside a call takes the level of the call, and elsewhere its own."""

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802  (the name is logging's)
        own = _of_call.get()
        return self.logger.isEnabledFor(level) if own is None else level >= own

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        if _of_call.get() is None:
            super().log(level, msg, *args, stacklevel=kwargs.pop("stacklevel", 1) + 1, **kwargs)
        elif self.isEnabledFor(level):
            path, line, function, _ = self.logger.findCaller(stacklevel=3)
            name = self.logger.name
            self._hand_on(self.logger.makeRecord(name, level, path, line, msg, args, None, func=function))

    def _hand_on(self, record: logging.LogRecord) -> None:
        """To whoever listens, else to the standard output."""
        if self.logger.hasHandlers():
            self.logger.handle(record)
        else:
            print(record.getMessage(), file=standard_output(), flush=True)


def logger_of(module: str) -> CallLogger:
    """The logger of a module."""
    return CallLogger(logging.getLogger(module), {})


def warn(text: str) -> None:
    """Warns the user of something about data or results, whatever the logging level, at the line that called us."""
    warnings.warn(text, LudwigWarning, stacklevel=_frames_of_ours(sys._getframe()) + 1)


def _frames_of_ours(frame: FrameType | None) -> int:
    """How many frames, from this one outwards, are of the package."""
    count = 0
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "ludwig":
        frame, count = frame.f_back, count + 1
    return count


def set_level_for_all(level: int | str) -> None:
    """One level for all models of the process from now on."""
    number = logging_level_of(level)
    _for_all[:] = [number]
    logging.getLogger("ludwig").setLevel(number)


def shows_progress(level: int) -> bool:
    """Whether progress bars are drawn at this level."""
    return (_for_all or [level])[0] < logging.WARNING


@contextmanager
def logging_at(level: int) -> Iterator[None]:
    """Inside the block, this thread logs at the level."""
    token = _of_call.set((_for_all or [level])[0])
    try:
        yield
    finally:
        _of_call.reset(token)
