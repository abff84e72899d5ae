import pytest
import torch
from torch import nn

from ludwig.nn.activation import GATED
from ludwig.nn.mlp import BatchEnsembleStack, FullyConnectedStack, LayerSpec


def test_a_stack_is_what_torch_would_be_by_hand():
    stack = FullyConnectedStack(4, [LayerSpec(8), LayerSpec(3, activation=None)])
    assert [type(module) for module in stack.layers] == [nn.Linear, nn.ReLU, nn.Linear]
    values = torch.randn(5, 4)
    first, last = stack.layers[0], stack.layers[2]
    expected = torch.relu(values @ first.weight.T + first.bias) @ last.weight.T + last.bias
    torch.testing.assert_close(stack(values), expected)
    assert (stack.input_size, stack.output_size) == (4, 3)


def test_a_layer_normalises_then_bends_then_drops():
    layer = LayerSpec(8, norm="batch", norm_params={"momentum": 0.3}, activation="tanh", dropout=0.5)
    modules = list(FullyConnectedStack(4, [layer]).layers)
    assert [type(module).__name__ for module in modules] == ["Linear", "BatchNorm", "Tanh", "Dropout"]
    assert modules[1].momentum == 0.3 and modules[3].rate == 0.5


def test_a_layer_starts_by_its_initializers():
    layer = LayerSpec(4, weights_initializer="identity", bias_initializer={"type": "constant", "val": 2.0})
    (linear, _) = FullyConnectedStack(4, [layer]).layers
    assert torch.equal(linear.weight, torch.eye(4)) and linear.bias.eq(2).all()
    assert FullyConnectedStack(4, [LayerSpec(use_bias=False)]).layers[0].bias is None


def test_without_layers_nothing_changes():
    stack, values = FullyConnectedStack(4, []), torch.randn(2, 4)
    assert stack.output_size == 4 and torch.equal(stack(values), values)


@pytest.mark.parametrize("members", [None, 3])
@pytest.mark.parametrize("name", sorted(GATED))
@pytest.mark.parametrize("residual", [True, False])
def test_a_gated_layer_has_its_output_size(members, name, residual):
    layers = [LayerSpec(6, activation=name, norm="layer")] * 2
    stack = FullyConnectedStack(4, layers, members=members, residual=residual)
    values = torch.randn(2, 4) if members is None else torch.randn(2, members, 4)
    assert stack(values).shape == (*values.shape[:-1], 6)


def test_residual_adds_where_sizes_agree():
    stack = FullyConnectedStack(4, [LayerSpec(6), LayerSpec(6), LayerSpec(5)], residual=True)
    first, second, third = stack.layers
    values = torch.randn(3, 4)
    hidden = first(values)
    torch.testing.assert_close(stack(values), third(hidden + second(hidden)))


def test_members_do_not_see_each_other():
    torch.manual_seed(0)
    stack = FullyConnectedStack(4, [LayerSpec(6), LayerSpec(2)], members=3)
    values = torch.randn(5, 3, 4)
    changed = values.clone()
    changed[:, 1] += 1
    same = (stack(values) == stack(changed)).all(-1).all(0)
    assert same.tolist() == [True, False, True]


@pytest.mark.parametrize("members", [None, 3])
@pytest.mark.parametrize("norm", [None, "batch", "layer", "ghost"])
@pytest.mark.parametrize("rows", [1, 4])
def test_every_parameter_gets_a_finite_gradient(members, norm, rows):
    stack = FullyConnectedStack(4, [LayerSpec(8, norm=norm, activation="gelu")] * 2, members=members, residual=True)
    stack(torch.randn((rows, 4) if members is None else (rows, members, 4))).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in stack.parameters())


def test_sequences_go_through_step_by_step():
    stack, values = FullyConnectedStack(4, [LayerSpec(3)]), torch.randn(2, 5, 4)
    torch.testing.assert_close(stack(values)[:, 2], stack(values[:, 2]))


def test_a_batch_ensemble_gives_one_vector_a_member():
    stack = BatchEnsembleStack(4, [LayerSpec(6, activation="swiglu"), LayerSpec(5, dropout=0.1)], members=3)
    result = stack(torch.randn(2, 4))
    assert result.shape == (2, 3, 5) and (stack.input_size, stack.output_size) == (4, 5)
    assert not torch.equal(result[:, 0], result[:, 1])
    result.sum().backward()
    assert all(p.grad is not None for p in stack.parameters())


def test_a_batch_ensemble_starts_by_its_initializers():
    stack = BatchEnsembleStack(4, [LayerSpec(4, weights_initializer="identity")], members=3)
    assert torch.equal(stack.layers[0].weight, torch.eye(4)) and stack.layers[0].bias.eq(0).all()
