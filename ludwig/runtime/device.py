"""Which device the work runs on."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import torch

from ludwig.error import ArgumentError
from ludwig.runtime.arguments import whole_number


def choose_device(gpus: str | int | Sequence[int] | None = None, gpu_memory_limit: float | None = None) -> torch.device:
    """The first of the wanted GPUs, else the first there is, else the CPU.

    Args:
        gpus: As in CUDA_VISIBLE_DEVICES; -1 or an empty string for the CPU.
        gpu_memory_limit: Share of the device's memory that may be used, in [0, 1].

    Raises:
        ArgumentError: The share is out of bounds, or a wanted GPU is not there.
    """
    is_share = isinstance(gpu_memory_limit, int | float | np.number) and 0 <= gpu_memory_limit <= 1
    if gpu_memory_limit is not None and not is_share:
        raise ArgumentError(f"gpu_memory_limit must be a number between 0 and 1. Received: {gpu_memory_limit!r:.100}.")
    wanted = _listed(gpus)
    if wanted == [-1]:
        return torch.device("cpu")
    if torch.cuda.is_available() and torch.cuda.device_count():  # hidden GPUs can be available and none in number
        place = wanted[0] if wanted else int(os.environ.get("LOCAL_RANK", 0))
        if place >= torch.cuda.device_count():
            raise ArgumentError(f"There is no GPU {place}: this machine has {torch.cuda.device_count()}.")
        if gpu_memory_limit is not None:
            torch.cuda.set_per_process_memory_fraction(gpu_memory_limit, place)
        return torch.device("cuda", place)
    if wanted:
        raise ArgumentError(f"gpus={gpus!r} requests a GPU, and torch finds none. Remove it to use the CPU.")
    return torch.device("mps") if torch.backends.mps.is_available() else torch.device("cpu")


def _listed(gpus: str | int | Sequence[int] | None) -> list[int]:
    if gpus is None:
        return []
    if isinstance(gpus, str):
        words: list[object] = [_number(word) for word in gpus.split(",") if word.strip()] or [-1]
    else:
        words = [*np.atleast_1d(np.asarray(gpus, dtype=object))]
    try:
        places = [whole_number("gpus", word, -1) for word in words]
    except ArgumentError:
        form = "the number of a GPU, a list of them, or a text such as '0,1'; -1 for none"
        raise ArgumentError(f"gpus must be {form}. Received: {gpus!r:.100}.") from None
    return [-1] if -1 in places else places


def _number(word: str) -> object:
    return int(word) if word.strip().removeprefix("-").isdecimal() else word
