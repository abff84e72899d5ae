"""What holds while the facade works for a caller, and is as before when it is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ludwig.runtime.console import logging_at


@contextmanager
def calling(logging_level: int, allow_parallel_threads: bool) -> Iterator[None]:
    """Inside the block gradients can be computed, whatever mode the caller is in, and logs have this level.

    Args:
        allow_parallel_threads: False uses one thread of torch, so that sums always run in one order.
    """
    before = torch.get_num_threads()
    if not allow_parallel_threads:
        torch.set_num_threads(1)
    try:
        with logging_at(logging_level), torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        if not allow_parallel_threads:
            torch.set_num_threads(before)
