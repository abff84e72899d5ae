"""Where networks are built, and from which random numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ludwig.runtime.seed import seeded


@contextmanager
def building(seed: int, on: str = "cpu") -> Iterator[None]:
    """Inside the block modules are built in float32 on the device, from the random numbers of the seed.

    That is the CPU, whatever device a run uses, so that all devices begin with the same weights; on "meta" modules have
    shapes and no memory. Defaults that the caller set for torch do not matter inside.
    """
    before = torch.get_default_dtype()
    with seeded(seed), torch.inference_mode(False), torch.enable_grad(), torch.device(on):
        torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            torch.set_default_dtype(before)
