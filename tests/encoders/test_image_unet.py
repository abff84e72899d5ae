import dataclasses

import pytest
import torch

from ludwig.encoders import ENCODERS
from ludwig.features.image import ImageFacts

UNET = ENCODERS.get("unet", "image")


@pytest.mark.parametrize("size", [(32, 32), (30, 30), (17, 5), (1, 1)], ids=str)
def test_maps_halve_at_each_stage_and_are_of_the_shapes_that_are_promised(size):
    encoder = UNET.Config(out_channels=4, num_stages=3).build([ImageFacts(3, *size)]).eval()
    signal = encoder(torch.randint(0, 256, (2, 3, *size), dtype=torch.uint8))
    assert tuple(tuple(skip.shape[1:]) for skip in signal.skips) == encoder.shape.skips
    assert len(signal.skips) == encoder.config.num_skips == 4
    assert encoder.shape.skips[0] == (4, *size)
    assert encoder.shape.skips[2] == (16, -(-size[0] // 4), -(-size[1] // 4))
    torch.testing.assert_close(signal.values, signal.skips[-1].mean((2, 3)))


def test_the_default_has_the_filters_of_the_paper():
    encoder = UNET.Config().build([ImageFacts(1, 16, 16)])
    assert [scale[0] for scale in encoder.shape.skips] == [64, 128, 256, 512, 1024]
    weights = sum(weight.numel() for name, weight in encoder.named_parameters() if name.endswith("0.weight"))
    pairs = zip([1, 64, 128, 256, 512], [64, 128, 256, 512, 1024], strict=True)
    assert weights == sum(9 * (before * after + after * after) for before, after in pairs)


def test_one_image_of_one_pixel_can_be_trained_on():
    encoder = UNET.Config(out_channels=2, num_stages=2).build([ImageFacts(1, 2, 2)]).train()
    signal = encoder(torch.randint(0, 256, (1, 1, 2, 2), dtype=torch.uint8))
    assert all(skip.isfinite().all() for skip in signal.skips)


def test_without_normalisation_convolutions_have_a_bias():
    config = UNET.Config(out_channels=2, num_stages=1)
    names = [
        {
            name
            for name, _ in dataclasses.replace(config, conv_norm=norm).build([ImageFacts(1, 4, 4)]).named_parameters()
        }
        for norm in ("batch", None)
    ]
    assert "stages.0.0.0.bias" in names[1] - names[0]
