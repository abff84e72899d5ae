"""Batches of a frame, ready on the device.

N = rows, B = rows of a batch
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from ludwig.columns.frame import Frame

CHUNK_ROWS = 16_384  # rows that are gathered at once and then cut into batches, which makes small batches cheap


def shuffled(rows: int, seed: int, epoch: int) -> Tensor:
    """The order of the rows in an epoch: [N]. It follows from seed and epoch alone, so a resumed run repeats it."""
    generator = torch.Generator().manual_seed((seed * 1_000_003 + epoch) % 2**63)
    return torch.randperm(rows, generator=generator)


def batches(
    frame: Frame, batch_size: int, device: torch.device, order: Tensor | None = None, first: int = 0
) -> Iterator[Frame]:
    """The frame in batches, from batch `first` on, in the given order of rows or as it lies."""
    starts = range(first * batch_size, len(frame), batch_size)
    if not frame.is_in_memory:
        yield from _decoded_ahead(frame, batch_size, device, order, starts)
    elif order is None:
        for start in starts:
            yield frame.slice(start, start + batch_size).to(device)
    else:
        yield from _gathered(frame, batch_size, device, order.to(frame.device), starts)


def _gathered(frame: Frame, batch_size: int, device: torch.device, order: Tensor, starts: range) -> Iterator[Frame]:
    step = max(CHUNK_ROWS // batch_size, 1) * batch_size
    for begin in range(starts.start, starts.stop, step):
        chunk = frame.rows(order[begin : begin + step]).to(device)
        for start in range(0, len(chunk), batch_size):
            yield chunk.slice(start, start + batch_size)


def _decoded_ahead(
    frame: Frame, batch_size: int, device: torch.device, order: Tensor | None, starts: range
) -> Iterator[Frame]:
    """Media are decoded by another thread while the batch before is in use."""

    def load(start: int) -> Frame:
        stop = min(start + batch_size, len(frame))
        index = torch.arange(start, stop) if order is None else order[start:stop]
        return frame.rows(index).load(device)

    with ThreadPoolExecutor(max_workers=1) as pool:
        ahead = None
        for start in starts:
            ready, ahead = ahead, pool.submit(load, start)
            if ready is not None:
                yield ready.result()
        if ahead is not None:
            yield ahead.result()
