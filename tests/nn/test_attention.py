"""Attention against torch's own layer, and positions against their formula."""

import math

import pytest
import torch

from ludwig.nn.attention import Attention, causal
from ludwig.nn.positions import sinusoids

SIZE, HEADS = 8, 2


def pair() -> tuple[Attention, torch.nn.MultiheadAttention]:
    own, reference = Attention(SIZE, HEADS), torch.nn.MultiheadAttention(SIZE, HEADS, batch_first=True)
    with torch.no_grad():
        reference.in_proj_weight.copy_(torch.cat([own.query.weight, own.key_value.weight]))
        reference.in_proj_bias.copy_(torch.cat([own.query.bias, own.key_value.bias]))
        reference.out_proj.weight.copy_(own.out.weight)
        reference.out_proj.bias.copy_(own.out.bias)
    return own.eval(), reference.eval()


def test_it_equals_torch_where_the_memory_has_gaps():
    own, reference = pair()
    asking, memory = torch.randn(3, 4, SIZE), torch.randn(3, 5, SIZE)
    mask = torch.arange(5) < torch.tensor([[5], [2], [1]])
    expected, _ = reference(asking, memory, memory, key_padding_mask=~mask)
    torch.testing.assert_close(own(asking, memory, mask), expected)


def test_it_equals_torch_where_steps_see_only_what_stands_before_them():
    own, reference = pair()
    values = torch.randn(2, 6, SIZE)
    expected, _ = reference(values, values, values, attn_mask=~torch.ones(6, 6).tril().bool())
    found = own.attend(values, *own.keys_and_values(values), causal(6, 0, values.device))
    torch.testing.assert_close(found, expected)


def test_a_row_with_nothing_to_attend_to_gets_the_bias():
    own, _ = pair()
    found = own(torch.randn(1, 2, SIZE), torch.randn(1, 3, SIZE), torch.zeros(1, 3, dtype=torch.bool))
    torch.testing.assert_close(found, own.out.bias.expand(1, 2, SIZE))


def test_later_steps_see_those_that_came_before():
    assert causal(2, 3, torch.device("cpu")).tolist() == [[True] * 4 + [False], [True] * 5]


def test_positions_are_sines_and_cosines():
    found = sinusoids(5, 7)
    assert found.shape == (5, 7)
    assert found[3, 4].item() == pytest.approx(math.sin(3 / 10000 ** (4 / 7)), rel=1e-5)
    assert found[3, 5].item() == pytest.approx(math.cos(3 / 10000 ** (4 / 7)), rel=1e-5)
