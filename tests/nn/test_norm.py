import pytest
import torch
from torch import nn

from ludwig.error import ConfigValidationError
from ludwig.nn.norm import BatchNorm, GhostBatchNorm, image_norm, norm, normalised

NAMES = ["batch", "layer", "ghost"]


def plainly(values: torch.Tensor, eps: float = 1e-5) -> torch.Tensor:
    """The definition of batch normalisation over all dimensions but the last."""
    flat = values.reshape(-1, values.shape[-1])
    return (values - flat.mean(0)) / (flat.var(0, unbiased=False) + eps).sqrt()


@pytest.mark.parametrize("shape", [(6, 3), (2, 5, 3), (4, 2, 3)])
def test_batch_norm_normalises_over_all_leading_dimensions(shape):
    values = torch.randn(shape) * 3 + 1
    torch.testing.assert_close(norm("batch", 3)(values), plainly(values))


def test_batch_norm_of_vectors_is_torchs():
    ours, torchs, values = norm("batch", 3), nn.BatchNorm1d(3), torch.randn(8, 3)
    for _ in range(3):
        torch.testing.assert_close(ours(values), torchs(values))
    torch.testing.assert_close(ours.eval()(values), torchs.eval()(values))


def test_layer_norm_is_torchs():
    values = torch.randn(2, 4, 3)
    torch.testing.assert_close(norm("layer", 3)(values), nn.functional.layer_norm(values, (3,)))


def test_ghost_norm_normalises_virtual_batches_by_themselves():
    values = torch.randn(9, 3)
    expected = torch.cat([plainly(values[:3]), plainly(values[3:6]), plainly(values[6:])])
    torch.testing.assert_close(norm("ghost", 3, {"virtual_batch_size": 4})(values), expected)  # 9 rows: 3, 3 and 3


def test_ghost_norm_of_a_small_batch_is_batch_norm():
    values = torch.randn(5, 3)
    torch.testing.assert_close(norm("ghost", 3)(values), plainly(values))


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 129, 257])
@pytest.mark.parametrize("size", [1, 2, 128.0])
def test_ghost_norm_takes_any_number_of_rows(rows, size):
    values = torch.randn(rows, 2, requires_grad=True)
    result = norm("ghost", 2, {"virtual_batch_size": size})(values)
    result.square().sum().backward()
    assert result.shape == values.shape and result.isfinite().all() and values.grad.isfinite().all()


def test_ghost_norm_evaluates_by_running_statistics():
    module, values = norm("ghost", 3, {"virtual_batch_size": 2, "momentum": 1.0}), torch.randn(2, 3)
    module(values)
    expected = (values - values.mean(0)) / (values.var(0) + 1e-5).sqrt()
    torch.testing.assert_close(module.eval()(values), expected)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(1, 3), (1, 1, 3)])
def test_one_row_in_training_gives_finite_values_and_gradients(name, shape):
    values = torch.randn(shape, requires_grad=True)
    module = norm(name, 3)
    module(values).sum().backward()
    assert values.grad.isfinite().all()
    assert all(p.grad is not None for p in module.parameters())


def test_one_row_in_training_is_normalised_by_the_running_statistics():
    module = BatchNorm(2)
    module.running_mean.fill_(1.0)
    module.running_var.fill_(4.0)
    torch.testing.assert_close(module(torch.tensor([[3.0, 1.0]])), torch.tensor([[1.0, 0.0]]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_mask_leaves_out_changes_neither_values_nor_statistics(name):
    short, mask = torch.randn(3, 4, 2), torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]]).bool()
    filler = torch.full((3, 3, 2), 1e3)
    long, long_mask = torch.cat([short, filler], 1), torch.cat([mask, torch.zeros(3, 3).bool()], 1)
    one, other = norm(name, 2), norm(name, 2)
    with_short, with_long = normalised(one, short, mask), normalised(other, long, long_mask)
    torch.testing.assert_close(with_short[mask], with_long[:, :4][mask])
    for left, right in zip(one.buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(left, right)


def test_masked_batch_norm_is_batch_norm_of_the_steps_that_count():
    values, mask = torch.randn(3, 4, 2), torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0]]).bool()
    ours, torchs = BatchNorm(2, affine=False), nn.BatchNorm1d(2, affine=False)
    torch.testing.assert_close(ours(values, mask)[mask], torchs(values[mask]))
    torch.testing.assert_close(ours.running_mean, torchs.running_mean)
    torch.testing.assert_close(ours.running_var, torchs.running_var)


@pytest.mark.parametrize("steps", [0, 1])
def test_masked_batch_norm_of_less_than_two_steps_goes_by_the_running_statistics(steps):
    values, mask = torch.randn(1, 3, 2, requires_grad=True), torch.arange(3).unsqueeze(0) < steps
    module = BatchNorm(2)
    result = module(values, mask)
    result.sum().backward()
    torch.testing.assert_close(result[mask], values[mask] / (1 + 1e-5) ** 0.5)
    assert values.grad.isfinite().all() and (module.running_mean == 0).all()


def test_image_norms_are_torchs():
    images = torch.randn(3, 4, 5, 6)
    torch.testing.assert_close(image_norm("batch", 4)(images), nn.BatchNorm2d(4)(images))
    torch.testing.assert_close(
        image_norm("layer", 4, {"eps": 0.1})(images), nn.functional.layer_norm(images, (4, 5, 6), eps=0.1)
    )
    assert image_norm("batch", 4)(torch.randn(1, 4, 1, 1)).isfinite().all()
    assert image_norm(None, 4)(images) is images


def test_null_changes_nothing():
    values = torch.randn(2, 3)
    assert norm(None, 3)(values) is values


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("batch", {"epsilon": 0.1}, "norm 'batch' has no parameter 'epsilon'.*It has: momentum, eps"),
        ("layer", {"momentum": 0.1}, "norm 'layer' has no parameter 'momentum'"),
        ("ghost", {"virtual_batch_size": 0.0}, "at least 1. Received: 0.0"),
        ("ghost", {"virtual_batch_size": 1.5}, "whole number"),
        ("group", None, "no norm 'group'"),
    ],
)
def test_a_faulty_section_is_reported(name, params, message):
    with pytest.raises(ConfigValidationError, match=message):
        norm(name, 3, params)


def test_parameters_are_passed_on():
    ghost = norm("ghost", 3, {"momentum": 0.3, "eps": 0.01})
    assert isinstance(ghost, GhostBatchNorm) and ghost.norm.momentum == 0.3 and ghost.norm.eps == 0.01
