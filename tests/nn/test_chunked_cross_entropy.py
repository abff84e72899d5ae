"""Chunked cross entropy against that of torch over whole logits."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy, linear

from ludwig.nn import chunked_cross_entropy as chunked

TOKENS, SIZE, VOCABULARY = 23, 8, 50


def given(*, trains_head: bool, has_bias: bool):
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(TOKENS, SIZE, generator=generator, dtype=torch.float64).requires_grad_()
    weight = torch.randn(VOCABULARY, SIZE, generator=generator, dtype=torch.float64).requires_grad_(trains_head)
    bias = torch.randn(VOCABULARY, generator=generator, dtype=torch.float64).requires_grad_(trains_head)
    ids = torch.randint(VOCABULARY, (TOKENS,), generator=generator)
    upstream = torch.rand(TOKENS, generator=generator, dtype=torch.float64)
    return hidden, ids, weight, bias if has_bias else None, upstream


@pytest.mark.parametrize("rows", [1, 7, 1000])
@pytest.mark.parametrize("trains_head", [True, False])
@pytest.mark.parametrize("has_bias", [True, False])
def test_losses_and_gradients_are_those_of_whole_logits(monkeypatch, rows, trains_head, has_bias):
    monkeypatch.setattr(chunked, "CHUNK", rows * VOCABULARY)
    hidden, ids, weight, bias, upstream = given(trains_head=trains_head, has_bias=has_bias)
    losses, best = chunked.chunked_cross_entropy(hidden, ids, weight, bias)
    logits = linear(hidden, weight, bias)
    expected = cross_entropy(logits, ids, reduction="none")
    torch.testing.assert_close(losses, expected.float(), rtol=1e-5, atol=1e-6)
    assert best.tolist() == logits.argmax(-1).tolist()
    wanted = [each for each in (hidden, weight, bias) if each is not None and each.requires_grad]
    ours = torch.autograd.grad((losses * upstream).sum(), wanted)
    theirs = torch.autograd.grad((expected * upstream).sum(), wanted)
    for own, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-5, atol=1e-6)


def test_it_computes_in_16_bits_under_autocast_as_a_linear_layer_does():
    hidden, ids, weight, _, _ = given(trains_head=False, has_bias=False)
    hidden, weight = hidden.detach().float().requires_grad_(), weight.float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses, _ = chunked.chunked_cross_entropy(hidden, ids, weight, None)
        logits = linear(hidden, weight)
    assert logits.dtype == torch.bfloat16
    torch.testing.assert_close(losses, cross_entropy(logits.float(), ids, reduction="none"))
    (gradient,) = torch.autograd.grad(losses.sum(), hidden)
    (expected,) = torch.autograd.grad(cross_entropy(logits.float(), ids, reduction="sum"), hidden)
    torch.testing.assert_close(gradient, expected, rtol=0.05, atol=0.05)


def test_no_tokens_have_no_losses():
    hidden, _, weight, _, _ = given(trains_head=True, has_bias=False)
    losses, best = chunked.chunked_cross_entropy(hidden[:0], torch.empty(0, dtype=torch.long), weight, None)
    assert losses.shape == best.shape == (0,)
    losses.sum().backward()
    assert hidden.grad is not None and float(hidden.grad.abs().sum()) == 0
