"""Configs of nothing but columns keep up with simple models and boosted trees; `benchmarks/quality.py` is the whole."""

from __future__ import annotations

import importlib
import math
import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
SLACK = 1.15  # of the error of a rival: a single split has a noise of a few percent
ROWS = 2  # of the test split that may be wrong beyond it: the splits are small


def benchmark(name: str) -> ModuleType:
    sys.path.insert(0, str(BENCHMARKS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(BENCHMARKS))


@pytest.fixture(scope="module")
def quality() -> ModuleType:
    return benchmark("quality")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["breast_cancer", "diabetes", "digits", "wine"])
def test_the_defaults_are_about_as_good_as_the_best_of_two_rivals(quality, name):
    table = quality.TABLES[name]
    splits = table.splits(0)
    own, *rivals = (quality.cell_of(table, system, 0, splits) for system in ("ours:default", "linear", "hgb"))
    best = min(cell["error"] for cell in rivals)
    assert own["error"] <= best * SLACK + (0 if table.task == "number" else ROWS / len(splits[2]))
    assert own["loss"] <= min(cell["loss"] for cell in rivals) * 1.5 + 0.01
    assert math.isfinite(own["loss"])


@pytest.mark.slow
def test_images_are_recognised_about_as_well_as_by_simple_models():
    media = benchmark("quality_media")
    task = media.SETS["digits"]
    splits = task.splits(task.load(Path()), 0)
    cells = (media.cell_of(task, system, 0, splits) for system in ("defaults", "logistic regression", "CNN by hand"))
    own, *rivals = (cell["scores"]["accuracy"] for cell in cells)
    assert own >= max(rivals) - ROWS / len(splits[2])
