"""Settings of the whole process that a run changes and gives back, also where several runs in threads overlap."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

CUBLAS = "CUBLAS_WORKSPACE_CONFIG"

_lock = threading.Lock()
_thread_counts: list[int] = []  # what those who are inside `one_thread` found
_modes: list[tuple[bool, bool, bool, str | None]] = []  # what the first inside `repeatable` found, once for each


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside the block torch computes in one thread, so that sums always run in one order."""
    with _lock:
        before = torch.get_num_threads()
        if _thread_counts and before == 1:  # a thread that began meanwhile: torch hands it the count of the last setter
            before = _thread_counts[0]
        _thread_counts.append(before)
        torch.set_num_threads(1)
    try:
        yield
    finally:
        with _lock:
            _thread_counts.remove(before)
            torch.set_num_threads(before)


@contextmanager
def repeatable(deterministic: bool) -> Iterator[None]:
    """Inside the block a GPU takes only deterministic kernels, where that is wanted: the same bits in every run.

    An operation that has no such kernel raises an error of torch that names it. The mode belongs to the process: it
    ends when the last of several runs has ended.
    """
    if not deterministic:
        yield
        return
    with _lock:
        _modes.append(_modes[0] if _modes else _modes_now())
        os.environ.setdefault(CUBLAS, ":4096:8")  # which cuBLAS needs for it
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        with _lock:
            before = _modes.pop()
            if not _modes:
                _restore_modes(*before)


def _modes_now() -> tuple[bool, bool, bool, str | None]:
    is_on, warns = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    return is_on, warns, torch.backends.cudnn.benchmark, os.environ.get(CUBLAS)


def _restore_modes(is_on: bool, warns: bool, benchmarks: bool, workspace: str | None) -> None:
    torch.use_deterministic_algorithms(is_on, warn_only=warns)
    torch.backends.cudnn.benchmark = benchmarks
    if workspace is None:
        os.environ.pop(CUBLAS, None)
