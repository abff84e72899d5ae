"""What training shows on a terminal: a progress bar, and a table of metrics a round."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

from tabulate import tabulate
from tqdm import tqdm

from ludwig.callbacks import Callback
from ludwig.training.progress import Progress

logger = logging.getLogger(__name__)

REFRESH_SECONDS = 0.25  # the loss is read from the device no oftener


class ProgressBar(Callback):
    """A bar over all steps with the loss and the rows a second; the bar itself tells the time that is left."""

    def __init__(self) -> None:
        self.bar: Any = None
        self.drawn = 0.0

    def on_trainer_train_setup(self, trainer: Any, save_path: str | None, is_coordinator: bool, **kwargs: Any) -> None:
        begun = trainer.progress.steps
        self.bar = tqdm(desc="Training", total=trainer.total_steps, initial=begun, file=sys.stdout, leave=False)

    def on_batch_end(
        self, trainer: Any, progress_tracker: Any, save_path: str | None, sync_step: bool = True, **kwargs: Any
    ) -> None:
        now = time.monotonic()
        if now - self.drawn < REFRESH_SECONDS:
            return
        self.drawn = now
        self.bar.update(progress_tracker.steps - self.bar.n)
        rate = self.bar.format_dict["rate"] or 0
        self.bar.set_postfix_str(f"loss {float(trainer.last_loss):.4g}, {rate * trainer.batch_size:,.0f} rows/s")

    def on_eval_end(self, trainer: Any, progress_tracker: Any, save_path: str | None, **kwargs: Any) -> None:
        self.bar.clear()  # so that the table of the round begins on a line of its own

    def on_trainer_train_teardown(
        self, trainer: Any, progress_tracker: Any, save_path: str | None, is_coordinator: bool, **kwargs: Any
    ) -> None:
        self.bar.update(progress_tracker.steps - self.bar.n)
        self.bar.close()


class RoundTable(Callback):
    """A table of the metrics of all outputs after each round of evaluation."""

    def on_eval_end(self, trainer: Any, progress_tracker: Progress, save_path: str | None, **kwargs: Any) -> None:
        if logger.isEnabledFor(logging.INFO):
            logger.info("%s", metrics_table(progress_tracker))


def metrics_table(progress: Progress) -> str:
    """The metrics of the last round: a row a metric, a column a split."""
    rows = []
    for output, metrics in progress.train_metrics.items():
        held_out = progress.validation_metrics.get(output, {})
        for name, rounds in metrics.items():
            there = held_out.get(name)
            rows.append([output, name, rounds[-1][2], there[-1][2] if there else None])
    head = f"Epoch {progress.epoch}, step {progress.steps} of {progress.total_steps}\n"
    return head + tabulate(rows, headers=["output", "metric", "training", "validation"], floatfmt=".4f")
