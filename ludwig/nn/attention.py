"""Attention of several heads, with a mask of what there is to attend to.

B = rows of the batch, T = steps that ask, M = steps that answer, D = size of a vector
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class Attention(nn.Module):
    """Scaled dot-product attention with several heads: [B, T, D], [B, M, E] -> [B, T, D].

    A row with nothing to attend to gets zeros before the output layer.

    Source: Vaswani et al. 2017, "Attention Is All You Need", arXiv:1706.03762, section 3.2.
    """

    def __init__(self, size: int, heads: int, memory_size: int | None = None) -> None:
        """`memory_size` (E): of the vectors that are attended to, where that is not D."""
        super().__init__()
        self.heads = heads
        self.query, self.out = nn.Linear(size, size), nn.Linear(size, size)
        self.key_value = nn.Linear(memory_size or size, 2 * size)

    def keys_and_values(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """What is attended to, by head: [B, M, E] -> twice [B, heads, M, D / heads]."""
        keys, values = self.key_value(memory).chunk(2, dim=-1)
        return self._by_head(keys), self._by_head(values)

    def attend(self, asking: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """[B, T, D] and what `keys_and_values` gave -> [B, T, D]; `mask` is True where a step may be attended to."""
        queries = self._by_head(self.query(asking))  # [B, heads, T, D / heads]
        found = scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
        if mask is not None:
            found = found.masked_fill(~mask.any(-1, keepdim=True), 0.0)
        joined: Tensor = self.out(found.transpose(1, 2).flatten(2))
        return joined  # [B, T, D]

    def forward(self, asking: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
        """`mask`: [B, M], True where the memory has a step."""
        return self.attend(asking, *self.keys_and_values(memory), mask[:, None, None, :])

    def _by_head(self, values: Tensor) -> Tensor:
        return values.view(*values.shape[:2], self.heads, -1).transpose(1, 2)  # [B, heads, T, D / heads]


def causal(steps: int, before: int, device: torch.device) -> Tensor:
    """Which steps see which: each itself and what stands before it; `before` steps came earlier: [T, before + T]."""
    own = torch.arange(steps, device=device).unsqueeze(1) + before
    return torch.arange(before + steps, device=device) <= own
