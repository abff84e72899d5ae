"""Media: decoding, its workers, and errors."""

from __future__ import annotations

import collections
import dataclasses
import threading

import numpy as np
import pytest
import torch

from ludwig.columns import Decoder, Dense, Files, Frame, Ragged
from ludwig.data.loader import batches, shuffled
from ludwig.error import InputDataError

CPU = torch.device("cpu")


class Squares(Decoder):
    """A 2 x 2 square of the source; counts how often each source is decoded."""

    def __init__(self, workers: int = 1) -> None:
        self.threads, self.seen = workers, collections.Counter()

    @property
    def workers(self) -> int:
        return self.threads

    def __call__(self, source: int | None) -> torch.Tensor:
        if source == -1:
            raise InputDataError("'-1' cannot be read.")
        self.seen[source] += 1
        return torch.full((2, 2), source or 0, dtype=torch.int32)


@dataclasses.dataclass(frozen=True)
class Count(Decoder):
    """0, 1, ... up to the source: sequences of different lengths."""

    workers: int = 1
    is_ragged = True

    def __call__(self, source: int | None) -> torch.Tensor:
        return torch.arange(source or 0)


def files(sources: list[int | None], decoder: Decoder) -> Files:
    return Files(np.array(sources, dtype=object), decoder)


def decoders() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith(("decoder", "loader"))}


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_batches_do_not_depend_on_the_workers_and_each_file_is_decoded_once(workers):
    decoder = Squares(workers)
    frame = Frame.of({"f": files(list(range(23)), decoder), "s": files(list(range(23)), Count(workers))})
    order = shuffled(23, 0, 1)
    found = list(batches(frame, 4, CPU, order))
    assert torch.cat([batch.column("f")[:, 0, 0] for batch in found]).tolist() == order.tolist()
    assert torch.cat([batch.lengths("s") for batch in found]).tolist() == order.tolist()
    assert torch.cat([batch.others["s"].values for batch in found]).tolist() == [i for n in order for i in range(n)]
    assert decoder.seen == dict.fromkeys(range(23), 1)
    assert not decoders()


@pytest.mark.parametrize("workers", [1, 4])
def test_no_thread_is_left_when_the_iteration_ends_early(workers):
    decoder = Squares(workers)
    iterator = batches(Frame.of({"f": files(list(range(1000)), decoder)}), 10, CPU)
    next(iterator)
    assert decoders()
    iterator.close()
    assert not decoders()
    assert sum(decoder.seen.values()) <= 30  # looking ahead is bounded


@pytest.mark.parametrize("workers", [1, 4])
def test_a_file_that_cannot_be_decoded_ends_the_iteration_with_its_name_and_column(workers):
    frame = Frame.of({"photo": files([1, 2, 3, 4, 5, -1, 7], Squares(workers))})
    iterator = batches(frame, 2, CPU)
    assert len(next(iterator)) == len(next(iterator)) == 2
    with pytest.raises(InputDataError, match="Column 'photo': '-1' cannot be read"):
        next(iterator)
    assert not decoders()


@pytest.mark.parametrize("workers", [1, 3])
def test_cells_are_dense_or_ragged_by_the_decoder(workers):
    dense = files([3, None, 5], Squares(workers)).decoded()
    assert isinstance(dense, Dense)
    assert dense.values[:, 1, 1].tolist() == [3, 0, 5]
    ragged = files([2, None, 1], Count(workers)).decoded()
    assert isinstance(ragged, Ragged)
    assert (ragged.values.tolist(), ragged.lengths.tolist()) == ([0, 1, 0], [2, 0, 1])


def test_columns_without_rows_keep_shape_and_dtype():
    frame = Frame.of({"f": files([], Squares()), "s": files([], Count())}).load(CPU)
    assert (len(frame), frame.column("f").shape, frame.column("f").dtype) == (0, (0, 2, 2), torch.int32)
    assert (len(frame.others["s"]), frame.column("s").values.shape[0]) == (0, 0)


def test_cells_of_different_shapes_are_refused():
    class Uneven(Squares):
        def __call__(self, source: int | None) -> torch.Tensor:
            return torch.zeros(1, source or 1)

    with pytest.raises(ValueError, match=r"shape \[1, 1\] after one of torch.float32 and \[1, 2\]"):
        files([2, 1], Uneven()).decoded()
