"""What holds for every combiner."""

from __future__ import annotations

import pytest
import torch

from ludwig.combiners import COMBINERS, Combiner
from ludwig.combiners.base import Source
from ludwig.nn.signal import Shape, Signal

SOURCES = [
    Source(("a", "b", "c"), "number", Shape("tokens", 1, 3)),
    Source(("d", "e"), "category", Shape("tokens", 4, 2)),
    Source(("f",), "vector", Shape("vector", 5)),
]
EVERY = [(name, options) for name in COMBINERS.names() for options in ({}, {"num_fc_layers": 2, "output_size": 6})]


def build(name: str, options: dict, seed: int = 0) -> Combiner:
    torch.manual_seed(seed)
    return COMBINERS.get(name).Config(**options).build(SOURCES).eval()


def signals(rows: int) -> list[Signal]:
    torch.manual_seed(1)
    wide = [
        torch.randn(3, *((s.shape.count, s.shape.size) if s.shape.form == "tokens" else (s.shape.size,)))
        for s in SOURCES
    ]
    return [Signal(source.shape.form, values[:rows]) for source, values in zip(SOURCES, wide, strict=True)]


@pytest.mark.parametrize(("name", "options"), EVERY)
@pytest.mark.parametrize("rows", [1, 3])
def test_it_gives_the_shape_and_the_form_that_it_promises(name, options, rows):
    combiner = build(name, options)
    signal, shape = combiner(signals(rows)), combiner.shape
    assert signal.form == shape.form == COMBINERS.get(name).Config(**options).gives([s.shape.form for s in SOURCES])
    assert signal.values.shape == ((rows, shape.size) if shape.form == "vector" else (rows, shape.count, shape.size))


@pytest.mark.parametrize(("name", "options"), EVERY)
def test_every_weight_gets_a_gradient_and_so_do_the_inputs(name, options):
    combiner, given = build(name, options), signals(3)
    for signal in given:
        signal.values.requires_grad_()
    combiner(given).values.square().sum().backward()
    assert [n for n, weight in combiner.named_parameters() if weight.grad is None] == []
    assert all(signal.values.grad.abs().sum() > 0 for signal in given)


@pytest.mark.parametrize(("name", "options"), EVERY)
def test_seeds_and_saved_weights_give_the_same_numbers(name, options):
    one, two, other = build(name, options), build(name, options), build(name, options, seed=5)
    other.load_state_dict(one.state_dict())
    expected = one(signals(3)).values
    assert torch.equal(two(signals(3)).values, expected)
    assert torch.equal(other(signals(3)).values, expected)


@pytest.mark.parametrize(("name", "options"), EVERY)
def test_rows_do_not_see_each_other(name, options):
    combiner = build(name, options)
    torch.testing.assert_close(combiner(signals(3)).values[:1], combiner(signals(1)).values)


@pytest.mark.parametrize("name", COMBINERS.names())
def test_forms_that_it_does_not_take_are_faults(name):
    config = COMBINERS.get(name).Config()
    alien = {"vector", "tokens", "sequence", "members"} - config.takes
    assert all(config.faults([form], ["f"]) for form in alien)
