"""What each process of a run has of its own, beside the weights, so that a run goes on exactly where it stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from ludwig.models.base import Model
from ludwig.runtime.console import logger_of
from ludwig.runtime.engine import Engine
from ludwig.training import checkpoints
from ludwig.training.rounds import Gathered

logger = logger_of(__name__)


def own_state(model: Model, engine: Engine, gathered: Gathered) -> dict[str, Any]:
    """Random states, running statistics of norms, and the metrics of an evaluation that has begun."""
    return {
        "random": checkpoints.random_state(engine, of_process=model.draws_globally),
        "buffers": [buffer.cpu() for buffer in _running_buffers(model)] if engine.workers.count > 1 else [],
        **gathered.state_dict(),
    }


def restore_own_state(states: Sequence[Mapping[str, Any]], model: Model, engine: Engine, gathered: Gathered) -> None:
    """Goes on from the state of the process of this rank; with another number of processes, as well as can be."""
    workers = engine.workers
    known = len(states) == workers.count
    if not known:
        counts = len(states), workers.count
        logger.warning("The run had %d workers and now has %d: dropout masks are drawn anew.", *counts)
    own = states[workers.rank if known else 0]
    if known:
        checkpoints.restore_random_state(own["random"], engine, of_process=model.draws_globally)
        for buffer, saved in zip(_running_buffers(model), own["buffers"], strict=False):
            buffer.copy_(saved)
    gathered.load_state_dict(own, engine.device, with_scores=known or engine.is_main)


def _running_buffers(model: Model) -> list[Tensor]:
    """Running statistics of norms, which processes do not share between evaluations."""
    return [buffer for buffer in model.buffers() if buffer.is_floating_point()]
