"""Leaves out whole inputs of rows in training, so that a model is trained to do without any of them.

Source: Neverova et al. 2016, "ModDrop: adaptive multi-modal gesture recognition", arXiv:1501.00102, section 4.2.

B = rows of the batch, M = inputs, C = columns of a group
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor

from ludwig.nn.dropout import Draws
from ludwig.nn.signal import Signal


class ModalityDropout(Draws):
    """In training each input of each row is zero with probability `rate`, yet never all of a row.

    A column of a tokens signal is an input of its own.
    """

    def __init__(self, rate: float = 0.0) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, signals: Sequence[Signal]) -> list[Signal]:
        if not self.training or self.rate == 0:
            return list(signals)
        counts = [signal.values.shape[1] if signal.form == "tokens" else 1 for signal in signals]
        values = signals[0].values
        stays = self._drawn(len(values), sum(counts), values.device)  # [B, M]
        parts = torch.split(stays, counts, dim=1)  # [B, C] each
        return [_without(signal, part) for signal, part in zip(signals, parts, strict=True)]

    def _drawn(self, rows: int, inputs: int, device: torch.device) -> Tensor:
        """Which inputs stay: [B, M]. Where the draw leaves none, the one that was nearest to staying stays."""
        source = device if self.generator is None else self.generator.device
        draw = torch.rand(rows, inputs, generator=self.generator, device=source).to(device)  # [B, M]
        nearest = draw == draw.amax(1, keepdim=True)
        return (draw >= self.rate) | nearest


def _without(signal: Signal, stays: Tensor) -> Signal:
    """The signal with its inputs left out in the rows where they do not stay: [B, C]."""
    values = _masked(signal.values, stays, signal.form == "tokens")
    linear = None if signal.linear is None else _masked(signal.linear, stays, by_column=False)
    skips = tuple(_masked(skip, stays, by_column=False) for skip in signal.skips)
    return dataclasses.replace(signal, values=values, linear=linear, skips=skips)


def _masked(values: Tensor, stays: Tensor, by_column: bool) -> Tensor:
    stays = stays if by_column else stays[:, 0]  # [B, C] or [B]
    return values * stays.view(*stays.shape, *[1] * (values.dim() - stays.dim()))
