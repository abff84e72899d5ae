"""Trials in processes of their own, and searches whose process dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import optuna
import pytest

from ludwig.callbacks import Callback
from ludwig.hyperopt.study import config_of_study, open_storage
from tests.hyperopt.test_run import config, searched

FIRST_RATES = {"space": "choice", "categories": [0.0001, 0.001, 0.01, 0.05]}
NAME = "trainer.learning_rate"


class Dying(Callback):
    """Ends its process, as a crash does, when a trial trains with a rate."""

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def on_train_start(self, model, config, config_fp, **kwargs):
        if config["trainer"]["learning_rate"] == self.rate:
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_trials_in_processes_equal_those_in_this_one_and_one_that_dies_fails_alone():
    grid = {NAME: {"space": "grid_search", "values": [0.0001, 0.05, 0.01]}}
    alone = searched(config(grid, executor={}))
    together = searched(config(grid, executor={"max_concurrent_trials": 2}), callbacks=[Dying(0.01)])
    assert "exit code -9" in together.ordered_trials[-1].error
    scores = {trial.parameters[NAME]: trial.metric_score for trial in alone.ordered_trials}
    found = {trial.parameters[NAME]: trial.metric_score for trial in together.ordered_trials}
    assert found == {**scores, 0.01: None}


SCRIPT = """
import sys
from tests.hyperopt.test_processes import Dying, FIRST_RATES, NAME
from tests.hyperopt.test_run import config, searched
searched(config({NAME: FIRST_RATES}), output_directory=sys.argv[1], callbacks=[Dying(float(sys.argv[2]))])
"""


@pytest.mark.slow
def test_a_search_goes_on_after_its_process_was_killed(tmp_path):
    straight = searched(config({NAME: FIRST_RATES}))
    rates = [t.parameters[NAME] for t in sorted(straight.ordered_trials, key=lambda trial: trial.number)]
    deadly = next(rate for rate in rates if rate != rates[0])
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path), str(deadly)], cwd=Path.cwd(), check=False)
    assert done.returncode == -signal.SIGKILL
    resumed = searched(config({NAME: FIRST_RATES}), output_directory=str(tmp_path), resume=True)
    assert [trial.state for trial in resumed.ordered_trials] == ["complete"] * 4
    by_number = sorted(resumed.ordered_trials, key=lambda trial: trial.number)
    died = rates.index(deadly)
    assert [trial.parameters[NAME] for trial in by_number[: died + 1]] == rates[: died + 1]
    scores = {trial.parameters[NAME]: trial.metric_score for trial in straight.ordered_trials}
    assert by_number[died].metric_score == scores[deadly]  # with the seed of its place


def test_a_journal_with_a_torn_last_line_is_read(tmp_path):
    journal = tmp_path / "study.journal"
    study = optuna.create_study(storage=open_storage(str(journal)), study_name="s")
    study.set_user_attr("config", "abc")
    content = journal.read_bytes()
    study.enqueue_trial({"x": 1.0})
    whole = journal.read_bytes()
    for length in range(len(content), len(whole), 7):
        journal.write_bytes(whole[:length])
        assert config_of_study(str(journal), "s") == "abc"
        assert journal.read_bytes() == content
        optuna.load_study(study_name="s", storage=open_storage(str(journal))).set_user_attr("more", length)
        assert journal.read_bytes().endswith(b"\n")
