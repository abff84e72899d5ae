"""What holds for every loss, of every kind of output that it is for."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

from ludwig.losses.base import LOSSES, Loss
from tests.contracts.samples import CLASSES, ROWS, prediction_of

CONTRACTS = (LOSSES,)

EVERY = sorted((kind, name) for kind, name, _ in LOSSES)
OF_THE_BATCH = {"nt_xent": "its rows are each other's negatives"}


def build(kind: str, name: str) -> Loss:
    return LOSSES.get(name, kind).Config().build(() if kind in ("number", "timeseries", "vector") else CLASSES)


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_it_gives_one_finite_number_a_row_and_a_gradient(kind, name):
    prediction, target = prediction_of(kind)
    logits = prediction.logits.requires_grad_()
    rows = build(kind, name).rows(logits, target, prediction.hidden)
    assert rows.shape == (ROWS,)
    assert rows.isfinite().all()
    rows.sum().backward()
    assert logits.grad.isfinite().all()
    assert logits.grad.abs().sum() > 0


@pytest.mark.parametrize(("kind", "name"), [each for each in EVERY if each[1] not in OF_THE_BATCH])
def test_the_loss_of_a_batch_is_that_of_its_parts(kind, name):
    loss, (prediction, target) = build(kind, name), prediction_of(kind)
    sums = torch.zeros(2)
    for part in torch.arange(ROWS).split(4):
        rows = loss.rows(prediction.logits[part], target[part], prediction.hidden[part])
        weights = loss.row_weights(target[part])
        weights = torch.ones(len(part)) if weights is None else weights
        sums += torch.stack([(rows * weights).sum(), weights.sum()])
    whole = loss(prediction.logits, target, prediction.hidden)
    torch.testing.assert_close(loss.finish(sums[0] / sums[1]), whole)


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_pickled_and_copied_it_is_the_same(kind, name):
    loss, (prediction, target) = build(kind, name), prediction_of(kind)
    expected = loss(prediction.logits, target, prediction.hidden)
    for again in (pickle.loads(pickle.dumps(loss)), copy.deepcopy(loss)):
        assert torch.equal(again(prediction.logits, target, prediction.hidden), expected)
