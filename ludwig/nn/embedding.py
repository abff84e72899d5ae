"""Embedding tables.

B = rows of the batch, C = columns, T = steps, H = size of an embedding
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self

import torch
from torch import Tensor, nn

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
            nn.init.uniform_(self.weight, -(size**-0.5), size**-0.5)  # an embedding's length starts below one
        else:
            initialize(self.weight, initializer)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        return self if self.on_cpu else super()._apply(fn, recurse)

    def forward(self, ids: Tensor) -> Tensor:
        ids = ids if ids.dtype in (torch.int32, torch.int64) else ids.int()
        if self.on_cpu and ids.device != self.weight.device:
            return nn.functional.embedding(ids.to(self.weight.device), self.weight).to(ids.device)
        return nn.functional.embedding(ids, self.weight)  # [..., H]


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
        starts = torch.tensor([0, *sizes[:-1]], dtype=torch.int32).cumsum(0, dtype=torch.int32)
        self.register_buffer("first", starts)

    def forward(self, ids: Tensor) -> Tensor:
        return super().forward(ids + self.first.to(ids.device))  # [B, C, H]
