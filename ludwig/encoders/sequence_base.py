"""What all encoders of sequences do at their end: reduce the steps, then a stack of fully connected layers.

B = rows of the batch, T = steps, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from torch import Tensor, nn

from ludwig.nn.mlp import FullyConnectedStack, LayerSpec
from ludwig.nn.reduce import ReductionName, SequenceReducer, reduces
from ludwig.nn.signal import Form, Shape, Signal
from ludwig.schema import param


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReduceOptions:
    """How the steps of a sequence become one vector."""

    reduce_output: ReductionName | None = param(
        "sum", help="Reduction of the steps to one vector, such as sum, mean or attention; null keeps all steps."
    )

    def form(self) -> Form:
        """The form of the signal that the encoder gives."""
        return form_after(self.reduce_output)


def form_after(reduce_output: str | None) -> Form:
    """The form of a sequence once it is reduced, or is not."""
    return "vector" if reduces(reduce_output) else "sequence"


class SequenceEnd(nn.Module):
    """[B, T, H], [B, T] -> a vector [B, H'], or a sequence where nothing reduces it."""

    def __init__(self, reduce_output: str | None, size: int, longest: int, layers: Sequence[LayerSpec] = ()) -> None:
        super().__init__()
        self.reducer = SequenceReducer(reduce_output, size, longest)
        self.stack = FullyConnectedStack(self.reducer.output_size, layers)
        form = form_after(reduce_output)
        self.shape = Shape(form, self.stack.output_size, longest if form == "sequence" else 1)

    def forward(self, values: Tensor, mask: Tensor) -> Signal:
        if self.reducer.reduces:
            return Signal.vector(self.stack(self.reducer(values, mask)))  # [B, H']
        return Signal.sequence(self.stack(values, mask), mask)  # [B, T, H']
