"""Printing that nothing depends on: work goes on where nobody reads, and where a terminal lacks a letter."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TextIO


class Forgiving:
    """A text stream of which a failure ends nothing: a reader that left (`| head`), a full disk, a closed stream."""

    def __init__(self, stream: TextIO | None) -> None:
        self.stream = stream  # None where a program has no standard output

    def write(self, text: str) -> int:
        """Writes what the stream's encoding has, and ? for the rest."""
        if self.stream is not None:
            encoding = self.stream.encoding or "utf-8"
            with suppress(OSError, ValueError):  # a ValueError where it is closed
                self.stream.write(text.encode(encoding, "replace").decode(encoding))
        return len(text)

    def flush(self) -> None:
        """Hands on what was written."""
        if self.stream is not None:
            with suppress(OSError, ValueError):
                self.stream.flush()

    def isatty(self) -> bool:
        """Whether someone looks at a terminal."""
        with suppress(ValueError):
            return self.stream is not None and self.stream.isatty()
        return False


def standard_output() -> Forgiving:
    """The standard output of this moment."""
    return sys.stdout if isinstance(sys.stdout, Forgiving) else Forgiving(sys.stdout)
