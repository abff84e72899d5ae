"""What is shown of the evaluations, on a terminal and in a notebook."""

from __future__ import annotations

import logging
import re
import sys
import types

import pytest
import torch

from ludwig.training.console import ProgressBar, display_of_notebook, metrics_table, rounds_table
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


def test_the_table_of_an_evaluation_has_both_splits_and_marks_the_best():
    reported = metrics_table(progress())
    assert reported.startswith("Epoch 2, step 20 of 100 (the best so far)")
    assert re.search(r"y\s+loss\s+0\.2500\s+1\.2500", reported)
    worse = progress()
    worse.best_eval_metric_steps = 10
    assert "best" not in metrics_table(worse)


def cells_of(page: str, tag: str = "td") -> list[list[str]]:
    rows = re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)
    cells = [[cell.strip() for cell in re.findall(rf"<{tag}[^>]*>(.*?)</{tag}>", row)] for row in rows]
    return [row for row in cells if row]


def test_the_table_of_a_notebook_is_narrow_whatever_is_measured():
    found = progress()
    for history, value in ((found.train_metrics, 1.0), (found.validation_metrics, 2.0)):
        for step in (10, 20):
            found.add(history, {"combined": {"loss": value + step}}, epoch=step // 10, step=step)
    found.add(found.validation_metrics, {"y": {"perplexity": 3.0}})  # on this split alone
    page = rounds_table(found)
    assert cells_of(page, "th") == [
        ["epoch", "step", "loss (training)", "loss (validation)"],
        ["output", "metric", "training", "validation"],
    ]
    assert cells_of(page) == [
        ["1", "10", "11.0000", "12.0000"],
        ["2", "20 *", "21.0000", "22.0000"],
        ["combined", "loss", "21.0000", "22.0000"],
        ["y", "loss", "0.2500", "1.2500"],
        ["y", "perplexity", "", "3.0000"],
    ]
    assert "* the best evaluation so far" in page


def test_what_was_evaluated_on_validation_alone_is_reported():
    found = Progress(batch_size=1, steps_per_epoch=0, total_steps=0, learning_rate=0.0)
    found.add(found.validation_metrics, {"y": {"loss": 0.5}})
    assert re.search(r"y\s+loss\s+0\.5000", metrics_table(found))


def test_names_are_no_html():
    found = progress()
    found.add(found.train_metrics, {"<script>": {"loss": 1.0}})
    assert "<script>" not in rounds_table(found)


@pytest.fixture
def notebook(monkeypatch):
    """A package IPython as a notebook has it, and what it showed."""
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


def test_the_bar_follows_the_number_of_steps(monkeypatch, capsys):
    bar = ProgressBar()
    found = progress()
    trainer = types.SimpleNamespace(progress=found, total_steps=100, batch_size=4, last_loss=torch.tensor(0.5))
    bar.on_trainer_train_setup(trainer, None, True)
    found.steps, found.total_steps = 40, 80  # batches have grown
    bar.on_batch_end(trainer, found, None)
    assert (bar.bar.n, bar.bar.total) == (40, 80)
    assert "40/80" in capsys.readouterr().out
    bar.on_trainer_train_teardown(trainer, found, None, True)


@pytest.mark.filterwarnings("ignore:The model is trained already")
def test_in_a_notebook_one_table_grows(notebook, capsys):
    one = model("adam")
    one.logging_level = logging.INFO
    for _ in range(2):
        one.train(dataset=table(), output_directory=None)
    assert [act for act, _ in notebook] == ["display", "update", "update", "update"] * 2
    evaluations, _ = notebook[3][1].split("<small>")
    assert evaluations.count("<tr>") == 1 + 4
    assert "Epoch" not in capsys.readouterr().out.replace("Epochs", "")


def test_on_a_terminal_each_evaluation_has_a_table(caplog):
    one = model("adam")
    one.logging_level = logging.INFO
    one.train(dataset=table(), output_directory=None)
    assert sum("step" in record.message and "Epoch" in record.message for record in caplog.records) == 4
