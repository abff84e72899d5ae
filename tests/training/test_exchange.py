"""When the gradients of several processes are added up: during a backward pass, or after it."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
import torch
from torch import nn

from ludwig.columns.frame import Frame
from ludwig.error import TrainingError
from ludwig.runtime.engine import Engine
from ludwig.training.exchange import GradientExchange
from ludwig.training.windows import AccumulationWindow


class Summing(nn.Module):
    """Notes whether gradients are summed in the passes that run through it, as DDP does outside of `no_sync`."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module, self.sums, self.seen = module, True, []

    def forward(self, *inputs):
        self.seen.append(self.sums)
        return self.module(*inputs)

    @contextmanager
    def no_sync(self):
        self.sums = False
        yield
        self.sums = True


class SeveralProcesses(Engine):
    def summing(self, module):
        return Summing(module)


def exchange(*, searches: bool = False) -> GradientExchange:
    model = nn.Linear(1, 1)
    engine = SeveralProcesses(torch.device("cpu"))
    return GradientExchange(model, lambda part, window: (None, model.weight.sum()), engine, searches=searches)


def window(rows: int, batches: int = 1) -> AccumulationWindow:
    """A window whose batches have `rows` each, over all processes."""
    return AccumulationWindow([Frame.of({}) for _ in range(batches)], rows * batches)


def within(one: GradientExchange, at: AccumulationWindow) -> list[bool]:
    found = [one.is_within(at, place) for place in range(len(at.batches))]
    assert one.finish(at) is found[-1]
    return found


def test_gradients_are_summed_in_the_last_pass_once_a_batch_of_that_size_has_fitted():
    one = exchange()
    assert within(one, window(8)) == [False]  # memory may not suffice
    assert within(one, window(8)) == [True]
    assert within(one, window(4, batches=3)) == [False, False, True]
    assert within(one, window(16)) == [False]
    assert within(one, window(16)) == [True]


def test_a_line_search_sums_after_its_passes():
    one = exchange(searches=True)
    assert within(one, window(8)) == [False]
    assert within(one, window(8)) == [False]


def test_only_the_pass_that_sums_runs_outside_of_no_sync():
    one = exchange()
    for sums in (False, True):
        one.backward(one.loss(Frame.of({}), window(8), [], sums=sums), sums=sums)
    assert one.ddp.seen == [False, True]


@pytest.mark.parametrize(("sums", "error"), [(False, torch.OutOfMemoryError), (True, TrainingError)])
def test_memory_that_does_not_suffice_ends_the_run_only_where_others_wait(sums, error, monkeypatch):
    one = exchange()

    def fails(loss):
        raise torch.OutOfMemoryError("full")

    monkeypatch.setattr(one.engine, "backward", fails)
    with pytest.raises(error, match="full" if not sums else "trainer.batch_size"):
        one.backward(torch.zeros(()), sums=sums)
