"""What a frozen encoder gives, computed once for all rows of a frame and kept there.

N = rows, T = tokens of the longest text, H = size of a vector
"""

from __future__ import annotations

import torch
from torch import Tensor

from ludwig.columns.dense import Dense
from ludwig.columns.frame import Column, Frame
from ludwig.columns.ragged import Padded, Ragged
from ludwig.encoders.base import Encoder
from ludwig.nn.signal import Shape, Signal

STEPS = 2**13  # of a batch, with its padding


def embeddings_of(name: str) -> str:
    """The column of a frame that has the embeddings of an input, in the place of its own column."""
    return f"<embeddings of {name}>"


@torch.no_grad()
def embedded(encoder: Encoder, column: Column, device: torch.device) -> Dense | Ragged:
    """The embeddings of all rows, as in evaluation: vectors [N, H], or a sequence of them for each row.

    They lie where the column lies, and are computed on the device.
    """
    assert isinstance(column, Ragged)
    lengths = column.lengths
    order = lengths.argsort(descending=True)  # rows of one length together, so that little is padded
    home, is_vector, is_training = column.values.device, encoder.shape.form == "vector", encoder.training
    nothing = torch.empty(0, encoder.shape.size, device=home)
    parts: list[Tensor | Ragged] = [nothing if is_vector else Ragged(nothing, lengths.new_zeros(1))]
    start = 0
    encoder.eval()
    while start < len(order):
        rows = order[start : start + max(STEPS // max(int(lengths[order[start]]), 1), 1)]
        signal: Signal = encoder(column.rows(rows).to(device).padded())
        parts.append((signal.values if is_vector else _ragged(signal)).to(home))
        start += len(rows)
    encoder.train(is_training)
    place = order.argsort()  # of each row among those in order
    if is_vector:
        return Dense(torch.cat([part for part in parts if isinstance(part, Tensor)])[place])  # [N, H]
    return Ragged.joined([part for part in parts if isinstance(part, Ragged)]).rows(place)


def kept_signal(batch: Frame, name: str, shape: Shape) -> Signal:
    """What the encoder of an input gives, from the embeddings that the batch has."""
    column = batch.column(embeddings_of(name))
    if isinstance(column, Padded):
        return Signal.sequence(column.values[:, : shape.count], column.mask[:, : shape.count])  # [B, T, H], [B, T]
    return Signal.vector(column)  # [B, H]


def _ragged(signal: Signal) -> Ragged:
    assert signal.mask is not None
    lengths: Tensor = signal.mask.sum(1)  # [N]
    offsets = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])  # [N + 1]
    return Ragged(signal.values[signal.mask], offsets)  # [total, H]
