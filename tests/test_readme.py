"""Every command and every block of Python in the README runs, in order, in a copy of what a user has."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from ludwig.cli import main

ROOT = Path(__file__).parent.parent
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^ludwig .*$", re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("readme")
    shutil.copytree(ROOT / "examples", place / "examples")
    return place


RUN = ("guide", "training", "explain", "sklearn", "kfold", "inspecting", "forecast", "hyperopt", "automl")
PAGES = ["README.md", *(f"docs/{name}.md" for name in RUN)]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("page", PAGES)
def test_the_python_of_a_page_runs_from_top_to_bottom(page: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = PYTHON.findall((ROOT / page).read_text(encoding="utf-8"))
    assert blocks, "the page shows no Python"
    monkeypatch.chdir(folder)
    exec(compile("\n".join(blocks), page, "exec"), {"__name__": "__main__"})


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_the_commands_of_the_readme_run_in_order(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = COMMAND.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(commands) > 2
    monkeypatch.chdir(folder)
    for command in commands:
        assert main(shlex.split(command)[1:]) == 0, command
