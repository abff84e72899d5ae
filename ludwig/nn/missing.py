"""Missing numbers for encoders that read numbers only.

B = rows of the batch, C = columns of a group, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ludwig.nn.signal import Shape, Signal

FORMS = ("vector", "tokens")  # of a signal that an indicator can stand beside


class MissingIndicator(nn.Module):
    """Gives an encoder medians for missing numbers, and an indicator of these beside its signal.

    A signal of vectors [B, H] or tokens [B, C, H] is one larger then; of another form it stays as it is.
    """

    medians: Tensor  # [C], as the columns are normalised

    def __init__(self, medians: Sequence[float] | None) -> None:
        """Without medians nothing is missing, and the encoder reads the column as it is."""
        super().__init__()
        self.is_needed = medians is not None
        self.register_buffer("medians", torch.tensor(medians or ()), persistent=False)

    def shape(self, shape: Shape) -> Shape:
        """Of the encoder's signal, with the indicator."""
        return dataclasses.replace(shape, size=shape.size + (self.is_needed and shape.form in FORMS))

    def forward(self, encoder: nn.Module, column: object) -> Signal:
        """What the encoder gives for its columns: numbers [B, C], or of one column [B], where some may be missing."""
        if not self.is_needed:
            read: Signal = encoder(column)
            return read
        assert isinstance(column, Tensor)
        missing = column.isnan()
        medians = self.medians if column.dim() > 1 else self.medians[0]
        signal: Signal = encoder(torch.where(missing, medians, column))
        if signal.form not in FORMS:
            return signal
        indicator = missing.unsqueeze(-1).to(signal.values.dtype)  # [B, C, 1] or [B, 1]
        return dataclasses.replace(signal, values=torch.cat([signal.values, indicator], dim=-1))
