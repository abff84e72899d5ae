"""What holds for every decoder, of every form of signal that it takes, with a target (teacher forcing) or without."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor

from ludwig.decoders import DECODERS
from ludwig.decoders.base import Decoder
from ludwig.decoders.extractors import EXTRACTORS
from ludwig.features import FEATURES
from ludwig.nn.prediction import Prediction
from ludwig.nn.signal import Form, Signal
from tests.contracts.samples import (
    FORMS,
    LONGEST,
    PADDED_TO,
    SHAPES,
    batch_of,
    named,
    signal_of,
    token_ids,
    tried,
    variants,
)

CONTRACTS = (DECODERS, EXTRACTORS)

TOKENS = ("sequence", "text")
# How many numbers are predicted for a row or a step.
SIZES = {"number": 1, "binary": 1, "anomaly": 1, **dict.fromkeys(TOKENS, 9)}
BESIDES = dict.fromkeys(TOKENS, (LONGEST + 2, 0))  # what these decoders know of the target: its longest, its end
OTHERS = 3
EVERY = [
    pytest.param(kind, name, options, form, id=f"{kind}-{name}-{named(options)}-{form}")
    for kind, name, cls in tried(DECODERS)
    for options in variants(cls.Config, num_fc_layers=1, fc_output_size=7, output_size=OTHERS)
    for form in FORMS
    if form in cls.Config.takes
]
every = pytest.mark.parametrize(("kind", "name", "options", "form"), EVERY)
IN_SEQUENCES = [each for each in EVERY if each.values[3] == "sequence"]


def build(kind: str, name: str, options: dict[str, Any], form: Form, seed: int = 0) -> Decoder:
    torch.manual_seed(seed)
    config, size = DECODERS.get(name, kind).Config(**options), SIZES.get(kind, OTHERS)
    decoder: Decoder = config.build(SHAPES[form], size, *BESIDES.get(kind, ())).eval()
    return decoder


def answer(decoder: Decoder, signal: Signal, kind: str, *, has_target: bool = False) -> Prediction:
    """What it gives; to one that reads the target in evaluation too, always with it."""
    rows = len(signal.values)
    prediction: Prediction = decoder(signal, target_of(kind, rows) if has_target or reads(decoder) else None)
    return prediction


def reads(decoder: Decoder) -> bool:
    return type(decoder).Config.reads_target


def target_of(kind: str, rows: int) -> Tensor | None:
    """The column that an output of the kind predicts; None where there is no such feature type yet."""
    if kind not in FEATURES.names():
        return None
    column = batch_of(kind, rows, target=True).column("f")
    return column if isinstance(column, Tensor) else token_ids(column)


def seen(prediction: Prediction) -> Tensor:
    """The logits; of a sequence those of the steps that are there."""
    logits = prediction.known_logits
    return logits if prediction.mask is None else logits[prediction.mask]


@every
def test_it_gives_logits_and_the_hidden_shape_that_it_promises(kind, name, options, form):
    decoder = build(kind, name, options, form)
    hidden = decoder.hidden_shape
    counts = {"vector": (), "sequence": (PADDED_TO,)}.get(hidden.form, (hidden.count,))
    for rows in (1, 3):
        prediction = answer(decoder, signal_of(SHAPES[form], rows), kind)
        assert prediction.hidden.shape == (rows, *counts, hidden.size)
        assert prediction.known_logits.shape[0] == rows
        assert prediction.known_logits.shape[1 if kind == "image" else -1] == SIZES.get(kind, OTHERS)
        assert seen(prediction).isfinite().all()


@every
def test_the_target_changes_no_shape(kind, name, options, form):
    if DECODERS.get(name, kind).Config.reads_target:
        pytest.skip("its logits are those of the target's steps")
    decoder = build(kind, name, options, form).train()
    for rows in (1, 3):
        signal = signal_of(SHAPES[form], rows)
        with_target = decoder(signal, target_of(kind, rows))
        assert with_target.known_logits.shape == decoder(signal).known_logits.shape


@every
@pytest.mark.parametrize("has_target", [False, True], ids=["", "target"])
def test_every_weight_gets_a_gradient_and_so_does_the_signal(kind, name, options, form, has_target):
    decoder, signal = build(kind, name, options, form).train(), signal_of(SHAPES[form], 3)
    signal.values.requires_grad_()
    seen(answer(decoder, signal, kind, has_target=has_target)).square().sum().backward()
    assert [n for n, weight in decoder.named_parameters() if weight.grad is None] == []
    assert signal.values.grad.abs().sum() > 0


@every
def test_seeds_saved_weights_pickles_and_copies_give_the_same_numbers(kind, name, options, form):
    one, two, other = (build(kind, name, options, form, seed) for seed in (0, 0, 5))
    other.load_state_dict(one.state_dict())
    signal = signal_of(SHAPES[form], 3)
    for again in (two, other, pickle.loads(pickle.dumps(one)), copy.deepcopy(one)):
        assert torch.equal(answer(again, signal, kind).known_logits, answer(one, signal, kind).known_logits)


@every
def test_rows_do_not_see_each_other(kind, name, options, form):
    decoder = build(kind, name, options, form)
    alone, together = (answer(decoder, signal_of(SHAPES[form], rows), kind) for rows in (1, 3))
    torch.testing.assert_close(seen(together)[: len(seen(alone))], seen(alone))


@pytest.mark.parametrize(("kind", "name", "options", "form"), IN_SEQUENCES)
def test_padding_never_changes_the_result(kind, name, options, form):
    decoder = build(kind, name, options, form)
    signals = (signal_of(SHAPES[form], 3, steps=steps) for steps in (PADDED_TO, 2 * PADDED_TO))
    short, long = (answer(decoder, signal, kind) for signal in signals)
    torch.testing.assert_close(seen(long), seen(short))


@pytest.mark.parametrize("kind", sorted({kind for kind, _, _ in EXTRACTORS if kind != "text"}))
def test_an_extractor_finds_each_label_in_a_generated_text_and_falls_back(kind):
    labels = ("red", "green", "blue")
    for name in EXTRACTORS.names(kind):
        extractor = EXTRACTORS.get(name, kind).Config().build(labels, "green")
        texts = ["I say Red.", "nothing of these", "blue"]
        assert [labels[extractor.label(text)] for text in texts] == ["red", "green", "blue"]
