"""Signals end, pause and resume a run."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading

import pytest

from ludwig.api import LudwigModel
from ludwig.callbacks import Callback
from ludwig.cli.main import main
from ludwig.error import ArgumentError, LudwigWarning
from ludwig.training.interrupt import listening
from tests.training.test_resume import model, table


def test_the_handlers_of_others_come_back():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)}
    with listening():
        assert signal.getsignal(signal.SIGINT) != before[signal.SIGINT]
    assert {number: signal.getsignal(number) for number in before} == before


def test_one_signal_stops_after_the_step_and_two_at_once():
    with listening() as interrupt:
        os.kill(os.getpid(), signal.SIGTERM)
        assert interrupt.requested
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_other_threads_hear_nothing():
    handlers = []

    def inside() -> None:
        with listening():
            handlers.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert handlers == [before]


def test_a_paused_run_waits_for_the_signal_to_go_on():
    found = []

    class Pauses(Callback):
        def on_batch_end(self, trainer, progress_tracker, save_path, sync_step=True, **kwargs):
            if progress_tracker.steps == 3:
                os.kill(os.getpid(), signal.SIGUSR1)
                threading.Timer(0.3, self.resume).start()
            if progress_tracker.steps == 4:
                found.append("next step")

        def resume(self) -> None:
            found.append("found")
            os.kill(os.getpid(), signal.SIGUSR2)

    one = model("adam")
    one.train(dataset=table(), output_directory=None, callbacks=[Pauses()])
    assert found == ["found", "next step"]


# -- what the signal then does


class Stops(Callback):
    """Sends this process a signal after the third step."""

    def __init__(self, number: int) -> None:
        self.number = number

    def on_batch_end(self, trainer, progress_tracker, save_path, sync_step=True, **kwargs):
        if progress_tracker.steps == 3:
            os.kill(os.getpid(), self.number)


def test_ctrl_c_in_a_program_raises_once_the_run_is_saved_and_the_model_is_usable(tmp_path):
    one = model("adam")
    with pytest.raises(KeyboardInterrupt):
        one.train(table(), output_directory=str(tmp_path), callbacks=[Stops(signal.SIGINT)], skip_save_log=True)
    assert (tmp_path / "api_experiment_run" / "training_report.json").exists()
    assert len(one.predict(table())[0]) == 150


def test_ctrl_c_before_an_interpreter_gives_what_there_is(monkeypatch):
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    one = model("adam")
    with pytest.warns(LudwigWarning, match="Training was interrupted: the best weights so far are kept"):
        results = one.train(table(), output_directory=None, callbacks=[Stops(signal.SIGINT)])
    assert results.train_stats.stop_reason == "interrupted"


def test_sigterm_reaches_the_handler_of_the_program():
    heard = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    try:
        results = model("adam").train(table(), output_directory=None, callbacks=[Stops(signal.SIGTERM)])
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]
    assert results.train_stats.stop_reason == "interrupted"


def test_sigterm_without_a_handler_ends_the_process_with_143(tmp_path):
    with pytest.raises(SystemExit) as ended:
        model("adam").train(table(), output_directory=str(tmp_path), callbacks=[Stops(signal.SIGTERM)])
    assert ended.value.code == 143
    assert (tmp_path / "api_experiment_run" / "training_report.json").exists()


def test_an_ignored_sigterm_stays_ignored_afterwards():
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        model("adam").train(table(), output_directory=None, callbacks=[Stops(signal.SIGTERM)])
    finally:
        signal.signal(signal.SIGTERM, before)


def test_the_command_line_ends_with_130(tmp_path, monkeypatch, capsys):
    table().to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "c.json").write_text(json.dumps(model("adam").user_config))
    monkeypatch.chdir(tmp_path)
    words = ["train", "-c", "c.json", "--dataset", "t.csv", "-l", "error"]
    monkeypatch.setattr("ludwig.lifecycle.training.RoundTable", lambda: Stops(signal.SIGINT))
    assert main([*words[:-1], "info"]) == 130
    assert "ludwig train: interrupted. Training was interrupted, and is saved" in capsys.readouterr().err


# -- levels


@pytest.mark.parametrize("level", ["loud", None, True, 1.5, []])
def test_a_level_that_is_none_is_refused_and_changes_nothing(level):
    before = logging.getLogger("ludwig").level
    with pytest.raises(ArgumentError, match="logging_level must be an integer, or one of .*INFO"):
        LudwigModel.set_logging_level(level)
    with pytest.raises(ArgumentError, match="logging_level"):
        LudwigModel(model("adam").user_config, logging_level=level)
    assert logging.getLogger("ludwig").level == before
    model("adam")  # still works
