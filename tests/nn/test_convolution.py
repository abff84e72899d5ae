import dataclasses
import itertools

import pytest
import torch
from torch import nn
from torch.nn import functional

from ludwig.error import ConfigValidationError
from ludwig.nn.convolution import Conv2dLayer, ConvolutionSpec, ImageConvolutionSpec, MaskedConv1d, Window

LENGTHS = torch.tensor([7, 4, 1, 0])
SPECS = [
    ConvolutionSpec(num_filters=5, filter_size=size, strides=stride, padding=padding, dilation_rate=dilation)
    for size, stride, padding, dilation in itertools.product([1, 2, 3, 4], [1, 2, 3], ["same", "valid"], [1, 2])
]
POOLS = ["max", "mean", "avg", "sum", "last", "concat", "attention", "attention_pooling"]
POOLED = [
    ConvolutionSpec(5, 3, pool_function=name, pool_size=size, pool_strides=stride, pool_padding=padding)
    for name, size, stride, padding in itertools.product(POOLS, [2, 3], [None, 1], ["same", "valid"])
]
NORMED = [
    ConvolutionSpec(5, 3, norm=norm, activation=activation, pool_size=2)
    for norm, activation in itertools.product(["batch", "layer", "ghost"], ["tanh", "swiglu", "softmax", None])
]


