"""Random numbers of a run, and the state of the process that they are drawn from."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

_global_draws = threading.RLock()  # whoever draws from the generators of the process holds it


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Inside the block Python, numpy and torch draw from this seed; afterwards they go on as if nothing had been.

    Only one thread at a time is inside.
    """
    with _global_draws:
        before = random.getstate(), np.random.get_state(), torch.get_rng_state()
        devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
        on_devices = [(device, torch.cuda.get_rng_state(device)) for device in devices]
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])
            torch.set_rng_state(before[2])
            for device, state in on_devices:
                torch.cuda.set_rng_state(state, device)


@contextmanager
def repeatable(deterministic: bool) -> Iterator[None]:
    """Inside the block a GPU takes only deterministic kernels, where that is wanted: the same bits in every run.

    An operation that has no such kernel raises an error of torch that names it.
    """
    if not deterministic:
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # which cuBLAS needs for it
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.backends.cudnn.benchmark = before[1]
