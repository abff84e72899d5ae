"""Every command and every block of Python in the README runs, in order, in a copy of what a user has."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^ludwig .*$", re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("readme")
    shutil.copytree(ROOT / "examples", place / "examples")
    return place


def run(words: list[str], folder: Path) -> None:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{words[-1]}\n{done.stdout[-1500:]}\n{done.stderr[-3000:]}"


RUN = ("guide", "training", "explain", "sklearn", "kfold", "inspecting", "forecast", "hyperopt", "automl")
PAGES = ["README.md", *(f"docs/{name}.md" for name in RUN)]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_the_python_of_a_page_runs_from_top_to_bottom(page: str, folder: Path) -> None:
    blocks = PYTHON.findall((ROOT / page).read_text(encoding="utf-8"))
    assert blocks, "the page shows no Python"
    run([sys.executable, "-c", "\n".join(blocks)], folder)


@pytest.mark.slow
def test_the_commands_of_the_readme_run_in_order(folder: Path) -> None:
    commands = COMMAND.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(commands) > 2
    for command in commands:
        run([sys.executable, "-m", "ludwig", *command.split()[1:]], folder)
