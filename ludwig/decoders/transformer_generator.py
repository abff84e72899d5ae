"""Generation of sequences by a transformer.

B = rows of the batch, M = steps of the signal, T = steps of the target, D = size of a hidden vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ludwig.decoders.base import DECODERS
from ludwig.decoders.generation import Generator, TokenHead
from ludwig.nn.dropout import Dropout
from ludwig.nn.generation import State
from ludwig.nn.positions import sinusoids
from ludwig.nn.signal import Shape
from ludwig.nn.transformer import Attention, causal
from ludwig.schema import param


@DECODERS.register("transformer_generator", kinds=("sequence", "text"))
class TransformerGenerator(Generator):
    """A transformer decoder that generates tokens one after the other, with cross-attention to the signal's steps.

    Use it in place of `generator` for long targets and much data: in training all tokens are computed at once. The
    combined signal should be a sequence (an encoder with `reduce_output: null`); a vector works too. Keys and values of
    the tokens so far are kept, so that a generated token costs one pass of the layers.

    Takes a sequence [B, M, H] or a vector [B, H]; gives logits [B, T, C] of the target's tokens and the generated ones.

    Source: Vaswani et al. 2017, "Attention Is All You Need", arXiv:1706.03762, with normalisation before each part
    (Xiong et al. 2020, arXiv:2002.04745).

    ```yaml
    name: translation
    type: text
    decoder:
      type: transformer_generator
      d_model: 128
      num_layers: 2
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Generator.Config):
        d_model: int = param(256, min=1, help="Hidden size of the transformer.")
        num_layers: int = param(2, min=1, help="Number of transformer layers.")
        num_heads: int = param(8, min=1, help="Number of attention heads; d_model must be divisible by it.")
        ffn_size: int = param(1024, min=1, help="Hidden size of the feed-forward part of a layer.")
        dropout: float = param(
            0.1, min=0.0, max=1.0, help="Dropout rate of the transformer layers. Raise it against overfitting."
        )

        def faults(self) -> list[tuple[str, str]]:
            if self.d_model % self.num_heads:
                text = f"Must be divisible by num_heads, which is {self.num_heads}. Received: {self.d_model}."
                return [*super().faults(), ("d_model", text)]
            return super().faults()

    config: Config
    positions: Tensor  # [S, D]

    def __init__(self, config: Config, shape: Shape, size: int, longest: int, end: int) -> None:
        super().__init__(config, shape, size, longest, end)
        width = config.d_model
        self.layers = nn.ModuleList(Layer(config, self.memory_size) for _ in range(config.num_layers))
        self.norm, self.dropout = nn.LayerNorm(width), Dropout(config.dropout)
        self.tokens = TokenHead(size, width, width)
        self.register_buffer("positions", sinusoids(longest, width), persistent=False)
        self.promise(width)

    def head(self, hidden: Tensor) -> Tensor:
        logits: Tensor = self.tokens(hidden)
        return logits  # [B, T, C]

    def begun(self, memory: Tensor, mask: Tensor) -> State:
        """The mask; of each layer the memory's keys and values, and those of no token yet."""
        parts: list[Tensor] = [mask]
        for layer in self.layers:
            assert isinstance(layer, Layer)
            keys, values = layer.cross.keys_and_values(memory)
            parts += [keys, values, keys[:, :, :0], values[:, :, :0]]
        return tuple(parts)

    def advanced(self, tokens: Tensor, state: State, place: int) -> tuple[Tensor, State]:
        steps = tokens.shape[1]
        values = self.tokens.embedding(tokens) * self.config.d_model**0.5 + self._positions(place, steps)
        values, mask, after = self.dropout(values), state[0], [state[0]]
        for at, layer in enumerate(self.layers):
            keys, answers, *before = state[4 * at + 1 : 4 * at + 5]
            values, own = layer(values, (keys, answers), mask, before)
            after += [keys, answers, *own]
        return self.norm(values), tuple(after)

    def _positions(self, place: int, steps: int) -> Tensor:
        if place + steps > len(self.positions):  # a batch is padded to a multiple of some steps
            return sinusoids(place + steps, self.config.d_model).to(self.positions)[place:]
        return self.positions[place : place + steps]  # [T, D]


class Layer(nn.Module):
    """Attention to the tokens so far, attention to the memory, a feed-forward network."""

    def __init__(self, config: TransformerGenerator.Config, memory_size: int) -> None:
        super().__init__()
        width = config.d_model
        self.own = Attention(width, config.num_heads)
        self.cross = Attention(width, config.num_heads, memory_size)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, config.ffn_size), nn.ReLU(), Dropout(config.dropout), nn.Linear(config.ffn_size, width)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.dropout = Dropout(config.dropout)

    def forward(
        self, values: Tensor, memory: tuple[Tensor, Tensor], mask: Tensor, before: Sequence[Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The values of the next layer [B, T, D], and the keys and values of all tokens so far."""
        normed = self.norms[0](values)
        keys, own = (torch.cat(pair, dim=2) for pair in zip(before, self.own.keys_and_values(normed), strict=True))
        seen = causal(values.shape[1], before[0].shape[2], values.device)
        values = values + self.dropout(self.own.attend(normed, keys, own, seen))
        values = values + self.dropout(self.cross.attend(self.norms[1](values), memory[0], memory[1], mask))
        return values + self.dropout(self.feed_forward(self.norms[2](values))), (keys, own)
