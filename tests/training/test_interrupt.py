"""Signals end, pause and resume a run."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from ludwig.callbacks import Callback
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
