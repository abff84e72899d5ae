"""What users rely on, written down: a change shows in a diff and wants a word in the changelog.

`python -m tests.golden.golden` writes what has changed. `schema/` has a file for each component, such as
`encoders/number.ple.json`, with its options and no more, and `config.json` for the sections that belong to none; so a
component that is added has a file of its own and leaves the others as they are. The saved model is never written anew:
it stands for models that users have saved, so a new format gets a folder of its own beside it.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load_file

from ludwig.api import LudwigModel
from ludwig.config import CONFIGS
from ludwig.globals import FORMAT_VERSION
from ludwig.schema import Component, json_schema
from tests.contracts.registries import Named, components, registries

HERE = Path(__file__).parent
COMMAND = "python -m tests.golden.golden"
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


def schemas(every: Iterable[Named]) -> dict[str, Any]:
    """By file, the options of each component, and those of the whole config."""
    found = {f"schema/{each.path}.json": schema_of(each) for each in every}
    whole = {name: json_schema(config, with_components=False) for name, config in CONFIGS.items()}
    return {**found, "schema/config.json": whole}


def schema_of(component: Named) -> dict[str, Any]:
    """Its other names, and the JSON Schema of its own options where it has some."""
    aliases = {"aliases": registries()[component.registry].words_of(component.name, component.kind)[1:]}
    if not issubclass(component.cls, Component):
        return aliases
    return {**aliases, **json_schema(component.cls.Config, with_components=False)}


def golden() -> dict[str, Any]:
    """By file, all that is written down, curves aside."""
    return {**schemas(components()), "files.json": files(), "weights.json": weights()}


def written() -> dict[str, Any]:
    """By file, what was written down."""
    paths = [*HERE.glob("schema/**/*.json"), HERE / "files.json", HERE / "weights.json"]
    return {path.relative_to(HERE).as_posix(): read(path) for path in paths if path.is_file()}


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def as_read(content: Any) -> Any:
    """The content as JSON gives it back: no tuples."""
    return json.loads(json.dumps(content))


def same_curves(one: dict[str, list[float]], other: dict[str, list[float]]) -> bool:
    """Whether two trainings differ by no more than two machines do."""
    return one.keys() == other.keys() and all(one[name] == pytest.approx(other[name], rel=1e-3) for name in one)


def save_model(folder: Path) -> None:
    one = model()
    one.train(dataset=table(), output_directory=None)
    one.save(str(folder))
    predicted, _ = one.predict(table())
    predicted.to_json(folder / "predictions.json", orient="records", indent=1, double_precision=9)


def write() -> None:
    """Writes what has changed, and removes what is no more."""
    before, now = written(), golden()
    for name in before.keys() - now.keys():
        (HERE / name).unlink()
    changed = {name: content for name, content in now.items() if before.get(name) != as_read(content)}
    curves = losses()
    if not (HERE / "losses.json").is_file() or not same_curves(curves, read(HERE / "losses.json")):
        changed["losses.json"] = curves
    for name, content in changed.items():
        (HERE / name).parent.mkdir(parents=True, exist_ok=True)
        (HERE / name).write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    if not (newest := HERE / f"model_v{FORMAT_VERSION}").exists():
        save_model(newest)


if __name__ == "__main__":
    write()
