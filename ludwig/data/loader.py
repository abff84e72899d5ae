"""Batches of a frame, ready on the device.

N = rows, B = rows of a batch
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from ludwig.columns.files import decoding_pool
from ludwig.columns.frame import Frame

CHUNK_ROWS = 16_384  # rows that are gathered at once and then cut into batches, which makes small batches cheap
BATCHES_OF_A_STRETCH = 50  # that are sorted by length together


def shuffled(rows: int, seed: int, epoch: int) -> Tensor:
    """The order of the rows in an epoch: [N]. It follows from seed and epoch alone, so a resumed run repeats it."""
    generator = torch.Generator().manual_seed((seed * 1_000_003 + epoch) % 2**63)
    return torch.randperm(rows, generator=generator)


def bucketed(order: Tensor, lengths: Tensor, batch_size: int, seed: int, epoch: int) -> Tensor:
    """The order with rows of like length side by side, so that batches need little padding: [N].

    Long stretches of the order are sorted by length and cut into batches, which are shuffled.
    """
    generator = torch.Generator().manual_seed((seed * 1_000_003 + epoch) % 2**63)
    lengths = lengths.cpu()
    stretches = torch.split(order, batch_size * BATCHES_OF_A_STRETCH)
    like = torch.cat([stretch[lengths[stretch].argsort(stable=True)] for stretch in stretches])  # [N]
    parts = torch.split(like, batch_size)
    whole = len(like) // batch_size  # a last batch with fewer rows stays the last
    places = torch.randperm(whole, generator=generator).tolist()
    return torch.cat([*(parts[place] for place in places), *parts[whole:]])


def of_worker(order: Tensor, batch_size: int, rank: int, count: int) -> Tensor:
    """The rows of one of several processes: of `batch_size` * `count` neighbours each takes its part, the last too."""
    whole = len(order) // (batch_size * count) * batch_size * count
    own = order[:whole].view(-1, count, batch_size)[:, rank].flatten()
    rest = order[whole:]
    return torch.cat([own, rest[len(rest) * rank // count : len(rest) * (rank + 1) // count]])


def batches(frame: Frame, batch_size: int, device: torch.device, order: Tensor | None = None) -> Iterator[Frame]:
    """The frame in batches: the rows of the given order, or all of them as they lie.

    Files are decoded ahead of their use, by as many threads as their columns want. The threads end with the
    iteration: at its end, when it is closed early, and on an error.

    Raises:
        InputDataError: A file cannot be decoded.
    """
    rows = len(frame) if order is None else len(order)
    if not frame.is_in_memory:
        starts = range(0, rows, batch_size)
        with decoding_pool(frame.decoding_workers) as pool:
            yield from _ahead(starts, lambda start: _picked(frame, order, start, batch_size).load(device, pool))
    elif order is None:
        for start in range(0, rows, batch_size):
            yield frame.slice(start, start + batch_size).to(device)
    else:
        yield from _gathered(frame, batch_size, device, order.to(frame.device, non_blocking=True))


def _gathered(frame: Frame, batch_size: int, device: torch.device, order: Tensor) -> Iterator[Frame]:
    step = max(CHUNK_ROWS // batch_size, 1) * batch_size
    starts, travels = range(0, len(order), step), frame.device != device

    def chunk(start: int) -> Frame:
        rows = _picked(frame, order, start, step)
        return (rows.pinned() if travels and device.type == "cuda" else rows).to(device)

    for whole in _ahead(starts, chunk) if travels else map(chunk, starts):
        for start in range(0, len(whole), batch_size):
            yield whole.slice(start, start + batch_size)


def _picked(frame: Frame, order: Tensor | None, start: int, rows: int) -> Frame:
    stop = min(start + rows, len(frame) if order is None else len(order))
    return frame.rows(torch.arange(start, stop) if order is None else order[start:stop])


def _ahead(starts: range, load: Callable[[int], Frame]) -> Iterator[Frame]:
    """What another thread makes ready while that before is in use: decoded media, rows on their way to the device."""
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="loader")
    try:
        ahead = None
        for start in starts:
            ready, ahead = ahead, pool.submit(load, start)
            if ready is not None:
                yield ready.result()
        if ahead is not None:
            yield ahead.result()
    finally:
        pool.shutdown(cancel_futures=True)  # waits for the batch that is being made: nothing runs on afterwards
