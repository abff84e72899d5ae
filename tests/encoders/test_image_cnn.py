import pytest
import torch
from torch import nn

from ludwig.encoders import ENCODERS
from ludwig.error import ConfigValidationError
from ludwig.features.image import ImageFacts

FACTS = ImageFacts(3, 12, 10)


def build(**options):
    torch.manual_seed(0)
    return ENCODERS.get("stacked_cnn", "image").Config(**options).build([FACTS]).eval()


def test_it_is_the_network_that_torch_would_build():
    encoder = build(num_conv_layers=1, out_channels=4, output_size=5)
    images = torch.randint(0, 256, (2, 3, 12, 10), dtype=torch.uint8)
    convolution = next(m for m in encoder.modules() if isinstance(m, nn.Conv2d))
    linear = next(m for m in encoder.modules() if isinstance(m, nn.Linear))
    hidden = nn.functional.max_pool2d(convolution(images.float() / 255).relu(), 2)
    torch.testing.assert_close(encoder(images).values, linear(hidden.flatten(1)).relu())


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"padding": "same", "stride": 2, "num_conv_layers": 1},
        {"conv_norm": "batch", "num_fc_layers": 2},
        {"pool_function": "mean"},
    ],
)
def test_it_gives_one_vector_an_image(batch, options):
    encoder = build(output_size=7, **options)
    assert encoder(torch.zeros(batch, 3, 12, 10, dtype=torch.uint8)).values.shape == (batch, 7)


def test_images_that_are_too_small_are_reported():
    with pytest.raises(ConfigValidationError, match="too small"):
        build(num_conv_layers=5)
