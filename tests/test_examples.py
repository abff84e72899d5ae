"""The examples run from a copy of their folders."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_penguins_learn_both_targets_and_draw_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    shutil.copytree(ROOT / "examples" / "penguins", tmp_path / "examples" / "penguins")
    run = [sys.executable, "examples/penguins/run.py"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    pictures = list(tmp_path.rglob("penguins.png"))
    assert pictures and pictures[0].stat().st_size > 10_000
    statistics = json.loads(next(tmp_path.rglob("test_statistics.json")).read_text(encoding="utf-8"))
    assert statistics["species"]["accuracy"] > 0.9
    assert statistics["body_mass_g"]["r2"] > 0.6


@pytest.mark.slow
def test_nuclei_are_segmented_better_than_by_a_threshold(tmp_path: Path) -> None:
    if importlib.util.find_spec("stardist") is None and "STARDIST_FOLDER" not in os.environ:
        pytest.skip("its image comes from the package stardist")
    run = [sys.executable, str(ROOT / "examples" / "nuclei_segmentation" / "run.py")]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    iou = {row[0].strip(): float(row[1]) for row in re.findall(r"^(.+?)  +(\d\.\d+) ", done.stdout, re.M)}
    threshold = next(value for name, value in iou.items() if name.startswith("Otsu"))
    found = [value for name, value in iou.items() if name.startswith("U-Net")]
    assert iou["all background"] == 0
    assert len(found) == 3
    assert min(found) > threshold
