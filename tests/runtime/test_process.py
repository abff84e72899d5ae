"""Settings of the whole process are given back, also where runs in several threads overlap."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import torch

from ludwig.runtime.call import calling
from ludwig.runtime.process import one_thread, repeatable
from ludwig.runtime.seed import seeded


def overlapping(block: Callable[[], AbstractContextManager[None]], seen: Callable[[], object]) -> list[object]:
    """What is seen in two blocks of two threads, where the one that began first ends first too."""
    first_in, second_in, first_out = threading.Event(), threading.Event(), threading.Event()
    found: list[object] = []

    def first() -> None:
        with block():
            first_in.set()
            second_in.wait(20)
            found.append(seen())
        first_out.set()

    def second() -> None:
        first_in.wait(20)
        with block():
            second_in.set()
            first_out.wait(20)
            found.append(seen())

    threads = [threading.Thread(target=each) for each in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def in_a_new_thread(ask: Callable[[], object]) -> object:
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(ask()))
    thread.start()
    thread.join()
    return found[0]


def test_calls_that_overlap_leave_the_number_of_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert overlapping(one_thread, torch.get_num_threads) == [1, 1]
        assert torch.get_num_threads() == 2
        assert in_a_new_thread(torch.get_num_threads) == 2
    finally:
        torch.set_num_threads(before)


def test_deterministic_runs_that_overlap_leave_the_mode():
    assert overlapping(lambda: repeatable(True), torch.are_deterministic_algorithms_enabled) == [True, True]
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_mode_that_only_warns_comes_back_and_so_does_the_environment(monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with repeatable(True):
            assert not torch.is_deterministic_algorithms_warn_only_enabled()
        assert torch.is_deterministic_algorithms_warn_only_enabled()
    finally:
        torch.use_deterministic_algorithms(False)
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ


def test_random_states_of_all_gpus_come_back(monkeypatch):
    states = [torch.tensor([1]), torch.tensor([2])]
    restored: list[object] = []
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_rng_state_all", lambda: states)
    monkeypatch.setattr(torch.cuda, "set_rng_state_all", restored.append)
    monkeypatch.setattr(torch.cuda, "_is_in_bad_fork", lambda: True)  # torch.manual_seed goes past the GPUs
    with seeded(3):
        pass
    assert restored == [states]


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_the_callers_default_device_does_not_matter(device):
    torch.set_default_device(device)
    try:
        with calling(0, allow_parallel_threads=True):
            assert torch.zeros(1).device.type == "cpu"
        assert torch.zeros(1).device.type == device
    finally:
        torch.set_default_device(None)
