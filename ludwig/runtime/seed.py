"""Random numbers of a run, and the state of the process that they are drawn from."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

_global_draws = threading.RLock()  # whoever draws from the generators of the process holds it


@contextmanager
def undrawn() -> Iterator[None]:
    """For an import inside the block: some libraries draw from Python's generator while they are imported."""
    before = random.getstate()
    try:
        yield
    finally:
        random.setstate(before)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Inside the block Python, numpy and torch draw from this seed; afterwards they go on as if nothing had been.

    Only one thread at a time is inside.
    """
    with _global_draws:
        before = random.getstate(), np.random.get_state(), torch.get_rng_state()
        on_gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])
            torch.set_rng_state(before[2])
            torch.cuda.set_rng_state_all(on_gpus)
