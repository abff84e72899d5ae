"""Where the gradients of several processes are added up: during the last backward pass of a window, or after it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from ludwig.columns.frame import Frame
from ludwig.error import TrainingError
from ludwig.runtime.engine import Engine
from ludwig.training.windows import AccumulationWindow

NO_MEMORY = (
    "A batch does not fit into the memory of {device}, which was found while processes exchanged gradients, so that it "
    "cannot be divided any more. Lower trainer.batch_size with more trainer.gradient_accumulation_steps, or set "
    "trainer.enable_gradient_checkpointing or trainer.use_mixed_precision; then go on from the last checkpoint."
)

LossOf = Callable[[Frame, AccumulationWindow], tuple[Any, Tensor]]


class LossModule(nn.Module):
    """The loss of a micro-batch as a forward pass, the only thing that DDP knows of."""

    def __init__(self, model: nn.Module, loss_of: LossOf) -> None:
        super().__init__()
        self.model, self.loss_of = model, loss_of

    def forward(self, part: Frame, window: AccumulationWindow, done: list[Any]) -> Tensor:
        """Puts what was computed into `done`, where DDP does not look for what a backward pass goes through."""
        step, loss = self.loss_of(part, window)
        if len(part):
            done.append((step, part))
        return loss


class GradientExchange:
    """Decides for each window when gradients are added up; all processes decide alike.

    - During the last backward pass (DDP), which hides the exchange: the rule.
    - After it: for the first window of each larger batch size, as there memory most often does not suffice, and a
      process divides its batch on its own, which it cannot while the others wait for its gradients; and for
      optimizers that search along a line, which compute the loss as often as they like.
    """

    def __init__(self, model: nn.Module, loss_of: LossOf, engine: Engine, *, searches: bool) -> None:
        self.plain, self.engine = LossModule(model, loss_of), engine
        self.ddp = None if searches else engine.summing(self.plain)
        self.tried_rows = 0  # of the largest batch of all processes that fitted

    def is_within(self, window: AccumulationWindow, place: int) -> bool:
        """Whether the last backward pass of this batch adds up the gradients of the window."""
        is_last = place == len(window.batches) - 1
        return self.ddp is not None and is_last and _rows(window) <= self.tried_rows

    def finish(self, window: AccumulationWindow) -> bool:
        """Called after all backward passes of a window: whether its gradients are added up."""
        is_summed = self.is_within(window, len(window.batches) - 1)
        self.tried_rows = max(self.tried_rows, _rows(window))
        return is_summed

    def loss(self, part: Frame, window: AccumulationWindow, done: list[Any], *, sums: bool) -> Tensor:
        """The loss of a micro-batch, whose backward pass adds up gradients if it `sums`."""
        if self.ddp is None:
            return self.plain(part, window, done)  # type: ignore[no-any-return]
        with self._held_back(sums):
            return self.ddp(part, window, done)  # type: ignore[no-any-return]

    def backward(self, loss: Tensor, *, sums: bool) -> None:
        """Adds the gradients of the loss.

        Raises:
            TrainingError: Memory does not suffice, and other processes wait for the gradients.
        """
        try:
            with self._held_back(sums):
                self.engine.backward(loss)
        except torch.OutOfMemoryError as error:
            if not sums:
                raise
            raise TrainingError(NO_MEMORY.format(device=self.engine.device)) from error

    def _held_back(self, sums: bool) -> AbstractContextManager[None]:
        return nullcontext() if sums or self.ddp is None else self.ddp.no_sync()


def _rows(window: AccumulationWindow) -> int:
    """The rows of one batch of all processes, as all of them count."""
    return -(-window.rows // len(window.batches))
