"""Dropout draws from its own generator and keeps the mean."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from ludwig.nn.dropout import Dropout, draw_from, rewinding


def drawing(rate: float, seed: int = 0) -> Dropout:
    module = Dropout(rate)
    draw_from(module, torch.Generator().manual_seed(seed))
    return module


@pytest.mark.parametrize("rate", [0.0, 0.001, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_share_of_zeros_is_the_rate(rate: float, dtype: torch.dtype):
    count = 400_001
    dropped = drawing(rate)(torch.ones(count, dtype=dtype))
    share = (dropped == 0).double().mean().item()
    assert abs(share - rate) <= 5 * (rate * (1 - rate) / count) ** 0.5 + 2**-17  # five standard deviations
    if rate < 1:
        assert dropped.amax().item() == pytest.approx(1 / (1 - rate), rel=0.01)


def test_draws_repeat_by_seed_and_leave_the_global_generator_alone():
    before, ones = torch.get_rng_state(), torch.ones(100, 7)
    assert torch.equal(drawing(0.5)(ones), drawing(0.5)(ones))
    assert not torch.equal(drawing(0.5)(ones), drawing(0.5, seed=1)(ones))
    assert torch.equal(torch.get_rng_state(), before)


def test_evaluation_is_the_identity():
    values = torch.randn(5, 3)
    assert drawing(0.5).eval()(values) is values


def test_the_gradient_has_the_mask_of_the_forward_pass():
    values = torch.ones(50, 3, requires_grad=True)
    dropped = drawing(0.5)(values)
    dropped.sum().backward()
    assert torch.equal(values.grad, dropped.detach())


def test_checkpointing_draws_the_same_masks_again():
    generator = torch.Generator()
    model = nn.Sequential(nn.Linear(8, 8), Dropout(0.5), nn.Linear(8, 8), Dropout(0.3))
    draw_from(model, generator)
    values, gradients = torch.randn(20, 8), []
    for run in (model, lambda x: checkpoint(model, x, use_reentrant=False, context_fn=lambda: rewinding(generator))):
        generator.manual_seed(3)
        model.zero_grad()
        run(values).square().sum().backward()
        gradients.append([weight.grad.clone() for weight in model.parameters()])
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))])
def test_copies_draw_what_the_original_draws(copied):
    module, ones = drawing(0.5), torch.ones(99)
    assert torch.equal(copied(module)(ones), module(ones)) and not module.state_dict()


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # torch's compiler reads it
def test_a_compiled_network_draws_the_same():
    model, values = nn.Sequential(nn.Linear(4, 4), Dropout(0.5)), torch.randn(20, 4)
    results = []
    for run in (model, torch.compile(model, backend="eager")):
        draw_from(model, torch.Generator().manual_seed(3))
        results.append(torch.stack([run(values) for _ in range(3)]))
    torch.testing.assert_close(*results)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("rate", [0.05, 0.1, 0.3])
def test_the_mean_is_kept_in_half_precision(rate: float, dtype: torch.dtype):
    values = 1 + torch.rand(20_000, generator=torch.Generator().manual_seed(0))
    ours = drawing(rate)(values.to(dtype)).double()
    stays = ours != 0
    assert (ours[stays].sum() / values.to(dtype)[stays].double().sum()).item() == pytest.approx(
        1 / (1 - rate), rel=3e-4
    )


def test_a_shared_mask_is_the_same_for_all_rows():
    module = drawing(0.5)
    module.shares_mask = True
    dropped = module(torch.ones(4, 50, 2))
    assert torch.equal(dropped, dropped[:1].expand(4, 50, 2))
    assert {*dropped.unique().tolist()} == {0.0, 2.0}
