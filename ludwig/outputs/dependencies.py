"""What an output reads besides the combined signal: the last hidden vectors of other outputs.

B = rows of the batch, T = steps of a sequence, K = ensemble members, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ludwig.error import ConfigValidationError
from ludwig.nn.reduce import ReductionName, SequenceReducer
from ludwig.nn.signal import Shape, Signal


class Dependencies(nn.Module):
    """Lays the hidden vectors of other outputs beside the output's own signal.

    A sequence of them is reduced first. Where the output reads a sequence itself, a vector is repeated at each of its
    steps, and a sequence that is not reduced stands step beside step.
    """

    def __init__(self, name: str, own: Shape, others: Mapping[str, Shape], reduction: ReductionName | None) -> None:
        """`others`: the shapes of the hidden signals by output. `name`: of the output, for messages."""
        super().__init__()
        self.names, width = tuple(others), own.size
        self.reducers = nn.ModuleList()
        for other, shape in others.items():
            reducer = SequenceReducer(reduction if shape.form == "sequence" else None, shape.size, shape.count)
            if shape.form == "sequence" and not reducer.reduces and own.form != "sequence":
                raise ConfigValidationError(
                    f"The output '{name}' reads vectors, and the hidden vectors of '{other}' are a sequence. Set "
                    "reduce_dependencies to sum, mean, max, last or attention."
                )
            self.reducers.append(reducer)
            width += reducer.output_size
        self.shape = dataclasses.replace(own, size=width)

    def forward(self, signal: Signal, hidden: Mapping[str, Signal]) -> Signal:
        """The signal with the hidden vectors of the others behind its own: [..., H + sum of theirs]."""
        values = [signal.values]
        for name, reducer in zip(self.names, self.reducers, strict=True):
            values.append(_beside(signal, self._reduced(hidden[name], reducer)))
        return dataclasses.replace(signal, values=torch.cat(values, dim=-1))

    @staticmethod
    def _reduced(other: Signal, reducer: nn.Module) -> Tensor:
        if other.mask is None:
            return other.values  # [B, H] or [B, K, H]
        reduced: Tensor = reducer(other.values, other.mask)
        return reduced  # [B, H], or [B, T, H] where nothing reduces


def _beside(signal: Signal, values: Tensor) -> Tensor:
    """The values with as many steps as the signal has."""
    if signal.form != "sequence":
        return values
    steps = signal.values.shape[1]
    if values.dim() == 2:
        return values.unsqueeze(1).expand(-1, steps, -1)  # [B, T, H]
    return nn.functional.pad(values, (0, 0, 0, steps - values.shape[1]))  # [B, T, H]; cuts where it is negative
