import copy

import pytest
import torch
from torch import nn

from ludwig.training.optim.muon import MuonWithAdamW


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))


def step(network: nn.Module, optimizer: torch.optim.Optimizer) -> float:
    inputs = torch.linspace(-1, 1, 40).view(10, 4)
    loss = (network(inputs) - inputs.sum(1, keepdim=True)).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def test_matrices_move_as_with_torchs_muon_and_vectors_as_with_adamw(network):
    twin = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    twin.load_state_dict(network.state_dict())
    step(network, MuonWithAdamW(list(network.parameters()), 0.01, 0.95, True))
    matrices = [p for p in twin.parameters() if p.dim() == 2]
    vectors = [p for p in twin.parameters() if p.dim() == 1]
    step(twin, torch.optim.Muon(matrices, lr=0.01, momentum=0.95, weight_decay=0.0))
    for ours, theirs in zip(network.parameters(), twin.parameters(), strict=True):
        if ours.dim() == 2:
            torch.testing.assert_close(ours, theirs)
    torch.optim.AdamW(vectors, lr=0.01, weight_decay=0.0).step()
    for ours, theirs in zip(network.parameters(), twin.parameters(), strict=True):
        if ours.dim() == 1:
            torch.testing.assert_close(ours, theirs)


def test_it_trains(network):
    optimizer = MuonWithAdamW(list(network.parameters()), 0.02, 0.95, True)
    losses = [step(network, optimizer) for _ in range(200)]
    assert losses[-1] < losses[0] / 10


def test_a_restored_state_goes_on_as_if_nothing_had_happened(network):
    twin = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    optimizer = MuonWithAdamW(list(network.parameters()), 0.02, 0.95, True)
    for _ in range(3):
        step(network, optimizer)
    twin.load_state_dict(network.state_dict())
    other = MuonWithAdamW(list(twin.parameters()), 0.02, 0.95, True)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    step(network, optimizer)
    step(twin, other)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), twin.parameters(), strict=True))


@pytest.mark.parametrize("shape", [(3,), (3, 3)])
def test_weights_of_one_kind_only_are_welcome(shape):
    weight = nn.Parameter(torch.ones(shape))
    optimizer = MuonWithAdamW([weight], 0.1, 0.95, True)
    weight.square().sum().backward()
    optimizer.step()
    assert not torch.equal(weight, torch.ones(shape))
