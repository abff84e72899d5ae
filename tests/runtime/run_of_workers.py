"""Runs as `torchrun` starts them on each worker: `python run_of_workers.py <folder> <rows of a batch>`."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.torch import save_file

from ludwig.api import LudwigModel, TrainingResults
from ludwig.callbacks import Callback
from ludwig.training import stopping


def table(rows: int = 207) -> pd.DataFrame:
    """145 rows train: batches of 16 leave one over, of which one of two workers gets nothing."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=rows)
    noisy = x + 0.3 * draw.normal(size=rows)
    return pd.DataFrame(
        {"x": x, "c": draw.choice(list("abc"), rows), "y": np.where(noisy > 0, "p", "q"), "z": 2 * x + 1}
    )


CASES = {
    "plain": {},
    "accumulated": {"gradient_accumulation_steps": 3, "steps_per_checkpoint": 4},
    "clean": {"evaluate_training_set": True, "should_shuffle": False, "eval_steps": 1, "eval_batch_size": 16},
}
OTHERS = {"balanced": {"loss_balancing": "gradnorm"}, "soup": {"model_soup": "uniform", "ema_decay": 0.9}}


def model(case: str, batch_size: int) -> LudwigModel:
    """Two outputs, one of which weighs its classes, so that batches of equal size do not count alike."""
    loss = {"type": "softmax_cross_entropy", "class_weights": [1.0, 3.0]}
    options = {"epochs": 3, "batch_size": batch_size, "learning_rate": 0.01, "learning_rate_scaling": "constant"}
    return LudwigModel(
        {
            "input_features": [{"name": "x", "type": "number"}, {"name": "c", "type": "category"}],
            "output_features": [{"name": "y", "type": "category", "loss": loss}, {"name": "z", "type": "number"}],
            "combiner": {"type": "concat", "num_fc_layers": 1, "output_size": 8},
            "trainer": {**options, **{**CASES, **OTHERS}[case]},
        },
        gpus=-1,
    )


class Stops(Callback):
    """Interrupts after a step, as Ctrl-C does; only one worker gets the signal."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_batch_end(self, trainer, progress_tracker, save_path, sync_step=True, **kwargs):
        if trainer.engine.is_main and progress_tracker.steps == self.step:
            os.kill(os.getpid(), signal.SIGINT)


def train(case: str, batch_size: int, folder: Path) -> dict:
    """Trains; keeps the weights and gives the statistics."""
    one = model(case, batch_size)
    out = str(folder / "runs")
    results = one.train(table(), output_directory=out, experiment_name=case, skip_save_log=True)
    return kept(one, results, folder / case)


def train_with_a_stop(case: str, batch_size: int, folder: Path) -> dict:
    """The same, stopped in the middle of an epoch and resumed."""
    stopping.POLL_SECONDS = 0.0
    out = {"output_directory": str(folder / "runs"), "experiment_name": "stopped", "skip_save_log": True}
    stopped = model(case, batch_size).train(table(), callbacks=[Stops(5)], **out)
    assert len(stopped.train_stats.validation["z"]["loss"]) == 1  # the evaluation that ends a run without one
    resumed = model(case, batch_size)
    results = resumed.train(table(), model_resume_path=stopped.output_directory, skip_save_log=True)
    return kept(resumed, results, folder / "stopped")


def kept(one: LudwigModel, results: TrainingResults, path: Path) -> dict:
    weights = {name: weight.detach().clone() for name, weight in one.collect_weights()}
    save_file(weights, f"{path}_{os.environ.get('RANK', 'alone')}")
    stats = results.train_stats
    return {"training": stats.training, "validation": stats.validation, "test": stats.test}


def main() -> None:
    folder, batch_size = Path(sys.argv[1]), int(sys.argv[2])
    stats = {case: train(case, batch_size, folder) for case in (*CASES, *OTHERS)}
    stats["stopped"] = train_with_a_stop("plain", batch_size, folder)
    rank = os.environ.get("RANK", "alone")
    (folder / f"stats_{rank}.json").write_text(json.dumps(stats))


if __name__ == "__main__":
    main()
