"""A table as tensors: columns by name over a few blocks.

N = rows, B = rows of a batch, C = columns of a block
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ludwig.columns.dense import Dense
from ludwig.columns.files import Files
from ludwig.columns.ragged import Padded, Ragged

Column = Dense | Ragged | Files


@dataclass(frozen=True)
class Block:
    """Columns of one dtype and shape, side by side."""

    names: tuple[str, ...]
    values: Tensor  # [N, C, *shape]


class Layout:
    """Which block holds which column. Shared by a Frame and all its batches, so that places are looked up once."""

    def __init__(self, names: Iterable[tuple[str, ...]]) -> None:
        self.place = {name: (b, c) for b, block in enumerate(names) for c, name in enumerate(block)}
        self._runs: dict[tuple[str, ...], list[tuple[int, list[int]]]] = {}

    def runs(self, names: tuple[str, ...]) -> list[tuple[int, list[int]]]:
        """The named columns as (block, columns of it) in the order of the names, neighbours of a block together."""
        if names not in self._runs:
            runs: list[tuple[int, list[int]]] = []
            for name in names:
                block, column = self.place[name]
                if runs and runs[-1][0] == block:
                    runs[-1][1].append(column)
                else:
                    runs.append((block, [column]))
            self._runs[names] = runs
        return self._runs[names]


class Frame:
    """A table as tensors. A batch is a Frame with fewer rows."""

    def __init__(
        self, blocks: Sequence[Block], others: Mapping[str, Ragged | Files], layout: Layout, rows: int
    ) -> None:
        self.blocks, self.others, self.layout = tuple(blocks), dict(others), layout
        self._rows = rows

    @staticmethod
    def of(columns: Mapping[str, Column]) -> Frame:
        """Puts dense columns of one dtype and shape side by side in blocks.

        Raises:
            ValueError: The columns differ in length.
        """
        lengths = {len(column) for column in columns.values()}
        if len(lengths) > 1:
            raise ValueError(f"The columns of a frame must be of one length, not of {sorted(lengths)}.")
        like: dict[tuple[torch.dtype, torch.Size], list[str]] = {}
        for name, column in columns.items():
            if isinstance(column, Dense):
                like.setdefault((column.values.dtype, column.values.shape[1:]), []).append(name)
        blocks = [Block(tuple(names), _side_by_side(names, columns)) for names in like.values()]
        others = {name: column for name, column in columns.items() if not isinstance(column, Dense)}
        return Frame(blocks, others, Layout(block.names for block in blocks), lengths.pop() if lengths else 0)

    def __len__(self) -> int:
        return self._rows

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.layout.place, *self.others)

    @property
    def nbytes(self) -> int:
        return sum(block.values.nbytes for block in self.blocks) + sum(other.nbytes for other in self.others.values())

    @cached_property
    def is_in_memory(self) -> bool:
        """False when a column is decoded from files batch by batch."""
        return not any(isinstance(other, Files) for other in self.others.values())

    def rows(self, index: Tensor) -> Frame:
        """The given rows, gathered once a block and not once a column."""
        blocks = [Block(block.names, block.values.index_select(0, index)) for block in self.blocks]
        others = {name: other.rows(index) for name, other in self.others.items()}
        return Frame(blocks, others, self.layout, len(index))

    def slice(self, start: int, stop: int) -> Frame:
        """Neighbouring rows: views of the blocks."""
        stop = min(stop, self._rows)
        blocks = [Block(block.names, block.values[start:stop]) for block in self.blocks]
        others: dict[str, Ragged | Files] = {}
        if self.others:
            index = torch.arange(start, stop, device=self.device)
            others = {name: other.rows(index) for name, other in self.others.items()}
        return Frame(blocks, others, self.layout, stop - start)

    @property
    def device(self) -> torch.device:
        for block in self.blocks:
            return block.values.device
        for other in self.others.values():
            if isinstance(other, Ragged):
                return other.values.device
        return torch.device("cpu")

    def to(self, device: torch.device) -> Frame:
        """The same rows on the device; files stay where they are."""
        if device == self.device:
            return self
        blocks = [Block(block.names, block.values.to(device, non_blocking=True)) for block in self.blocks]
        others = {name: other if isinstance(other, Files) else other.to(device) for name, other in self.others.items()}
        return Frame(blocks, others, self.layout, self._rows)

    def pinned(self) -> Frame:
        """The same rows in memory that a GPU reads by itself, so that nobody waits for the copy."""
        blocks = [Block(block.names, block.values.pin_memory()) for block in self.blocks]
        others = {
            name: Ragged(other.values.pin_memory(), other.offsets.pin_memory()) if isinstance(other, Ragged) else other
            for name, other in self.others.items()
        }
        return Frame(blocks, others, self.layout, self._rows)

    def lengths(self, name: str) -> Tensor:
        """How many steps each row of a ragged column has: [N].

        Raises:
            LookupError: The frame has no such column, or its rows all have one length.
        """
        other = self.others.get(name)
        if not isinstance(other, Ragged):
            ragged = [name for name, other in self.others.items() if isinstance(other, Ragged)]
            raise LookupError(f"'{name}' is no column of sequences. Such columns: {', '.join(ragged) or 'none'}.")
        return other.lengths

    def load(self, device: torch.device) -> Frame:
        """The batch ready for a model: files decoded, everything on the device."""
        files = {name: other for name, other in self.others.items() if isinstance(other, Files)}
        if not files:
            return self.to(device)
        decoded = [Block((name,), column.decoded().unsqueeze(1)) for name, column in files.items()]
        blocks = [*self.blocks, *decoded]
        others = {name: other for name, other in self.others.items() if name not in files}
        return Frame(blocks, others, Layout(block.names for block in blocks), self._rows).to(device)

    def __contains__(self, name: str) -> bool:
        return name in self.layout.place or name in self.others

    def columns(self, names: tuple[str, ...]) -> Tensor:
        """The named dense columns as [B, C, *shape]: a view where they lie side by side in this order.

        Raises:
            LookupError: The frame has no such dense column.
        """
        try:
            runs = self.layout.runs(names)
        except KeyError as error:
            raise LookupError(f"The frame has no dense column {error}. It has: {', '.join(self.names)}.") from None
        if len(runs) == 1:
            return _pick(self.blocks[runs[0][0]].values, runs[0][1])
        return torch.cat([_pick(self.blocks[block].values, places) for block, places in runs], dim=1)  # [B, C, *shape]

    def column(self, name: str) -> Tensor | Padded:
        """One column: dense as [B, *shape], ragged as padded rows with their mask."""
        other = self.others.get(name)
        if isinstance(other, Ragged):
            return other.padded()
        block, place = self.layout.place[name]
        return self.blocks[block].values[:, place]  # [B, *shape]


def _side_by_side(names: Sequence[str], columns: Mapping[str, Column]) -> Tensor:
    cells = [column.values for name in names if isinstance(column := columns[name], Dense)]
    return cells[0].unsqueeze(1) if len(cells) == 1 else torch.stack(cells, dim=1)  # [N, C, *shape]


def _pick(values: Tensor, places: list[int]) -> Tensor:
    first, count = places[0], len(places)
    if count == values.shape[1] and first == 0 and places == list(range(count)):
        return values
    if places == list(range(first, first + count)):
        return values[:, first : first + count]
    return values[:, places]
