"""What holds for every encoder."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import pytest
import torch

from ludwig.columns.ragged import Padded
from ludwig.encoders import ENCODERS, Encoder
from ludwig.error import MissingPackageError
from tests.contracts.samples import batch_of, column_for_encoder, encoder_of, tried

EVERY = [(kind, name) for kind, name, _ in tried(ENCODERS)]
COLUMNS = 2  # of a group


def build(kind: str, name: str, seed: int = 0) -> Encoder:
    """The encoder, on a column that is read as it requires."""
    torch.manual_seed(seed)
    try:
        return encoder_of(kind, name, COLUMNS)
    except MissingPackageError as error:
        pytest.skip(str(error))


def column(kind: str, encoder: Encoder, rows: int) -> Any:
    options = encoder.config.requires()
    if encoder.config.grouped:
        return batch_of(kind, rows, **options).columns(("f",)).repeat(1, COLUMNS)
    return column_for_encoder(kind, rows, **options)


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_it_gives_the_shape_and_the_form_that_it_promises(kind, name):
    encoder = build(kind, name).eval()
    for rows in (1, 3):
        batch = column(kind, encoder, rows)
        signal, shape = encoder(batch), encoder.shape
        assert signal.form == shape.form == encoder.config.form()
        if signal.form == "sequence":
            assert torch.equal(signal.mask.sum(1), batch.mask.sum(1).clamp_max(shape.count))
            assert signal.values.shape == (*signal.mask.shape, shape.size)
        else:
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
def test_seeds_saved_weights_pickles_and_copies_give_the_same_numbers(kind, name):
    one, two, other = (build(kind, name, seed).eval() for seed in (0, 0, 1))
    other.load_state_dict(one.state_dict())
    batch = column(kind, one, 3)
    expected = one(batch).values
    for again in (two, other, pickle.loads(pickle.dumps(one)), copy.deepcopy(one)):
        assert torch.equal(again(batch).values, expected)


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_rows_do_not_see_each_other(kind, name):
    encoder = build(kind, name).eval()
    together, alone = encoder(column(kind, encoder, 3)).values, encoder(column(kind, encoder, 1)).values
    steps = [slice(0, size) for size in alone.shape[1:]]  # a sequence is padded to the longest one of its batch
    torch.testing.assert_close(together[:1, *steps], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("kind", "name"), EVERY)
def test_padding_never_changes_the_result(kind, name):
    encoder = build(kind, name).eval()
    batch = column(kind, encoder, 3)
    if not isinstance(batch, Padded):
        pytest.skip("its columns are not ragged")
    more = torch.nn.functional.pad
    sizes = (0, 0) * (batch.values.dim() - 2)  # of a step's vector, which stay
    longer = Padded(more(batch.values, (*sizes, 0, 8), value=1), more(batch.mask, (0, 8)))
    expected, padded = encoder(batch), encoder(longer).values
    if expected.form == "sequence":
        there = expected.mask.unsqueeze(-1)
        expected = dataclasses.replace(expected, values=expected.values.where(there, 0.0))
        padded = padded[:, : there.shape[1]].where(there, 0.0)
    torch.testing.assert_close(padded, expected.values, rtol=1e-4, atol=1e-5)
