"""The files of predictions: short names, each of its own, and a map where a name does not say its column."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from ludwig.inference.report import file_names, save_predictions, save_unprocessed

VALUES = {"a": np.array([1.0, 2.0]), "b": np.array([3.0, 4.0])}


def saved(folder: Path, columns: dict[str, dict[str, np.ndarray]]) -> dict[str, str]:
    table = pd.DataFrame({f"{name}_{key}": values for name, keys in columns.items() for key, values in keys.items()})
    save_predictions(folder, table, columns)
    save_unprocessed(folder, columns)
    path = folder / "predictions.files.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def test_plain_names_need_no_map(tmp_path):
    assert saved(tmp_path, {"y": VALUES}) == {}
    assert {path.name for path in tmp_path.iterdir()} >= {"y_a.csv", "y_b.csv", "y_a.npy", "y_b.npy"}


def test_each_column_has_a_file_of_its_own(tmp_path):
    columns = {"a/b": VALUES, "a_b": {"a": np.array([5.0, 6.0])}, "n" * 300: VALUES, "漢" * 300: VALUES}
    files = saved(tmp_path, columns)
    assert len(files) == 7
    for file, column in files.items():
        name, key = column.rsplit("_", 1)
        assert np.loadtxt(tmp_path / file).tolist() == columns[name][key].tolist()
        assert np.load(tmp_path / f"{Path(file).stem}.npy").tolist() == columns[name][key].tolist()
        assert len(file.encode()) < 120
    assert saved(tmp_path, {"y": VALUES}) == {}  # of the next predictions the map is gone


def test_names_that_differ_in_capitals_alone_are_numbered():
    assert file_names(["y_A", "y_a", "y_A"]) == ["y_A", "y_a_2", "y_A_3"]
