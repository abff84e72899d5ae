"""What holds for every encoder."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch

from ludwig.columns.ragged import Padded
from ludwig.encoders import ENCODERS, Encoder
from tests.contracts.samples import batch_of, learned

EVERY = sorted((kind, name) for kind, name, _ in ENCODERS)
COLUMNS = 2  # of a group


def build(kind: str, name: str, seed: int = 0) -> Encoder:
    torch.manual_seed(seed)
    config = ENCODERS.get(name, kind).Config()
    _, facts, _ = learned(kind)
    return config.build([facts] * COLUMNS if config.grouped else [facts])


def column(kind: str, encoder: Encoder, rows: int) -> Any:
    batch = batch_of(kind, rows)
    return batch.columns(("f",)).repeat(1, COLUMNS) if encoder.config.grouped else batch.column("f")


@pytest.mark.parametrize(("kind", "name"), EVERY)
@pytest.mark.parametrize("rows", [1, 3])
def test_it_gives_the_shape_and_the_form_that_it_promises(kind, name, rows):
    encoder = build(kind, name).eval()
    signal = encoder(column(kind, encoder, rows))
    shape = encoder.shape
    assert signal.form == shape.form == encoder.config.form()
    expected = {"vector": (rows, shape.size), "tokens": (rows, shape.count, shape.size)}[signal.form]
    assert signal.values.shape == expected
    assert signal.values.isfinite().all()


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_every_weight_that_is_trained_gets_a_gradient(kind, name):
    encoder = build(kind, name)
    weights = {n: w for n, w in encoder.named_parameters() if w.requires_grad}
    if weights:
        encoder(column(kind, encoder, 3)).values.square().sum().backward()
    assert [n for n, w in weights.items() if w.grad is None or not w.grad.isfinite().all()] == []


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_the_same_seed_gives_the_same_numbers(kind, name):
    one, two = build(kind, name).eval(), build(kind, name).eval()
    batch = column(kind, one, 3)
    assert torch.equal(one(batch).values, two(batch).values)


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_saved_weights_give_the_same_numbers(kind, name):
    one, two = build(kind, name).eval(), build(kind, name, seed=1).eval()
    two.load_state_dict(one.state_dict())
    batch = column(kind, one, 3)
    assert torch.equal(one(batch).values, two(batch).values)


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_rows_do_not_see_each_other(kind, name):
    encoder = build(kind, name).eval()
    together, alone = encoder(column(kind, encoder, 3)).values, encoder(column(kind, encoder, 1)).values
    torch.testing.assert_close(together[:1], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_padding_never_changes_the_result(kind, name):
    encoder = build(kind, name).eval()
    batch = column(kind, encoder, 3)
    if not isinstance(batch, Padded):
        pytest.skip("its columns are not ragged")
    more = torch.nn.functional.pad
    of_a_step = (0, 0) * (batch.values.dim() - 2)  # [B, T] or [B, T, E]: only T grows
    longer = Padded(more(batch.values, (*of_a_step, 0, 8), value=1), more(batch.mask, (0, 8)))
    torch.testing.assert_close(encoder(longer).values, encoder(batch).values, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_pickled_and_copied_it_gives_the_same_numbers(kind, name):
    encoder = build(kind, name).eval()
    batch = column(kind, encoder, 3)
    for again in (pickle.loads(pickle.dumps(encoder)), copy.deepcopy(encoder)):
        assert torch.equal(again(batch).values, encoder(batch).values)
