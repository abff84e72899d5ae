"""A table as tensors: columns by name over a few blocks.

N = rows, B = rows of a batch, C = columns of a block
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import GetAttrKey, register_pytree_node

from ludwig.columns.dense import Dense, owned
from ludwig.columns.files import Files
from ludwig.columns.ragged import Padded, Ragged
from ludwig.error import InputDataError
from ludwig.nn.tree import register_tree

Other = Ragged | Padded | Files
Column = Dense | Other

SAMPLE_WEIGHT = "<sample_weight>"  # the column of how much each row counts, where there is one

Augment = Callable[[Tensor, torch.Generator], Tensor]
"""Changes a batch of one column at random: [B, *shape] to the same shape and dtype, on the device of the batch.
Every draw comes from the given generator, none from the global one. The batch that came in stays as it is."""


@dataclass(frozen=True)
class Block:
    """Columns of one dtype and shape, side by side."""

    names: tuple[str, ...]
    values: Tensor  # [N, C, *shape]

    def __reduce__(self) -> tuple[type[Block], tuple[tuple[str, ...], Tensor]]:
        return Block, (self.names, owned(self.values))


class Layout:
    """Which block holds which column. Shared by a Frame and all its batches, so that places are looked up once."""

    def __init__(self, names: Iterable[tuple[str, ...]]) -> None:
        self.names = tuple(names)
        self.place = {name: (b, c) for b, block in enumerate(self.names) for c, name in enumerate(block)}
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

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layout) and self.names == other.names

    def __hash__(self) -> int:
        return hash(self.names)

    def __reduce__(self) -> tuple[type[Layout], tuple[tuple[tuple[str, ...], ...]]]:
        return Layout, (self.names,)


class Frame:
    """A table as tensors. A batch is a Frame with fewer rows.

    A pytree for torch: its leaves are the tensors of the blocks and of the other columns. It pickles and copies its
    own rows only, not all those of the frame that it is a slice of.
    """

    def __init__(
        self, blocks: Sequence[Block], others: Mapping[str, Other], layout: Layout, rows: int | None = None
    ) -> None:
        """`rows`: None counts them when they are asked for; the leaves of a tree need not be tensors."""
        self.blocks, self.others, self.layout = tuple(blocks), dict(others), layout
        self._rows = rows

    def __reduce__(self) -> tuple[type[Frame], tuple[Any, ...]]:
        return Frame, (self.blocks, self.others, self.layout, self._rows)

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

    @staticmethod
    def joined(frames: Sequence[Frame]) -> Frame:
        """The rows of all frames, one after the other; they must have the same columns."""
        dense = {
            name: Dense(torch.cat([frame.columns((name,)).squeeze(1) for frame in frames]))  # [N, *shape]
            for name in frames[0].layout.place
        }
        others = {name: _joined([frame.others[name] for frame in frames]) for name in frames[0].others}
        return Frame.of({**dense, **others})

    def __len__(self) -> int:
        if self._rows is None:
            columns = [*(block.values for block in self.blocks), *self.others.values()]
            self._rows = len(columns[0]) if columns else 0
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

    def reordered(self, names: Collection[str], order: Tensor) -> Frame:
        """With the rows of some columns in another order, which the others keep."""
        blocks = list(self.blocks)
        for number, block in enumerate(self.blocks):
            places = [place for place, name in enumerate(block.names) if name in names]
            if places:
                values = block.values.clone()
                values[:, places] = block.values[:, places][order]  # [N, C, *shape]
                blocks[number] = Block(block.names, values)
        others = {name: other.rows(order) if name in names else other for name, other in self.others.items()}
        return Frame(blocks, others, self.layout, self._rows)

    def slice(self, start: int, stop: int) -> Frame:
        """Neighbouring rows: views of the blocks."""
        stop = min(stop, len(self))
        blocks = [Block(block.names, block.values[start:stop]) for block in self.blocks]
        others: dict[str, Other] = {}
        if self.others:
            index = torch.arange(start, stop, device=self.device)
            others = {name: other.rows(index) for name, other in self.others.items()}
        return Frame(blocks, others, self.layout, stop - start)

    @property
    def device(self) -> torch.device:
        for block in self.blocks:
            return block.values.device
        for other in self.others.values():
            if not isinstance(other, Files):
                return other.values.device
        return torch.device("cpu")

    def to(self, device: torch.device) -> Frame:
        """The same rows on the device; files stay where they are."""
        if device == self.device:
            return self
        blocks = [Block(block.names, block.values.to(device, non_blocking=True)) for block in self.blocks]
        others = {name: other.to(device) for name, other in self.others.items()}
        return Frame(blocks, others, self.layout, self._rows)

    def pinned(self) -> Frame:
        """The same rows in memory that a GPU reads by itself, so that nobody waits for the copy."""
        blocks = [Block(block.names, block.values.pin_memory()) for block in self.blocks]
        others = {name: other.pinned() for name, other in self.others.items()}
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

    def load(self, device: torch.device, pool: Executor | None = None) -> Frame:
        """The batch ready for a model: files decoded, everything on the device.

        Args:
            pool: The threads that decode; without it each column opens those that it asks for.

        Raises:
            InputDataError: A file cannot be decoded; the message names it and its column.
        """
        if self.is_in_memory:
            return self.to(device)
        files = {name: other for name, other in self.others.items() if isinstance(other, Files)}
        return self.replaced({name: (name, _decoded(name, other, pool)) for name, other in files.items()}).to(device)

    def replaced(self, columns: Mapping[str, tuple[str, Dense | Ragged]]) -> Frame:
        """With other columns in the place of some that are not dense: by the old name, the new name and the column."""
        blocks, others = list(self.blocks), dict[str, Other]()
        for old, other in self.others.items():
            name, column = columns.get(old, (old, other))
            if isinstance(column, Dense):
                blocks.append(Block((name,), column.values.unsqueeze(1)))  # [N, 1, *shape]
            else:
                others[name] = column
        return Frame(blocks, others, Layout(block.names for block in blocks), self._rows)

    def widths(self) -> dict[str, int]:
        """How many steps the padded rows of each ragged column have."""
        return {name: other.width() for name, other in self.others.items() if isinstance(other, Ragged)}

    def padded(self, widths: Mapping[str, int]) -> Frame:
        """The batch with ragged columns of these widths, so that all batches have the same shapes."""
        others = {
            name: other.padded(widths[name]) if isinstance(other, Ragged) and name in widths else other
            for name, other in self.others.items()
        }
        return Frame(self.blocks, others, self.layout, self._rows)

    @property
    def decoding_workers(self) -> int:
        """How many threads its columns of files ask for: as many as the column that asks for most."""
        return max((other.decoder.workers for other in self.others.values() if isinstance(other, Files)), default=1)

    def augmented(self, augments: Mapping[str, Augment], generator: torch.Generator) -> Frame:
        """The batch with some dense columns changed at random, in the order of the mapping; this one stays as it is.

        Args:
            generator: What the augmentations draw from, on the device that they draw on.

        Raises:
            LookupError: The frame has no such dense column.
            ValueError: An augmentation changed the shape or the dtype.
        """
        blocks = list(self.blocks)
        for name, augment in augments.items():
            before = self.columns((name,)).squeeze(1)  # [B, *shape]
            after = augment(before, generator)
            if (after.shape, after.dtype) != (before.shape, before.dtype):
                raise ValueError(
                    f"The augmentation of column '{name}' must keep {before.dtype} and {list(before.shape)}; "
                    f"it returned {after.dtype} and {list(after.shape)}."
                )
            number, place = self.layout.place[name]
            columns = list(blocks[number].values.unbind(1))
            columns[place] = after
            blocks[number] = Block(blocks[number].names, torch.stack(columns, dim=1))  # [B, C, *shape]
        return Frame(blocks, self.others, self.layout, self._rows)

    def __contains__(self, name: str) -> bool:
        return name in self.layout.place or name in self.others

    @property
    def weights(self) -> Tensor | None:
        """How much each row counts in losses and metrics: [B]; None where all count alike."""
        if SAMPLE_WEIGHT not in self.layout.place:
            return None
        return self.columns((SAMPLE_WEIGHT,)).squeeze(1)  # [B]

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
        if isinstance(other, Padded):
            return other
        block, place = self.layout.place[name]
        return self.blocks[block].values[:, place]  # [B, *shape]


def _decoded(name: str, files: Files, pool: Executor | None) -> Dense | Ragged:
    try:
        return files.decoded(pool)
    except InputDataError as error:
        raise InputDataError(f"Column '{name}': {error}") from error


def _joined(parts: Sequence[Other]) -> Ragged | Files:
    ragged = [part for part in parts if isinstance(part, Ragged)]
    if ragged:
        return Ragged.joined(ragged)
    return Files.joined([part for part in parts if isinstance(part, Files)])


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


# The number of rows is no part of the structure: an exported model takes batches of any size.
def _children(frame: Frame) -> tuple[list[Any], Layout]:
    return [[block.values for block in frame.blocks], frame.others], frame.layout


def _frame(children: Iterable[Any], layout: Layout) -> Frame:
    values, others = children
    return Frame([Block(*each) for each in zip(layout.names, values, strict=True)], others, layout)


def _children_with_keys(frame: Frame) -> tuple[list[tuple[Any, Any]], Layout]:
    children, layout = _children(frame)
    return list(zip((GetAttrKey("blocks"), GetAttrKey("others")), children, strict=True)), layout


register_tree(Block, constants=("names",))
register_pytree_node(
    Frame,
    _children,
    _frame,
    serialized_type_name="ludwig.columns.frame.Frame",
    to_dumpable_context=lambda layout: list(map(list, layout.names)),
    from_dumpable_context=lambda names: Layout(map(tuple, names)),
    flatten_with_keys_fn=_children_with_keys,
)
