"""Runs as `torchrun` starts them on each worker: `python run_of_workers.py <folder> <rows of a batch>`."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import Shard, distribute_tensor

from ludwig.api import LudwigModel, TrainingResults
from ludwig.callbacks import Callback
from ludwig.columns.frame import Frame
from ludwig.config import load_config
from ludwig.data.preprocess import Tables, preprocess
from ludwig.inference.evaluation import evaluate
from ludwig.models.assets import Assets
from ludwig.nn.sharded import full, in_shards
from ludwig.training import stopping
from ludwig.training.job import Job, build, run_job
from ludwig.training.optim import OPTIMIZERS


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
    "shards": {"parallel": "fsdp", "enable_gradient_checkpointing": True},
    "shards_accumulated": {
        "parallel": "fsdp",
        "gradient_accumulation_steps": 3,
        "gradient_clipping": {"clipnorm": 0.1},
    },
    "clean": {"evaluate_training_set": True, "should_shuffle": False, "eval_steps": 1, "eval_batch_size": 16},
}
OTHERS = {
    "averaged_shards": {"parallel": "fsdp", "model_soup": "uniform", "ema_decay": 0.9, "epochs": 4},
    "recomputed_shards": {"parallel": "fsdp", "enable_gradient_checkpointing": True, "use_mixed_precision": True},
    "balanced": {"loss_balancing": "gradnorm"},
    "soup": {"model_soup": "uniform", "ema_decay": 0.9},
}


def model(case: str, batch_size: int) -> LudwigModel:
    """Two outputs, one of which weighs its classes, so that batches of equal size do not count alike."""
    loss = {"type": "softmax_cross_entropy", "class_weights": [1.0, 3.0]}
    options = {"epochs": 2, "batch_size": batch_size, "learning_rate": 0.01, "learning_rate_scaling": "constant"}
    return LudwigModel(
        {
            "input_features": [{"name": "x", "type": "number"}, {"name": "c", "type": "category"}],
            "output_features": [{"name": "y", "type": "category", "loss": loss}, {"name": "z", "type": "number"}],
            "combiner": {"type": "concat", "num_fc_layers": 2, "output_size": 8, **COMBINERS.get(case, {})},
            "trainer": {**options, **{**CASES, **OTHERS}[case]},
        },
        gpus=-1,
    )


COMBINERS = {
    "averaged_shards": {"dropout": 0.1, "norm": "batch"},
    "recomputed_shards": {"dropout": 0.1, "norm": "layer"},
}


class Looks(Callback):
    """Notes whether the weights are sharded while training runs."""

    saw_shards = False

    def on_batch_end(self, trainer, progress_tracker, save_path, sync_step=True, **kwargs):
        self.saw_shards = in_shards(trainer.model)


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
    looks = Looks()
    results = one.train(table(), output_directory=out, experiment_name=case, skip_save_log=True, callbacks=[looks])
    assert looks.saw_shards == ("shards" in case and "RANK" in os.environ)
    return kept(one, results, folder / case)


def train_with_a_stop(case: str, batch_size: int, folder: Path) -> dict:
    """The same, stopped in the middle of an epoch and resumed."""
    stopping.POLL_SECONDS = 0.0
    sys.ps1 = ">>> "  # as where someone sits before the interpreter: training returns and does not raise
    out = {"output_directory": str(folder / "runs"), "experiment_name": f"stopped_{case}", "skip_save_log": True}
    stopped = model(case, batch_size).train(table(), callbacks=[Stops(5)], **out)
    assert len(stopped.train_stats.validation["z"]["loss"]) == 1  # the evaluation that ends a run without one
    resumed = model(case, batch_size)
    results = resumed.train(table(), model_resume_path=stopped.output_directory, skip_save_log=True)
    return kept(resumed, results, folder / f"stopped_{case}")


def kept(one: LudwigModel, results: TrainingResults, path: Path) -> dict:
    weights = {name: weight.detach().clone() for name, weight in one.collect_weights()}
    save_file(weights, f"{path}_{os.environ.get('RANK', 'alone')}")
    stats = results.train_stats
    return {"training": stats.training, "validation": stats.validation, "test": stats.test}


def job_of_own_rows(parallel: str, *, calibration: bool) -> tuple[Job, Frame]:
    """A job over rows that this process alone has, of which the first process has more; and the validation split."""
    config = load_config(
        {
            "input_features": [{"name": "x", "type": "number"}, {"name": "c", "type": "category"}],
            "output_features": [{"name": "y", "type": "category", "calibration": calibration}],
            "trainer": {"epochs": 2, "batch_size": 8, "learning_rate": 0.01, "parallel": parallel},
        }
    )
    specs = [spec for side in config.resolve(Assets()) for spec in side]
    data = preprocess(Tables(whole=table()), specs, config.preprocessing, 0)
    rank, count = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))

    def own(frame: Frame) -> Frame:
        border = len(frame) // 2 + 5 * (count > 1)
        return frame if count == 1 else frame.slice(0, border) if rank == 0 else frame.slice(border, len(frame))

    frames = [own(frame) for frame in (data.training, data.validation, data.test)]
    return Job(config, config.trainer, data.facts, *frames, seed=7, holds_shard=True), data.validation


def train_on_own_rows(parallel: str) -> dict:
    """What a run found, and what the same weights give on the whole validation split in one process."""
    job, validation = job_of_own_rows(parallel, calibration=False)
    outcome = run_job(job)
    model = build(job.config, job.facts, job.seed, starts=False)
    model.load_weights(outcome.weights)
    calibrated = run_job(job_of_own_rows(parallel, calibration=True)[0])
    return {
        "found": outcome.progress.best_eval_validation_metrics,
        "expected": evaluate(model, validation, 64, torch.device("cpu")),
        "sum": float(sum(weight.double().sum() for weight in outcome.weights.values())),
        "calibration": calibrated.progress.calibration,
        "validation_rows": len(validation),
    }


def furthest_from_whole() -> dict[str, float]:
    """By elementwise optimizer: the largest difference after three steps on shards from steps on whole weights."""
    if "RANK" not in os.environ:
        return {}
    mesh = init_device_mesh("cpu", (2,))
    found = {}
    for name in sorted(OPTIMIZERS.names()):
        config = OPTIMIZERS.get(name).Config()
        if not config.is_elementwise:
            continue
        torch.manual_seed(0)
        start, gradients = torch.randn(5, 3), torch.randn(3, 5, 3)
        whole = torch.nn.Parameter(start.clone())
        shards = torch.nn.Parameter(distribute_tensor(start, mesh, [Shard(0)]))
        for weight in (whole, shards):
            optimizer = config.make([weight], 0.1)
            for gradient in gradients:
                weight.grad = distribute_tensor(gradient, mesh, [Shard(0)]) if weight is shards else gradient.clone()
                optimizer.step()
        found[name] = float((full(shards) - whole).abs().max())
    return found


def main() -> None:
    folder, batch_size = Path(sys.argv[1]), int(sys.argv[2])
    stats = {case: train(case, batch_size, folder) for case in (*CASES, *OTHERS)}
    stats |= {f"stopped_{case}": train_with_a_stop(case, batch_size, folder) for case in ("plain", "shards")}
    stats |= {f"own_rows_{parallel}": train_on_own_rows(parallel) for parallel in ("ddp", "fsdp")}
    stats["optimizers"] = furthest_from_whole()
    rank = os.environ.get("RANK", "alone")
    (folder / f"stats_{rank}.json").write_text(json.dumps(stats))


if __name__ == "__main__":
    main()
