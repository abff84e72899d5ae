"""Which device the work runs on."""

from __future__ import annotations

import os

import torch

from ludwig.error import ArgumentError


def choose_device(gpus: str | int | list[int] | None = None, gpu_memory_limit: float | None = None) -> torch.device:
    """The first of the wanted GPUs, else the first there is, else the CPU.

    Args:
        gpus: As in CUDA_VISIBLE_DEVICES; -1 or an empty string for the CPU.
        gpu_memory_limit: Share of the device's memory that may be used, in [0, 1].

    Raises:
        ArgumentError: The share is out of bounds, or a wanted GPU is not there.
    """
    if gpu_memory_limit is not None and not 0 <= gpu_memory_limit <= 1:
        raise ArgumentError(f"gpu_memory_limit must be between 0 and 1. Received: {gpu_memory_limit}.")
    wanted = _listed(gpus)
    if wanted == [-1]:
        return torch.device("cpu")
    if torch.cuda.is_available():
        place = wanted[0] if wanted else int(os.environ.get("LOCAL_RANK", 0))
        if place >= torch.cuda.device_count():
            raise ArgumentError(f"There is no GPU {place}: this machine has {torch.cuda.device_count()}.")
        if gpu_memory_limit is not None:
            torch.cuda.set_per_process_memory_fraction(gpu_memory_limit, place)
        return torch.device("cuda", place)
    if wanted:
        raise ArgumentError(f"gpus={gpus!r} requests a GPU, and torch finds none. Remove it to use the CPU.")
    return torch.device("mps") if torch.backends.mps.is_available() else torch.device("cpu")


def _listed(gpus: str | int | list[int] | None) -> list[int]:
    if gpus is None:
        return []
    if isinstance(gpus, str):
        return [int(word) for word in gpus.split(",") if word.strip()] or [-1]
    return [gpus] if isinstance(gpus, int) else list(gpus)
