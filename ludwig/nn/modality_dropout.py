"""Leaves out whole inputs of rows in training, so that a model learns to do without any of them.

Source: Neverova et al. 2016, "ModDrop: adaptive multi-modal gesture recognition", arXiv:1501.00102, section 4.2.

B = rows of the batch, M = inputs, C = columns of a group
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor

from ludwig.nn.signal import Signal


def without_some(signals: Sequence[Signal], share: float, generator: torch.Generator | None = None) -> list[Signal]:
    """The signals of a batch, of which each input of each row is zero with probability `share`, yet never all of a row.

    A column of a tokens signal is an input of its own.
    """
    counts = [signal.values.shape[1] if signal.form == "tokens" else 1 for signal in signals]
    values = signals[0].values
    stays = _drawn(len(values), sum(counts), share, generator, values.device)  # [B, M]
    parts = torch.split(stays, counts, dim=1)  # [B, C] each
    return [
        dataclasses.replace(signal, values=_masked(signal.values, part, signal.form == "tokens"))
        for signal, part in zip(signals, parts, strict=True)
    ]


def _drawn(rows: int, inputs: int, share: float, generator: torch.Generator | None, device: torch.device) -> Tensor:
    """Which inputs stay: [B, M]. Where the draw leaves none, the one that was nearest to staying stays."""
    draw = torch.rand(rows, inputs, generator=generator, device=generator.device if generator else device).to(
        device
    )  # [B, M]
    nearest = draw == draw.amax(1, keepdim=True)
    return (draw >= share) | nearest


def _masked(values: Tensor, stays: Tensor, by_column: bool) -> Tensor:
    stays = stays if by_column else stays[:, 0]  # [B, C] or [B]
    return values * stays.view(*stays.shape, *[1] * (values.dim() - stays.dim()))
