"""All inputs as tokens of one size, as combiners with attention between inputs take them.

B = rows of the batch, C = columns of a group, T = steps of a sequence, F = tokens of a row, H = size of a token
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ludwig.combiners.base import Source
from ludwig.nn.mlp import FullyConnectedStack, LayerSpec
from ludwig.nn.signal import Shape, Signal


class FeatureTokens(nn.Module):
    """One token for each column and vector, one for each step of a sequence: signals -> [B, F, H], [B, F].

    Each column has a linear map of its own. With `identity` a trainable vector of each input is added to its tokens,
    since attention knows no order: it is the bias of the feature tokenizer of Gorishniy et al. 2021, arXiv:2106.11959,
    section 3.3, and starts as there.
    """

    def __init__(self, sources: Sequence[Source], layer: LayerSpec, *, identity: bool = True) -> None:
        super().__init__()
        shapes = [source.shape for source in sources]
        self.maps = nn.ModuleList(
            FullyConnectedStack(shape.size, [layer], members=shape.count if shape.form == "tokens" else None)
            for shape in shapes
        )
        self.inputs = [_inputs(shape) for shape in shapes]
        size, bound = layer.output_size, layer.output_size**-0.5
        start = torch.empty(sum(self.inputs), size).uniform_(-bound, bound)  # [inputs, H]
        self.identity = nn.Parameter(start) if identity else None
        self.count = sum(shape.count for shape in shapes)  # F, where every sequence has its longest length

    def forward(self, signals: Sequence[Signal]) -> tuple[Tensor, Tensor | None]:
        """The tokens, and which of them are there: None for all."""
        tokens = [self._mapped(into, signal) for into, signal in zip(self.maps, signals, strict=True)]
        if self.identity is not None:
            parts = torch.split(self.identity, self.inputs)
            tokens = [each + part for each, part in zip(tokens, parts, strict=True)]
        return torch.cat(tokens, dim=1), _mask(signals, tokens)  # [B, F, H], [B, F]

    @staticmethod
    def _mapped(into: nn.Module, signal: Signal) -> Tensor:
        if signal.mask is None:
            mapped: Tensor = into(signal.values)
            return mapped if mapped.dim() == 3 else mapped.unsqueeze(1)  # [B, C, H] or [B, 1, H]
        there = signal.mask.unsqueeze(-1)
        steps: Tensor = into(signal.values.masked_fill(~there, 0.0), signal.mask)
        return steps  # [B, T, H]


def _inputs(shape: Shape) -> int:
    return shape.count if shape.form == "tokens" else 1


def _mask(signals: Sequence[Signal], tokens: Sequence[Tensor]) -> Tensor | None:
    if all(signal.mask is None for signal in signals):
        return None
    masks = [
        torch.ones_like(each[..., 0], dtype=torch.bool) if signal.mask is None else signal.mask
        for signal, each in zip(signals, tokens, strict=True)
    ]
    return torch.cat(masks, dim=1)  # [B, F]
