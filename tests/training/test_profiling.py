"""Traces of a few steps."""

from __future__ import annotations

import json
import logging

import pytest

from ludwig.callbacks import Callback
from tests.training.test_resume import model, table


def profiled(folder, callbacks=None, **knobs: int) -> None:
    one = model("adam")
    trainer = {**one.config["trainer"], "enable_profiling": True, "profiler": knobs}
    one.config = {**one.config, "trainer": trainer}
    one.logging_level = logging.INFO
    where = None if folder is None else str(folder)
    one.train(dataset=table(), output_directory=where, skip_save_log=True, callbacks=callbacks)


def traces(folder) -> list:
    return sorted((folder / "api_experiment_run" / "model" / "logs" / "profiling").glob("*.json"))


def test_a_trace_is_written_each_time(tmp_path, caplog):
    profiled(tmp_path, repeat=2, active=2)
    found = traces(tmp_path)
    assert len(found) == 2
    names = {event.get("name") for event in json.loads(found[0].read_text())["traceEvents"]}
    assert "aten::addmm" in names
    assert "The costliest operators of the profiled steps" in caplog.text


def test_a_run_that_is_not_saved_tells_that_no_traces_are_kept(caplog):
    profiled(None, repeat=1)
    assert "no traces are kept" in caplog.text


def test_the_profiler_ends_with_a_run_that_fails(tmp_path):
    class Fails(Callback):
        def on_batch_end(self, trainer, progress_tracker, save_path, sync_step=True, **kwargs):
            if progress_tracker.steps == 4:
                raise ValueError("of the user's")

    with pytest.raises(ValueError, match="of the user's"):
        profiled(tmp_path, [Fails()])
    profiled(tmp_path / "again", repeat=1)
    assert len(traces(tmp_path / "again")) == 1
