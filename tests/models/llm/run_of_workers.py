"""Runs as `torchrun` starts it on each worker: `python run_of_workers.py <folder> <base model> <rows of a batch>`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pandas as pd
from safetensors.torch import save_file

from ludwig.api import LudwigModel

ANSWERS = ["one", "one two three four five six", "two two", "three one two five", "six", "four one"]
SPLITS = [0] * 13 + [1] * 3 + [2] * 2  # of which one of two workers gets nothing in the last batch
TABLE = pd.DataFrame({"q": [f"say {answer.split()[0]}" for answer in ANSWERS * 3], "a": ANSWERS * 3, "split": SPLITS})
ADAPTERS = {"full": None, "lora": {"type": "lora", "dropout": 0.0, "r": 4}}


def train(case: str, base_model: str, batch_size: int, folder: Path) -> dict:
    """Fine-tunes in shards where there are several workers; keeps weights and gives statistics and a prediction."""
    trainer = {"type": "finetune", "epochs": 2, "learning_rate": 0.01, "learning_rate_scaling": "constant"}
    one = LudwigModel(
        {
            "model_type": "llm",
            "base_model": base_model,
            "adapter": ADAPTERS[case],
            "input_features": [{"name": "q", "type": "text"}],
            "output_features": [{"name": "a", "type": "text"}],
            "generation": {"max_new_tokens": 6, "do_sample": False},
            "preprocessing": {"split": {"type": "fixed"}},
            "trainer": {
                **trainer,
                "optimizer": "sgd",
                "parallel": "fsdp",
                "batch_size": batch_size,
                "eval_batch_size": 2,
            },
        },
        gpus=-1,
    )
    out = str(folder / "runs")
    stats = one.train(TABLE, output_directory=out, experiment_name=case, skip_save_log=True).train_stats
    weights = {name: weight.detach().clone().contiguous() for name, weight in one.collect_weights()}
    save_file(weights, folder / f"{case}_{os.environ.get('RANK', 'alone')}")
    predictions, _ = one.predict(TABLE.head(3), skip_save_predictions=True)
    return {"validation": stats.validation, "test": stats.test, "texts": predictions["a_response"].tolist()}


def run(folder: Path, base_model: str, batch_size: int) -> None:
    found = {case: train(case, base_model, batch_size, folder) for case in ADAPTERS}
    (folder / f"found_{os.environ.get('RANK', 'alone')}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    run(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
