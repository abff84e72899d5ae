import pytest
import torch
from torch import nn

from ludwig.nn.ensemble import BatchEnsembleLinear, MemberLinear, linear, start_linear


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", [1, 5])
def test_every_member_is_a_linear_map_of_its_own(bias, rows):
    module, values = MemberLinear(3, 4, 2, bias=bias), torch.randn(rows, 3, 4)
    result = module(values)
    assert result.shape == (rows, 3, 2)
    for k in range(3):
        own = module.bias[k] if bias else 0
        torch.testing.assert_close(result[:, k], values[:, k] @ module.weight[k] + own)


@pytest.mark.parametrize("bias", [True, False])
def test_batch_ensemble_members_share_a_weight_between_their_own_vectors(bias):
    module, values = BatchEnsembleLinear(3, 4, 2, bias=bias, first=True), torch.randn(5, 3, 4)
    nn.init.normal_(module.r)
    nn.init.normal_(module.s)
    result = module(values)
    for k in range(3):
        weight = module.weight * torch.outer(module.s[k], module.r[k])  # W_k = W * (s_k r_k^T), BatchEnsemble eq. 1
        own = module.bias[k] if bias else None
        torch.testing.assert_close(result[:, k], nn.functional.linear(values[:, k], weight, own))


def test_a_batch_without_members_goes_to_all_of_them():
    module, values = BatchEnsembleLinear(3, 4, 2, first=True), torch.randn(5, 4)
    torch.testing.assert_close(module(values), module(values.unsqueeze(1).expand(5, 3, 4)))


def test_only_the_first_layer_starts_with_random_signs():
    first, later = BatchEnsembleLinear(8, 64, 2, first=True), BatchEnsembleLinear(8, 64, 2)
    assert first.r.abs().eq(1).all() and 0.3 < first.r.eq(1).float().mean() < 0.7
    assert later.r.eq(1).all() and first.s.eq(1).all() and later.s.eq(1).all()


@pytest.mark.parametrize("module", [MemberLinear(3, 4, 2), BatchEnsembleLinear(3, 4, 2, first=True)])
def test_every_parameter_gets_a_finite_gradient(module):
    module(torch.randn(1, 3, 4)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())


def test_linear_is_torchs_own_without_members():
    assert type(linear(4, 2, members=None, bias=False)) is nn.Linear
    assert isinstance(linear(4, 2, members=3, bias=True), MemberLinear)


@pytest.mark.parametrize("module", [nn.Linear(100, 50), MemberLinear(3, 100, 50), BatchEnsembleLinear(3, 100, 50)])
def test_a_start_goes_by_the_fan_of_one_matrix(module):
    start_linear(module, "xavier_uniform", {"type": "constant", "val": 0.5})
    bound = (6 / 150) ** 0.5
    assert 0.95 * bound < module.weight.abs().max() <= bound
    assert module.bias.eq(0.5).all()


def test_members_start_apart():
    module = MemberLinear(2, 4, 4)
    start_linear(module, "orthogonal", "zeros")
    assert not torch.equal(module.weight[0], module.weight[1])
    torch.testing.assert_close(module.weight[1] @ module.weight[1].T, torch.eye(4))
