"""What holds for every combiner, of inputs of every combination of forms that it takes."""

from __future__ import annotations

import copy
import itertools
import pickle
from typing import Any, get_args

import pytest
import torch

from ludwig.combiners.base import COMBINERS, Combiner
from ludwig.nn.norm import NormName
from ludwig.nn.signal import Form, Signal
from tests.contracts.samples import (
    FORMS,
    LONGEST,
    PADDED_TO,
    SHAPES,
    features_of,
    named,
    needed_by_combiner,
    signal_of,
    sources_of,
    variants,
)

CONTRACTS = (COMBINERS,)

Forms = tuple[Form, ...]
COMBINATIONS: list[Forms] = [
    *(some for count in range(1, len(FORMS) + 1) for some in itertools.combinations(FORMS, count)),
    *((form, form) for form in FORMS),
]


def config_of(name: str, options: dict[str, Any], forms: Forms) -> Combiner.Config:
    config: Combiner.Config = COMBINERS.get(name).Config(**options, **needed_by_combiner(name, features_of(forms)[1]))
    return config


def fits(name: str, options: dict[str, Any], forms: Forms) -> bool:
    return not config_of(name, options, forms).faults(*features_of(forms))


def tried(name: str) -> list[tuple[dict[str, Any], Forms]]:
    """A small one with every combination of forms; its defaults and each switch turned with the last that fits."""
    every_variant, found = variants(COMBINERS.get(name).Config), []
    small = every_variant[1:2] or every_variant
    for options in every_variant:
        fitting = [forms for forms in COMBINATIONS if fits(name, options, forms)]
        found += [(options, forms) for forms in (fitting if options in small else fitting[-1:])]
    return found


EVERY = [
    pytest.param(name, options, forms, id=f"{name}-{named(options)}-{'+'.join(forms)}")
    for name in COMBINERS.names()
    for options, forms in tried(name)
]
every = pytest.mark.parametrize(("name", "options", "forms"), EVERY)


def build(name: str, options: dict[str, Any], forms: Forms, seed: int = 0) -> Combiner:
    torch.manual_seed(seed)
    return config_of(name, options, forms).build(sources_of(forms)).eval()


def signals(forms: Forms, rows: int = 3, steps: int = PADDED_TO) -> list[Signal]:
    return [signal_of(SHAPES[form], rows, seed=place, steps=steps) for place, form in enumerate(forms)]


def seen(signal: Signal) -> torch.Tensor:
    """The values that count, the steps up to the longest sequence."""
    if signal.mask is None:
        return signal.values
    return signal.values.masked_fill(~signal.mask.unsqueeze(-1), 0.0)[:, :LONGEST]


@pytest.mark.parametrize("name", COMBINERS.names())
def test_every_form_that_it_takes_is_tried(name):
    tried = {form for each in EVERY if each.values[0] == name for form in each.values[2]}
    assert tried == COMBINERS.get(name).Config.takes


@every
def test_it_gives_the_shape_and_the_form_that_it_promises(name, options, forms):
    combiner = build(name, options, forms)
    shape = combiner.shape
    count = {"vector": (), "sequence": (PADDED_TO,)}.get(shape.form, (shape.count,))
    for rows in (1, 3):
        signal = combiner(signals(forms, rows))
        assert signal.form == shape.form == config_of(name, options, forms).gives(features_of(forms)[0])
        assert signal.values.shape == (rows, *count, shape.size)
        assert seen(signal).isfinite().all()
        if shape.form == "sequence":
            assert shape.count == LONGEST
            assert torch.equal(signal.mask, next(s.mask for s in signals(forms, rows) if s.mask is not None))


@every
def test_every_weight_gets_a_gradient_and_so_do_the_inputs(name, options, forms):
    combiner, given = build(name, options, forms), signals(forms)
    for signal in given:
        signal.values.requires_grad_()
    seen(combiner(given)).square().sum().backward()
    assert [n for n, weight in combiner.named_parameters() if weight.grad is None] == []
    assert all(signal.values.grad.abs().sum() > 0 for signal in given)


@every
def test_seeds_saved_weights_pickles_and_copies_give_the_same_numbers(name, options, forms):
    one, two, other = (build(name, options, forms, seed) for seed in (0, 0, 5))
    other.load_state_dict(one.state_dict())
    expected = one(signals(forms)).values
    for again in (two, other, pickle.loads(pickle.dumps(one)), copy.deepcopy(one)):
        assert torch.equal(again(signals(forms)).values, expected)


@every
def test_rows_do_not_see_each_other(name, options, forms):
    combiner = build(name, options, forms)
    torch.testing.assert_close(seen(combiner(signals(forms)))[:1], seen(combiner(signals(forms, 1))))


def norms(name: str, options: dict[str, Any]) -> list[str | None]:
    has_layers = options.get("num_fc_layers", 0) and "norm" in COMBINERS.get(name).Config.__dataclass_fields__
    return [None, *get_args(NormName)] if has_layers else [None]


PADDED = [
    pytest.param(name, {**options, **({"norm": norm} if norm else {})}, forms, id=f"{each.id}-{norm}")
    for each in EVERY
    for name, options, forms in [each.values]
    for norm in norms(name, options)
    if "sequence" in forms
]


@pytest.mark.parametrize("training", [False, True], ids=["prediction", "training"])
@pytest.mark.parametrize(("name", "options", "forms"), PADDED)
def test_padding_never_changes_the_result(name, options, forms, training):
    options = {**options, **{key: 0.0 for key in COMBINERS.get(name).Config.__dataclass_fields__ if key == "dropout"}}
    combiner = build(name, options, forms).train(training)
    short, long = (combiner(signals(forms, steps=steps)) for steps in (PADDED_TO, 2 * PADDED_TO))
    torch.testing.assert_close(seen(long), seen(short))


@pytest.mark.parametrize("name", COMBINERS.names())
def test_forms_that_it_does_not_take_are_faults(name):
    config = COMBINERS.get(name).Config()
    assert all(config.faults([form], ["f"]) for form in {*FORMS} - config.takes)
