"""Embedding tables.

B = rows of the batch, C = columns, T = steps, H = size of an embedding
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from ludwig.nn.dropout import Dropout
from ludwig.nn.initializer import InitializerSpec, initialize


class Table(nn.Module):
    """Rows by id: ids [...] -> [..., H]. With `on_cpu`, the table stays in the CPU's memory wherever the model goes."""

    def __init__(
        self,
        rows: int,
        size: int,
        *,
        trainable: bool = True,
        on_cpu: bool = False,
        initializer: InitializerSpec | None = None,
    ) -> None:
        super().__init__()
        self.on_cpu = on_cpu
        self.weight = nn.Parameter(torch.empty(rows, size), requires_grad=trainable)  # [rows, H]
        if initializer is None:
            # uniform(-1, 1) by the root of the size: embeddings start at a length below one, whatever their size
            nn.init.uniform_(self.weight, -(size**-0.5), size**-0.5)
        else:
            initialize(self.weight, initializer)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Where the model moves to another device, a table that stays on the CPU takes over only the dtype."""
        moved = fn(torch.empty(0, dtype=self.weight.dtype))
        if self.on_cpu and moved.device.type != "cpu":
            return super()._apply(lambda t: t.to(moved.dtype) if t.is_floating_point() else t, recurse)  # type: ignore[no-untyped-call,no-any-return]
        return super()._apply(fn, recurse)  # type: ignore[no-untyped-call,no-any-return]

    def rows_of(self, ids: Tensor) -> Tensor:
        """Ids of the embeddings -> the row of the table that each stands in."""
        return ids if ids.dtype in (torch.int32, torch.int64) else ids.int()

    def forward(self, ids: Tensor) -> Tensor:
        if not self.on_cpu:
            return functional.embedding(self.rows_of(ids), self.weight)  # [..., H]
        here = self.rows_of(ids.to(self.weight.device))
        return functional.embedding(here, self.weight).to(ids.device)  # [..., H]


class CategoryTable(Table):
    """Columns of different sizes in one table, each with rows of its own: ids [B, C] -> [B, C, H]."""

    first: Tensor  # [C], the row where a column begins

    def __init__(
        self,
        sizes: Sequence[int],
        size: int,
        *,
        trainable: bool = True,
        on_cpu: bool = False,
        initializer: InitializerSpec | None = None,
    ) -> None:
        super().__init__(sum(sizes), size, trainable=trainable, on_cpu=on_cpu, initializer=initializer)
        starts = torch.tensor([0, *sizes[:-1]]).cumsum(0)
        self.register_buffer("first", starts.to(torch.int32), persistent=False)

    def rows_of(self, ids: Tensor) -> Tensor:
        return ids + self.first  # [B, C]; small dtypes become int32


class TokenEmbedding(Table):
    """The embedding of each token of a sequence: ids [B, T] -> [B, T, H]."""

    def __init__(
        self,
        vocabulary: int,
        size: int,
        *,
        trainable: bool = True,
        on_cpu: bool = False,
        initializer: InitializerSpec | None = None,
        dropout: float = 0.0,
    ) -> None:
        """`vocabulary`: how many different tokens there are; `dropout`: dropout rate of the embeddings."""
        super().__init__(vocabulary, size, trainable=trainable, on_cpu=on_cpu, initializer=initializer)
        self.dropout = Dropout(dropout)

    def forward(self, ids: Tensor) -> Tensor:
        dropped: Tensor = self.dropout(super().forward(ids))
        return dropped  # [B, T, H]
