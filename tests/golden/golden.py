"""What users rely on, written down: a change shows in a diff and wants a word in the changelog.

`python -m tests.golden.golden` writes the files anew. The saved model is never written anew: it stands for models that
users have saved, so a new format gets a folder of its own beside it.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors.torch import load_file

from ludwig.api import LudwigModel
from ludwig.config import CONFIGS
from ludwig.globals import FORMAT_VERSION
from ludwig.schema import json_schema

HERE = Path(__file__).parent
MODELS = sorted(HERE.glob("model_v*"))  # one of each format that models were ever saved in


def table() -> pd.DataFrame:
    rows = np.arange(80)
    x = np.sin(rows * 1.7)
    return pd.DataFrame(
        {"x": x, "c": np.array(["a", "b", "c"])[rows % 3], "y": np.where(x > 0, "up", "down"), "z": 5 * x + 3}
    )


def model() -> LudwigModel:
    return LudwigModel(
        {
            "input_features": [{"name": "x", "type": "number"}, {"name": "c", "type": "category"}],
            "output_features": [{"name": "y", "type": "binary"}, {"name": "z", "type": "number"}],
            "combiner": {"type": "concat", "num_fc_layers": 1, "output_size": 8},
            "trainer": {"epochs": 4, "batch_size": 16, "learning_rate": 0.02},
        }
    )


def files() -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        run = Path(model().experiment(dataset=table(), output_directory=folder, skip_save_log=True)[3])
        return sorted(str(file.relative_to(run)) for file in run.rglob("*") if file.is_file())


def losses() -> dict[str, list[float]]:
    stats = model().train(dataset=table(), output_directory=None).train_stats
    return {split: stats[split]["combined"]["loss"] for split in ("training", "validation")}


def weights() -> dict[str, list[int]]:
    with tempfile.TemporaryDirectory() as folder:
        one = model()
        one.train(dataset=table(), output_directory=None)
        one.save(folder)
        saved = load_file(Path(folder) / "model_weights.safetensors")
    return {name: list(weight.shape) for name, weight in saved.items()}


GOLDEN: dict[str, Any] = {
    "ecd_schema.json": lambda: json_schema(CONFIGS["ecd"]),
    "files.json": files,
    "losses.json": losses,
    "weights.json": weights,
}


def save_model(folder: Path) -> None:
    one = model()
    one.train(dataset=table(), output_directory=None)
    one.save(str(folder))
    predicted, _ = one.predict(table())
    predicted.to_json(folder / "predictions.json", orient="records", indent=1, double_precision=9)


if __name__ == "__main__":
    for name, make in GOLDEN.items():
        (HERE / name).write_text(json.dumps(make(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    if not (newest := HERE / f"model_v{FORMAT_VERSION}").exists():
        save_model(newest)