def batch(width: int = 7, filler: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of 7, 4, 1 and no steps, with a filler where there is none."""
    mask = torch.arange(width) < LENGTHS.unsqueeze(1)
    values = torch.full((4, width, 3), filler)
    values[:, :7] = torch.randn(4, 7, 3, generator=torch.Generator().manual_seed(0))
    values[~mask] = filler
    return values, mask


@pytest.mark.parametrize("spec", SPECS + POOLED + NORMED, ids=str)
def test_padding_never_changes_the_result(spec):
    module = MaskedConv1d(3, spec)
    values, mask = module(*batch())
    more, more_mask = module(*batch(12, float("nan")))
    steps = mask.shape[1]
    assert torch.equal(more_mask[:, :steps], mask) and not more_mask[:, steps:].any()
    torch.testing.assert_close(more[:, :steps][mask], values[mask])
    assert values.shape == (4, steps, module.output_size)


@pytest.mark.parametrize("spec", SPECS + POOLED, ids=str)
def test_a_row_gives_what_it_gives_alone(spec):
    module = MaskedConv1d(3, spec)
    values, mask = batch()
    together, there = module(values, mask)
    for row, length in enumerate(LENGTHS[:3]):
        alone, all_there = module(values[row : row + 1, :length], mask[row : row + 1, :length])
        assert all_there.all() and there[row].sum() == all_there.shape[1] == module.output_length(int(length))
        torch.testing.assert_close(together[row][there[row]], alone[0])


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("dilation", [1, 2])
def test_a_convolution_is_torchs(padding, size, dilation):
    spec = ConvolutionSpec(5, size, 1, padding, dilation, activation=None, bias_initializer="normal")
    module, values = MaskedConv1d(3, spec), torch.randn(2, 9, 3)
    weight, bias = module.convolution.weight, module.convolution.bias
    expected = functional.conv1d(values.transpose(1, 2), weight, bias, padding=padding, dilation=dilation)
    result, mask = module(values, torch.ones(2, 9, dtype=torch.bool))
    torch.testing.assert_close(result, expected.transpose(1, 2))
    assert mask.all()


def test_a_stride_that_divides_the_length_leaves_equal_zeros_on_both_sides():
    spec = ConvolutionSpec(5, 5, 3, "same", activation=None)
    module, values = MaskedConv1d(3, spec), torch.randn(2, 9, 3)
    expected = functional.conv1d(values.transpose(1, 2), module.convolution.weight, stride=3, padding=1)
    result, _ = module(values, torch.ones(2, 9, dtype=torch.bool))
    torch.testing.assert_close(result, expected.transpose(1, 2))


@pytest.mark.parametrize("padding", ["same", "valid"])
def test_no_rows_give_no_rows(padding):
    module = MaskedConv1d(3, ConvolutionSpec(5, 3, pool_size=2, pool_padding=padding))
    values, mask = module(torch.zeros(0, 8, 3), torch.zeros(0, 8, dtype=torch.bool))
    assert values.shape == (0, 4, 5) and mask.shape == (0, 4)


@pytest.mark.parametrize(("name", "pool"), [("max", functional.max_pool1d), ("mean", functional.avg_pool1d)])
@pytest.mark.parametrize(("size", "stride"), [(2, None), (3, 1), (2, 3)])
def test_a_valid_pool_is_torchs(name, pool, size, stride):
    spec = ConvolutionSpec(5, 1, pool_function=name, pool_size=size, pool_strides=stride, pool_padding="valid")
    module, values = MaskedConv1d(3, spec), torch.randn(2, 9, 3)
    convolved = torch.relu(values @ module.convolution.weight.squeeze(-1).T).transpose(1, 2)
    result, _ = module(values, torch.ones(2, 9, dtype=torch.bool))
    torch.testing.assert_close(result, pool(convolved, size, stride).transpose(1, 2))


def test_a_mean_counts_only_steps_that_are_there():
    spec = ConvolutionSpec(
        1, 1, weights_initializer="ones", pool_function="mean", pool_size=2, pool_padding="same", activation=None
    )
    values, mask = torch.tensor([[[1.0], [2.0], [5.0], [9.0]]]), torch.tensor([[True, True, True, False]])
    pooled, there = MaskedConv1d(1, spec)(values, mask)
    assert pooled.flatten().tolist() == [1.5, 5.0] and there.all()


@pytest.mark.parametrize("name", [None, "none", "None"])
def test_without_a_function_nothing_is_pooled(name):
    module = MaskedConv1d(3, ConvolutionSpec(5, pool_function=name, pool_size=2))
    assert module.pool is None and module.output_length(7) == 7


@pytest.mark.parametrize("spec", [SPECS[-1], *POOLED[::5], *NORMED], ids=str)
@pytest.mark.parametrize("rows", [1, 4])
def test_gradients_are_finite_and_reach_only_steps_that_count(spec, rows):
    module = MaskedConv1d(3, dataclasses.replace(spec, dropout=0.1))
    values, mask = (part[:rows] for part in batch(9, 7.0))
    values.requires_grad_()
    result, there = module(values, mask)
    result.masked_fill(~there.unsqueeze(-1), 0).square().sum().backward()
    assert values.grad.isfinite().all() and values.grad[~mask].eq(0).all()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())


def test_a_sequence_shorter_than_a_valid_window_has_one_stop():
    window = Window(5, 1, "valid")
    assert window.stops(2) == 1
    assert window.mask(torch.tensor([[True, True], [False, False]])).tolist() == [[True], [False]]


IMAGES = [
    ImageConvolutionSpec(),
    ImageConvolutionSpec(out_channels=4, kernel_size=(3, 5), stride=(2, 1), padding=(1, 2), pool_function=None),
    ImageConvolutionSpec(out_channels=4, padding="same", dilation=2, pool_stride=1, pool_padding=1),
    ImageConvolutionSpec(kernel_size=(2, 4), padding="same", padding_mode="reflect", pool_function="avg"),
    ImageConvolutionSpec(out_channels=4, padding="same", stride=2, pool_kernel_size=(3, 2), pool_function="mean"),
    ImageConvolutionSpec(out_channels=4, kernel_size=2, padding="same", stride=3, pool_function="average"),
    ImageConvolutionSpec(out_channels=6, groups=2, use_bias=False, norm="batch", dropout=0.2, pool_dilation=2),
    ImageConvolutionSpec(out_channels=4, norm="layer", activation="swiglu", padding=2, padding_mode="circular"),
    ImageConvolutionSpec(out_channels=4, activation="softmax", padding_mode="replicate", padding="same"),
]


@pytest.mark.parametrize("spec", IMAGES, ids=str)
@pytest.mark.parametrize("size", [(12, 17), (11, 10)])
@pytest.mark.parametrize("rows", [1, 2])
def test_a_layer_reports_the_size_of_its_images(spec, size, rows):
    layer = Conv2dLayer(2, spec)
    result = layer(torch.randn(rows, 2, *size))
    assert result.shape == (rows, layer.out_channels, *layer.output_shape(*size))
    result.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in layer.parameters())


def test_an_image_layer_is_what_torch_would_be_by_hand():
    layer, images = Conv2dLayer(2, ImageConvolutionSpec(out_channels=4, norm="batch")), torch.randn(3, 2, 9, 9)
    assert [type(module).__name__ for module in layer.layers] == ["Conv2d", "ImageBatchNorm", "ReLU", "MaxPool2d"]
    expected = functional.max_pool2d(torch.relu(nn.BatchNorm2d(4)(layer.layers[0](images))), 2)
    torch.testing.assert_close(layer(images), expected)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("kernel", [1, 2, 3, (4, 3)])
@pytest.mark.parametrize("dilation", [1, (2, 1)])
@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_same_padding_is_torchs(kernel, dilation, mode):
    options = {"kernel_size": kernel, "dilation": dilation, "padding_mode": mode, "padding": "same"}
    layer = Conv2dLayer(2, ImageConvolutionSpec(out_channels=4, activation=None, pool_function=None, **options))
    torchs = nn.Conv2d(2, 4, **options)
    torchs.load_state_dict(layer.layers[-1].state_dict())
    images = torch.randn(2, 2, 8, 9)
    torch.testing.assert_close(layer(images), torchs(images))


@pytest.mark.parametrize("pool", ["max", "mean"])
def test_a_single_pixel_in_training_gives_finite_values(pool):
    layer = Conv2dLayer(2, ImageConvolutionSpec(norm="batch", pool_function=pool))
    assert layer(torch.randn(1, 2, 4, 4)).isfinite().all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"groups": 3}, "groups must divide.*Received: 3"),
        ({"pool_padding": 2}, "at most half of pool_kernel_size"),
        ({"pool_function": "mean", "pool_dilation": 2}, "'max' only"),
        ({"norm": "ghost"}, "no norm 'ghost' here"),
    ],
)
def test_faulty_options_are_reported(options, message):
    with pytest.raises(ConfigValidationError, match=message):
        Conv2dLayer(2, ImageConvolutionSpec(**options))


def test_an_image_that_is_too_small_is_reported():
    with pytest.raises(ConfigValidationError, match="Images of 3 x 20 pixels are too small"):
        Conv2dLayer(2, ImageConvolutionSpec()).output_shape(3, 20)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("kernel", [4, 5, 7, 9])
def test_an_image_that_is_too_thin_for_the_padding_is_refused_where_torch_cannot_pad_it(mode, kernel):
    spec = ImageConvolutionSpec(kernel_size=kernel, padding="same", padding_mode=mode, pool_function=None)
    layer, images = Conv2dLayer(3, spec), torch.zeros(1, 3, 3, 6)
    try:
        expected = layer(images).shape[2:]
    except RuntimeError:
        with pytest.raises(ConfigValidationError, match=f"padding_mode '{mode}' pads 3 pixels by at most"):
            layer.output_shape(3, 6)
    else:
        assert layer.output_shape(3, 6) == tuple(expected)
