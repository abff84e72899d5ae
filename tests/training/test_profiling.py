"""Traces of a few steps, and the table of what cost the most."""

from __future__ import annotations

import json
import logging
import re

import pytest
import torch

from ludwig.callbacks import Callback
from ludwig.training import profiling
from ludwig.training.profiling import Cost, ProfilerOptions, Profiling, costs_table
from tests.training.test_resume import model, table


def profiled(folder, callbacks=None, **options: int) -> None:
    one = model("adam")
    trainer = {**one.config["trainer"], "enable_profiling": True, "profiler": options}
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
    assert "The most expensive operators of the profiled steps" in caplog.text


def test_a_run_that_is_not_saved_warns_that_no_traces_are_kept(caplog):
    profiled(None, repeat=1)
    assert "no traces are kept" in caplog.text


class Fails(Callback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_batch_end(self, trainer, progress_tracker, save_path, sync_step=True, **kwargs):
        if progress_tracker.steps == self.step:
            raise ValueError("of the user's")


@pytest.mark.parametrize("step", [1, 2, 4])  # while it waits, warms up and traces
def test_the_profiler_ends_with_a_run_that_fails(step, tmp_path):
    with pytest.raises(ValueError, match="of the user's"):
        profiled(tmp_path, [Fails(step)])
    profiled(tmp_path / "again", repeat=1)
    assert len(traces(tmp_path / "again")) == 1


@pytest.mark.parametrize("options", [{"wait": 100}, {"skip_first": 100}, {"warmup": 100}])
def test_a_run_that_ends_before_the_first_traced_step_warns(options, tmp_path, caplog):
    profiled(tmp_path, **options)
    assert traces(tmp_path) == []
    first = 1 + sum({"wait": 1, "warmup": 1, "skip_first": 0, **options}.values())
    assert f"the first is step {first}" in caplog.text


def test_without_active_steps_nothing_is_profiled(tmp_path, caplog):
    profiled(tmp_path, active=0)
    assert traces(tmp_path) == []
    assert "trainer.profiler.active is 0" in caplog.text


def test_other_workers_profile_nothing(tmp_path):
    one = Profiling(ProfilerOptions())
    one.on_trainer_train_setup(None, str(tmp_path), is_coordinator=False)
    assert one.profiler is None


@pytest.mark.parametrize(("repeat", "expected"), [(1, 3), (2, 6), (0, 9)])  # 0 goes on to the end
def test_all_traced_steps_are_counted_and_no_others(repeat, expected, monkeypatch):
    counted: list[dict[str, Cost]] = []
    monkeypatch.setattr(profiling, "costs_table", lambda costs: counted.append(dict(costs)) or "")
    one = Profiling(ProfilerOptions(wait=1, warmup=1, active=3, repeat=repeat))
    one.on_trainer_train_setup(None, None, is_coordinator=True)
    for _ in range(15):  # three times five steps
        torch.ones(8, 8) @ torch.ones(8, 8)
        one.on_batch_end(None, None, None)
    one.on_trainer_train_teardown(None, None, None, is_coordinator=True)
    assert counted[0]["aten::mm"].calls == expected
    assert one.costs == {}


@pytest.mark.parametrize("wait", [0, 1])
def test_traces_that_cannot_be_written_do_not_end_the_training(wait, tmp_path, caplog):
    (tmp_path / "logs").write_text("a file stands where the folder should")
    one = Profiling(ProfilerOptions(wait=wait, active=1, repeat=0))
    with caplog.at_level(logging.INFO):
        one.on_trainer_train_setup(None, str(tmp_path), is_coordinator=True)
        for _ in range(8):
            torch.ones(8, 8) @ torch.ones(8, 8)
            one.on_batch_end(None, None, str(tmp_path))
        one.on_trainer_train_teardown(None, None, str(tmp_path), is_coordinator=True)
    assert caplog.text.count("a trace cannot be written, so no more are") == 1
    assert "aten::mm" in caplog.text  # the table is there all the same


def rows(text: str) -> list[list[str]]:
    return [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]


def test_the_table_is_sorted_by_what_operators_took_for_themselves():
    costs = {"few": Cost(1, 1000.0), "most": Cost(4, 6000.0), "ProfilerStep*": Cost(2, 3000.0)}
    head, _, *body = rows(costs_table(costs))
    assert head == ["operator", "calls", "CPU ms", "share"]
    assert body == [
        ["most", "4", "6.00", "60.0%"],
        ["(between operators)", "2", "3.00", "30.0%"],
        ["few", "1", "1.00", "10.0%"],
    ]


def test_where_a_gpu_was_used_its_time_counts():
    costs = {"on both": Cost(1, 1000.0, 3000.0), "on the cpu": Cost(1, 9000.0), "small": Cost(1, 0.0, 1000.0)}
    head, _, *body = rows(costs_table(costs))
    assert head == ["operator", "calls", "CPU ms", "GPU ms", "share"]
    assert body[0] == ["on both", "1", "1.00", "3.00", "75.0%"]
    assert [row[0] for row in body] == ["on both", "small", "on the cpu"]


def test_ten_operators_are_shown():
    assert len(rows(costs_table({str(i): Cost(1, 1.0 + i) for i in range(30)}))) == 2 + 10
