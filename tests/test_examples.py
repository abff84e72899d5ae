"""The examples run from a copy of their folders."""

from __future__ import annotations

import json
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
