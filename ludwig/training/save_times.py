"""When a run writes checkpoints: as often as a small share of its time allows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from ludwig.training.progress import Progress

SHARE = 0.05  # of a run's time that checkpoints may take, the last one aside
FIRST = 0.05  # seconds that a checkpoint is taken to need before one was written


class SaveTimes:
    """How long checkpoints took in this process, and up to which step the run is saved."""

    def __init__(self, steps: int | None) -> None:
        """`steps`: at which a run stands that is resumed; None for a new one."""
        self.steps = steps
        self.spent, self.needed = 0.0, FIRST
        self.began = time.monotonic()

    def is_due(self) -> bool:
        """Whether one more checkpoint stays within the share."""
        return self.spent + self.needed <= SHARE * (time.monotonic() - self.began)

    @contextmanager
    def timed(self, progress: Progress) -> Iterator[None]:
        """Inside the block a checkpoint is written."""
        begun = time.monotonic()
        yield
        self.needed = time.monotonic() - begun
        self.spent, self.steps = self.spent + self.needed, progress.steps
