"""What training shows on a terminal: a progress bar, and a table of metrics for each evaluation."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

from tabulate import tabulate
from tqdm import tqdm

from ludwig.callbacks import Callback
from ludwig.runtime.console import logger_of
from ludwig.runtime.printing import standard_output
from ludwig.training.progress import History, Progress

logger = logger_of(__name__)

SPLITS = ("training", "validation")
REFRESH_SECONDS = 0.25  # the loss is read from the device no oftener


class ProgressBar(Callback):
    """A bar over all steps with the loss and the rows a second; the bar itself shows the time that is left."""

    def __init__(self) -> None:
        self.bar: Any = None
        self.drawn = 0.0

    def on_trainer_train_setup(self, trainer: Any, save_path: str | None, is_coordinator: bool, **kwargs: Any) -> None:
        begun = trainer.progress.steps
        self.bar = tqdm(desc="Training", total=trainer.total_steps, initial=begun, file=standard_output(), leave=False)

    def on_batch_end(
        self, trainer: Any, progress_tracker: Any, save_path: str | None, sync_step: bool = True, **kwargs: Any
    ) -> None:
        now = time.monotonic()
        if now - self.drawn < REFRESH_SECONDS:
            return
        self.drawn = now
        self.bar.total = progress_tracker.total_steps  # there are fewer once batches have grown
        self.bar.update(progress_tracker.steps - self.bar.n)
        rate = self.bar.format_dict["rate"] or 0
        self.bar.set_postfix_str(f"loss {float(trainer.last_loss):.4g}, {rate * trainer.batch_size:,.0f} rows/s")

    def on_eval_end(self, trainer: Any, progress_tracker: Any, save_path: str | None, **kwargs: Any) -> None:
        self.bar.clear()  # so that the table begins on a line of its own

    def on_trainer_train_teardown(
        self, trainer: Any, progress_tracker: Any, save_path: str | None, is_coordinator: bool, **kwargs: Any
    ) -> None:
        self.bar.update(progress_tracker.steps - self.bar.n)
        self.bar.close()


class RoundTable(Callback):
    """The metrics of all outputs after each evaluation: a table each on a terminal, one that grows in a notebook."""

    def __init__(self) -> None:
        self.shown: Any = None  # the table of the notebook

    def on_trainer_train_setup(self, trainer: Any, save_path: str | None, is_coordinator: bool, **kwargs: Any) -> None:
        self.shown = None

    def on_eval_end(self, trainer: Any, progress_tracker: Progress, save_path: str | None, **kwargs: Any) -> None:
        notebook = display_of_notebook()
        if notebook is None:
            if logger.isEnabledFor(logging.INFO):
                logger.info("%s", metrics_table(progress_tracker))
            return
        page = {"text/html": rounds_table(progress_tracker)}
        if self.shown is None:
            self.shown = notebook(page, raw=True, display_id=True)
        else:
            self.shown.update(page, raw=True)


def can_draw() -> bool:
    """Whether a bar that is drawn over itself is seen as one: on a terminal or in a notebook, not in a file."""
    return standard_output().isatty() or display_of_notebook() is not None


def display_of_notebook() -> Any:
    """What shows things in the notebook that this process runs in; None on a terminal."""
    shell = sys.modules.get("IPython")  # a notebook has imported it
    current = None if shell is None else shell.get_ipython()
    return shell.display.display if shell is not None and type(current).__name__ == "ZMQInteractiveShell" else None


def metrics_table(progress: Progress) -> str:
    """The metrics of the last evaluation: a row for each metric, a column for each split."""
    best = " (the best so far)" if progress.steps == progress.best_eval_metric_steps else ""
    head = f"Epoch {progress.epoch}, step {progress.steps} of {progress.total_steps}{best}\n"
    return head + tabulate(_last(progress), headers=["output", "metric", *SPLITS], floatfmt=".4f")


def rounds_table(progress: Progress) -> str:
    """The combined loss of all evaluations as HTML, the best one marked, and all metrics of the last one below."""
    losses = [history.get("combined", {}).get("loss", []) for history in _histories(progress)]
    by_step: dict[int, list[float | None]] = {}
    epochs: dict[int, int] = {}
    for place, series in enumerate(losses):
        for epoch, step, value in series:
            by_step.setdefault(int(step), [None] * len(SPLITS))[place] = value
            epochs[int(step)] = int(epoch)
    best = progress.best_eval_metric_steps
    rows = [[epochs[step], f"{step} *" if step == best else str(step), *by_step[step]] for step in sorted(by_step)]
    tables = (
        (rows, ["epoch", "step", *(f"loss ({split})" for split in SPLITS)]),
        (_last(progress), ["output", "metric", *SPLITS]),
    )
    shown, last = (tabulate(cells, headers=names, tablefmt="html", floatfmt=".4f") for cells, names in tables)
    return f"{shown}\n<small>* the best evaluation so far</small>\n{last}"


def _histories(progress: Progress) -> list[History]:
    return [progress.train_metrics, progress.validation_metrics]


def _last(progress: Progress) -> list[list[Any]]:
    """[output, metric, the last value of each split] of all that was measured on either; the combined loss first."""
    histories = _histories(progress)
    names = {
        (output, metric): None for history in histories for output, metrics in history.items() for metric in metrics
    }
    found = sorted(names, key=lambda name: name[0] != "combined")
    series = {name: [history.get(name[0], {}).get(name[1], []) for history in histories] for name in found}
    return [[*name, *(each[-1][2] if each else None for each in series[name])] for name in found]
