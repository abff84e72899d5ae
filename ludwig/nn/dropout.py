"""Dropout whose masks come from a generator of the run's own, so that runs in two threads do not see each other.

Source: Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", JMLR 15.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn

HALVES = frozenset({torch.float16, torch.bfloat16})
LEVELS = 2**16  # a mask entry costs 16 random bits: the rate is exact to 2**-17


class Draws(nn.Module):
    """A module that draws random numbers in its forward pass: from `generator`, or from torch's global one if None."""

    generator: torch.Generator | None = None


class Dropout(Draws):
    """Zeroes each number with probability `rate` in training and scales the others by 1 / (1 - rate); any shape.

    The rate is rounded to a multiple of 2**-16, and the scale fits the rounded rate, so that the mean is kept.
    """

    shares_mask = False  # whether all rows of a batch have one mask, so that the others change nothing for a row

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, values: Tensor) -> Tensor:
        if not self.training:
            return values
        return dropout(values, self.rate, self.generator, shares_mask=self.shares_mask)

    def extra_repr(self) -> str:
        return f"rate={self.rate}"


def dropout(
    values: Tensor, rate: float, generator: torch.Generator | None = None, *, shares_mask: bool = False
) -> Tensor:
    """The values, each zero with probability `rate`, the others scaled so that the mean is kept; same shape.

    With `shares_mask` all rows, which are the first dimension, are zero at the same places.
    """
    threshold = round(rate * LEVELS)
    if threshold == 0:
        return values
    if threshold == LEVELS:
        return values * 0.0
    scale = LEVELS / (LEVELS - threshold)
    kept: Tensor = _kept(values[:1] if shares_mask else values, threshold, generator)
    if values.dtype in HALVES:  # in which the scale itself would be rounded, by up to 0.4 %, and the mean with it
        return values * kept * scale
    return values * kept.mul_(scale)


def _kept(values: Tensor, threshold: int, generator: torch.Generator | None) -> Tensor:
    """Zero or one for each number: one random word of 64 bits serves four of them."""
    count = values.numel()
    device = values.device if generator is None else generator.device
    words = torch.empty((count + 3) // 4, dtype=torch.int64, device=device)
    words.random_(-(2**63), None, generator=generator)  # torch.compile breaks its graph here, and draws the same
    draws = words.view(torch.int16)[:count].view(values.shape)  # uniform in [-2**15, 2**15)
    return (draws >= threshold - LEVELS // 2).to(values.device, values.dtype)


@contextmanager
def drawing(module: nn.Module, generator: torch.Generator | None) -> Iterator[None]:
    """Inside the block every module below that draws random numbers draws them from the generator.

    That is best on the device of the module. Afterwards modules hold no generator, so that they can be copied.
    """
    draw_from(module, generator)
    try:
        yield
    finally:
        draw_from(module, None)


def draw_from(module: nn.Module, generator: torch.Generator | None) -> None:
    """From now on every module below that draws random numbers draws them from the generator."""
    for part in module.modules():
        if isinstance(part, Draws):
            part.generator = generator


@contextmanager
def undrawn(generator: torch.Generator | None) -> Iterator[None]:
    """What is drawn inside the block is as if it had not been drawn."""
    state = None if generator is None else generator.get_state()
    try:
        yield
    finally:
        if generator is not None and state is not None:
            generator.set_state(state)


def rewinding(
    generator: torch.Generator | None,
) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """The contexts of `torch.utils.checkpoint`: its recomputation draws the masks of the first pass again.

    Pass `context_fn=lambda: rewinding(generator)`; checkpoint itself restores only the global generators.
    """
    return nullcontext(), nullcontext() if generator is None else _rewound(generator, generator.get_state())


@contextmanager
def _rewound(generator: torch.Generator, start: Tensor) -> Iterator[None]:
    now = generator.get_state()
    generator.set_state(start)
    try:
        yield
    finally:
        generator.set_state(now)
