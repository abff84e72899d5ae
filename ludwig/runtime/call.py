"""What holds while the facade works for a caller, and is as before when it is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch

from ludwig.runtime.console import logging_at
from ludwig.runtime.process import one_thread


@contextmanager
def calling(logging_level: int, allow_parallel_threads: bool) -> Iterator[None]:
    """Inside the block gradients can be computed and tensors lie on the CPU unless a device is named, whatever modes
    the caller is in, and logs have this level.

    Args:
        allow_parallel_threads: False uses one thread of torch, so that sums always run in one order.
    """
    threads = nullcontext() if allow_parallel_threads else one_thread()
    with threads, _on_cpu(), logging_at(logging_level), torch.inference_mode(False), torch.enable_grad():
        yield


def _on_cpu() -> AbstractContextManager[object]:
    """The CPU as torch's default device; a mode of torch, which each of its calls pays for, only where it must be."""
    return nullcontext() if torch.get_default_device().type == "cpu" else torch.device("cpu")
