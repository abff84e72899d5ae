"""Finds out which batch size is fast and fits into memory."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import torch

from ludwig.columns.frame import Frame
from ludwig.columns.ragged import Ragged
from ludwig.models.base import Model
from ludwig.nn.dropout import undrawn
from ludwig.runtime.console import logger_of
from ludwig.runtime.engine import Engine

logger = logger_of(__name__)

FIRST = 16  # rows of the smallest batch that is tried
REPEATS = 5  # timed runs of a size, after one that is not
GOOD_ENOUGH = 0.9  # of the best rate: among such sizes the smallest is taken, since more steps train better
PATIENCE = 2  # sizes in a row without a better rate after which larger ones are not tried


def sizes(most: int) -> list[int]:
    """The powers of two that are tried; of fewer rows than the first, what there is."""
    found = [FIRST]
    while found[-1] * 2 <= most:
        found.append(found[-1] * 2)
    return found if most >= FIRST else [max(2 ** (most.bit_length() - 1), 1)]


def fastest(candidates: Sequence[int], seconds: Callable[[int], float | None]) -> int:
    """The smallest size whose rows a second are close to the best that was found.

    Args:
        candidates: Sizes, small ones first.
        seconds: How long a batch of a size takes; None where it does not fit into memory.
    """
    rates: dict[int, float] = {}
    stale = 0
    for size in candidates:
        taken = seconds(size)
        if taken is None or stale == PATIENCE:
            break
        rate = size / max(taken, 1e-9)
        stale = 0 if rate > max(rates.values(), default=0.0) else stale + 1
        rates[size] = rate
    best = max(rates.values(), default=0.0)
    return next((size for size in rates if rates[size] >= GOOD_ENOUGH * best), candidates[0])


def measured(model: Model, frame: Frame, most: int, engine: Engine) -> int:
    """The batch size of evaluation. Random states stay as they are.

    The rows with the longest sequences are tried, so that every batch of that size fits.
    """
    longest = _longest_first(frame)
    candidates = sizes(min(most, len(frame)))
    if len(candidates) == 1:
        return candidates[0]
    devices = [engine.device] if engine.device.type == "cuda" else []
    with torch.random.fork_rng(devices), undrawn(engine.generator):
        found = fastest(candidates, lambda size: _seconds(model, frame, longest[:size], engine))
    logger.info("Evaluation takes batches of %d rows.", found)
    return found


def _longest_first(frame: Frame) -> torch.Tensor:
    """The rows by the length of their sequences together: [N]."""
    ragged = [column.lengths for column in frame.others.values() if isinstance(column, Ragged)]
    return torch.stack(ragged).sum(0).argsort(descending=True) if ragged else torch.arange(len(frame))


def _seconds(model: Model, frame: Frame, rows: torch.Tensor, engine: Engine) -> float | None:
    """The median time of a batch; None where it does not fit into memory. Others' work seldom slows most repeats."""
    try:
        batch = frame.rows(rows.to(frame.device)).load(engine.device)
        times = [_timed(model, batch, engine) for _ in range(1 + REPEATS)]
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
        return None
    return statistics.median(times[1:])


def _timed(model: Model, batch: Frame, engine: Engine) -> float:
    model.eval()
    engine.synchronize()
    begun = time.perf_counter()
    with torch.inference_mode():
        model.predict(batch)
    engine.synchronize()
    return time.perf_counter() - begun
