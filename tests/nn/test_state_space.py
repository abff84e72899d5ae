"""The scans against a loop over single steps.

B = rows of the batch, T = steps, D = size inside a layer, N = numbers of state for each, K = heads, P = size of a head
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ludwig.nn.state_space import DualStateSpace, SelectiveStateSpace, dual_scan, recurrence, selective_scan

LENGTHS = [1, 3, 16, 17, 64, 130]
B, D, N, K, P = 2, 5, 4, 3, 2


def naive(values: Tensor, step: Tensor, rate: Tensor, into: Tensor, out: Tensor) -> Tensor:
    """The definition (Gu & Dao 2023, eq. 2), a step at a time."""
    state = values.new_zeros(len(values), *rate.shape)  # [B, D, N]
    shown = []
    for at in range(values.shape[1]):
        decay = (step[:, at, :, None] * rate).exp()
        state = decay * state + (step[:, at] * values[:, at])[..., None] * into[:, at, None, :]
        shown.append((state * out[:, at, None, :]).sum(-1))
    return torch.stack(shown, dim=1)


def drawn(steps: int, *size: int, seed: int = 0) -> list[Tensor]:
    """Values and step sizes of this size, rates, and what goes in and out; a third of the steps change nothing."""
    draw = torch.Generator().manual_seed(seed)
    values, step = (torch.randn(B, steps, *size, generator=draw, dtype=torch.float64) for _ in range(2))
    step = step.clamp_min(0.0)
    rate = -20 * torch.rand(size[0], N, generator=draw, dtype=torch.float64)
    into, out = (torch.randn(B, steps, N, generator=draw, dtype=torch.float64) for _ in range(2))
    return [values, step, rate, into, out]


@pytest.mark.parametrize("steps", LENGTHS)
def test_a_selective_scan_and_its_gradients_are_those_of_the_loop(steps):
    given = [each.requires_grad_() for each in drawn(steps, D)]
    found, expected = selective_scan(*given), naive(*given)
    torch.testing.assert_close(found, expected)
    weights = torch.randn(found.shape, dtype=torch.float64)
    ours, theirs = (torch.autograd.grad((each * weights).sum(), given) for each in (found, expected))
    torch.testing.assert_close(ours, theirs)
    with torch.no_grad():
        torch.testing.assert_close(selective_scan(*given), expected)


@pytest.mark.parametrize("steps", LENGTHS)
def test_a_dual_scan_is_the_loop_of_each_head(steps):
    values, _, _, into, out = drawn(steps, K, P)
    _, step, rate, _, _ = drawn(steps, K, seed=1)
    rate = rate[:, 0]  # [K]
    found = dual_scan(values, step, rate, into, out)
    for head in range(K):
        expected = naive(
            values[:, :, head], step[:, :, head : head + 1].expand(-1, -1, P), rate[head].expand(P, N), into, out
        )
        torch.testing.assert_close(found[:, :, head], expected)


@pytest.mark.parametrize("size", [1e-4, 1.0, 1e4])
def test_scans_stay_finite_however_large_the_steps_are(size):
    values, step, rate, into, out = (each.float() for each in drawn(200, K))
    step = (size * step).requires_grad_()
    for given in (
        selective_scan(values, step, rate, into, out),
        dual_scan(values.unsqueeze(-1), step, rate[:, 0], into, out),
    ):
        (gradient,) = torch.autograd.grad(given.sum(), step)
        assert given.isfinite().all() and gradient.isfinite().all()


def test_the_gradient_of_the_recurrence_is_that_of_its_differences():
    decay = torch.rand(2, 8, 3, dtype=torch.float64, requires_grad=True)
    added = torch.randn(2, 8, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(recurrence, (decay, added))


LAYERS = [lambda: SelectiveStateSpace(8, state=4), lambda: DualStateSpace(8, 2, state=4)]


@pytest.mark.parametrize("make", LAYERS)
def test_a_layer_reads_no_later_step(make):
    torch.manual_seed(0)
    layer, values = make(), torch.randn(1, 40, 8)
    changed = values.clone()
    changed[:, 20:] += 1
    mask = torch.ones(1, 40, dtype=torch.bool)
    one, two = layer(values, mask), layer(changed, mask)
    torch.testing.assert_close(one[:, :20], two[:, :20])
    assert not torch.allclose(one[:, 39], two[:, 39])


@pytest.mark.parametrize("make", LAYERS)
def test_a_layer_remembers_the_first_step_past_many_chunks(make):
    torch.manual_seed(0)
    layer, values = make(), torch.randn(1, 150, 8, requires_grad=True)
    layer(values, torch.ones(1, 150, dtype=torch.bool))[:, -1].sum().backward()
    assert values.grad[:, 0].abs().sum() > 0
