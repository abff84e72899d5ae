"""Batches, their order, and the share of each process."""

from __future__ import annotations

import pytest
import torch

from ludwig.columns.dense import Dense
from ludwig.columns.frame import Frame
from ludwig.columns.ragged import Ragged
from ludwig.data import loader
from ludwig.data.loader import batches, bucketed, of_worker, shuffled

CPU = torch.device("cpu")


def frame(rows: int) -> Frame:
    return Frame.of({"x": Dense(torch.arange(rows))})


@pytest.mark.parametrize("chunk", [16_384, 10])
def test_batches_are_the_rows_in_their_order(chunk, monkeypatch):
    monkeypatch.setattr(loader, "CHUNK_ROWS", chunk)
    order = shuffled(23, seed=1, epoch=2)
    assert sorted(order.tolist()) == list(range(23))
    found = [batch.column("x").tolist() for batch in batches(frame(23), 4, CPU, order)]
    assert [len(batch) for batch in found] == [4, 4, 4, 4, 4, 3]
    assert [row for batch in found for row in batch] == order.tolist()
    assert [row for batch in batches(frame(23), 4, CPU) for row in batch.column("x").tolist()] == list(range(23))
    assert list(batches(frame(0), 4, CPU)) == []


def test_an_order_follows_from_seed_and_epoch_alone():
    first = shuffled(50, 1, 1)
    torch.manual_seed(99)
    assert torch.equal(shuffled(50, 1, 1), first)
    assert not torch.equal(shuffled(50, 1, 2), first)
    assert not torch.equal(shuffled(50, 2, 1), first)


@pytest.mark.parametrize("rows", [24, 25, 29, 31, 5, 1])
def test_processes_share_each_global_batch(rows):
    order = shuffled(rows, 0, 1)
    shares = [list(of_worker(order, 4, rank, 3).split(4)) for rank in range(3)]
    whole = list(order.split(12))
    for place, batch in enumerate(whole):
        parts = [share[place] for share in shares if place < len(share)]
        assert sorted(torch.cat(parts).tolist()) == sorted(batch.tolist())
    assert {len(share[0]) for share in shares if rows >= 12} <= {4}


def test_rows_of_like_length_come_into_one_batch():
    torch.manual_seed(0)
    lengths = torch.randint(1, 200, (1000,))
    order = shuffled(1000, 3, 1)
    found = bucketed(order, lengths, 16, seed=3, epoch=1)
    assert sorted(found.tolist()) == list(range(1000))
    assert not torch.equal(found, bucketed(order, lengths, 16, seed=3, epoch=2))

    def padding(rows: torch.Tensor) -> int:
        return sum(int(lengths[batch].max() * len(batch) - lengths[batch].sum()) for batch in rows.split(16))

    assert padding(found) < padding(order) / 10


def test_a_frame_knows_the_lengths_of_its_sequences():
    ragged = Ragged(torch.arange(6), torch.tensor([0, 1, 1, 6]))
    both = Frame.of({"t": ragged, "x": Dense(torch.arange(3))})
    assert both.lengths("t").tolist() == [1, 0, 5]
    with pytest.raises(LookupError, match="'x' is no column of sequences. Such columns: t"):
        both.lengths("x")
