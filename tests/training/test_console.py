"""What is shown of the rounds, on a terminal and in a notebook."""

from __future__ import annotations

import logging
import re
import sys
import types

import pytest

from ludwig.training.console import display_of_notebook, metrics_table, rounds_table
from ludwig.training.progress import Progress
from tests.training.test_resume import model, table


def progress() -> Progress:
    found = Progress(batch_size=1, steps_per_epoch=10, total_steps=100, learning_rate=0.1)
    for place, value in enumerate([0.75, 0.25]):
        found.epoch, found.steps = place + 1, 10 * (place + 1)
        found.add(found.train_metrics, {"y": {"loss": value}})
        found.add(found.validation_metrics, {"y": {"loss": value + 1}})
    found.best_eval_metric_steps = 20
    return found


def test_the_table_of_a_round_tells_both_splits_and_whether_it_is_the_best():
    told = metrics_table(progress())
    assert told.startswith("Epoch 2, step 20 of 100 (the best so far)")
    assert re.search(r"y\s+loss\s+0\.2500\s+1\.2500", told)
    worse = progress()
    worse.best_eval_metric_steps = 10
    assert "best" not in metrics_table(worse)


def test_the_table_of_a_notebook_has_a_row_a_round():
    page = rounds_table(progress())
    rows = re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)
    cells = [[cell.strip() for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)] for row in rows]
    assert [row for row in cells if row] == [["1", "10", "0.7500", "1.7500"], ["2", "20 *", "0.2500", "1.2500"]]
    assert "y loss (validation)" in page


@pytest.fixture
def notebook(monkeypatch):
    """A package IPython as a notebook has it, and what it was asked to show."""
    shown: list[tuple[str, str]] = []

    class ZMQInteractiveShell:
        pass

    class Handle:
        def update(self, page, raw):
            shown.append(("update", page["text/html"]))

    def display(page, raw, display_id):
        shown.append(("display", page["text/html"]))
        return Handle()

    fake = types.ModuleType("IPython")
    fake.get_ipython = ZMQInteractiveShell
    fake.display = types.SimpleNamespace(display=display)
    monkeypatch.setitem(sys.modules, "IPython", fake)
    return shown


def test_a_notebook_is_known_by_its_shell(notebook, monkeypatch):
    assert display_of_notebook() is not None
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: None)
    assert display_of_notebook() is None
    monkeypatch.delitem(sys.modules, "IPython")
    assert display_of_notebook() is None


def test_in_a_notebook_one_table_grows(notebook, capsys):
    one = model("adam")
    one.logging_level = logging.INFO
    for _ in range(2):
        one.train(dataset=table(), output_directory=None)
    assert [act for act, _ in notebook] == ["display", "update", "update", "update"] * 2
    assert notebook[3][1].count("<tr>") == 1 + 4
    assert "Epoch" not in capsys.readouterr().out.replace("Epochs", "")


def test_on_a_terminal_each_round_has_a_table(caplog):
    one = model("adam")
    one.logging_level = logging.INFO
    one.train(dataset=table(), output_directory=None)
    assert sum("step" in record.message and "Epoch" in record.message for record in caplog.records) == 4
