"""A column of media that are decoded only when a batch needs them.

N = cells, T = steps of one cell
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._pytree import register_pytree_node

from ludwig.columns.dense import Dense
from ludwig.columns.ragged import Ragged


class Decoder(Protocol):
    """Turns one source (a path, bytes, an array, or None for a missing one) into a tensor. Called from many threads.

    All tensors have one dtype. They have one shape too, and the column is then Dense; with `is_ragged` they are
    sequences [T, *shape] of different lengths, such as audio or the frames of a video, and the column is Ragged.
    """

    @property
    def is_ragged(self) -> bool:
        """Whether the tensors differ in length along their first axis."""
        return False

    @property
    def workers(self) -> int:
        """How many threads decode at the same time."""
        return 1

    def of_rows(self, count: int) -> Decoder:
        """The decoder of a column of so many cells, of which it may bound how many cannot be read."""
        return self

    def __call__(self, source: Any) -> Tensor:
        """The tensor of a source.

        Raises:
            InputDataError: The source cannot be decoded; the message names it.
        """
        ...


@dataclass(frozen=True, eq=False)
class Files:
    """The sources of N cells and how to read one."""

    sources: NDArray[np.object_]  # [N], paths or bytes
    decoder: Decoder

    @staticmethod
    def of(sources: NDArray[np.object_], decoder: Decoder) -> Files:
        """A whole column."""
        return Files(sources, decoder.of_rows(len(sources)))

    @staticmethod
    def joined(parts: Sequence[Files]) -> Files:
        """The cells of all parts, one after the other; all have the same decoder."""
        return Files(np.concatenate([part.sources for part in parts]), parts[0].decoder)

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def nbytes(self) -> int:
        return self.sources.nbytes

    def rows(self, index: Tensor) -> Files:
        return Files(self.sources[index.cpu().numpy()], self.decoder)

    def to(self, device: torch.device) -> Files:
        """Itself: sources are decoded on the CPU."""
        return self

    def pinned(self) -> Files:
        return self

    def decoded(self, pool: Executor | None = None) -> Dense | Ragged:
        """All cells decoded, in their order.

        Args:
            pool: The threads that decode; without it, those that the decoder asks for, for this call only.

        Raises:
            InputDataError: A source cannot be decoded.
            ValueError: The decoder gave tensors of different shapes or dtypes.
        """
        if len(self) == 0:  # a missing cell has the dtype and shape of all others
            empty = self.decoder(None)
            return Ragged.of([empty[:0]]).rows(torch.arange(0)) if self.decoder.is_ragged else Dense(empty[None][:0])
        with nullcontext(pool) if pool else decoding_pool(self.decoder.workers) as threads:
            run = threads.map if threads else map
            if self.decoder.is_ragged:
                return Ragged.of(list(run(self.decoder, self.sources)))
            first = self.decoder(self.sources[0])
            values = first.new_empty((len(self), *first.shape))  # [N, *shape]
            values[0] = first

            def decode_into(place: int) -> None:  # straight to its place: the cells are never held twice
                cell = self.decoder(self.sources[place])
                if (cell.shape, cell.dtype) != (first.shape, first.dtype):
                    raise ValueError(
                        f"The decoder gave a {cell.dtype} tensor of shape {list(cell.shape)} after one of "
                        f"{first.dtype} and {list(first.shape)}; all must be alike unless it is_ragged."
                    )
                values[place] = cell

            for _ in run(decode_into, range(1, len(self))):
                pass
        return Dense(values)


@contextmanager
def decoding_pool(workers: int) -> Iterator[Executor | None]:
    """The threads that decode, None for one worker: then whoever asks decodes. What has not begun is dropped at exit.

    Threads and not processes: Pillow and torch release the GIL while they decode and resize, and threads write the
    cells to their place in the batch, where processes would have to send them.
    """
    if workers == 1:
        yield None
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="decoder")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


# Files have no tensors: in a tree they are part of the structure.
register_pytree_node(
    Files,
    lambda files: ([], files),
    lambda _, files: files,
    serialized_type_name="ludwig.columns.files.Files",
    flatten_with_keys_fn=lambda files: ([], files),
)
