import dataclasses

import pytest
import torch
from torch.nn.functional import conv2d, interpolate

from ludwig.decoders import DECODERS
from ludwig.nn.signal import Shape, Signal

NAMES = DECODERS.names("image")
SKIPS = ((2, 30, 22), (4, 15, 11), (8, 8, 6), (16, 4, 3))
SHAPE = Shape("vector", 5, skips=SKIPS)
SMALL = {"unet": {"num_stages": 3}, "fpn": {"num_channels": 6, "num_levels": 3}, "segformer": {"hidden_size": 6}}
GIVES = {"unet": (30, 22), "fpn": (15, 11), "segformer": (30, 22)}


def build(name: str, **options: object):
    torch.manual_seed(0)
    return DECODERS.get(name, "image").Config(**{**SMALL[name], **options}).build(SHAPE, 3).eval()


def signal_of(rows: int = 2) -> Signal:
    draw = torch.Generator().manual_seed(1)
    skips = tuple(torch.randn(rows, *skip, generator=draw) for skip in SKIPS)
    return Signal("vector", torch.randn(rows, 5, generator=draw), skips=skips)


@pytest.mark.parametrize("name", NAMES)
def test_logits_have_the_size_of_the_finest_map_that_is_read(name):
    prediction = build(name)(signal_of())
    assert prediction.known_logits.shape == (2, 3, *GIVES[name])
    assert prediction.hidden.shape == (2, 5)


@pytest.mark.parametrize("name", NAMES)
def test_every_map_that_is_read_and_the_vector_have_a_part_in_the_logits(name):
    decoder, signal = build(name), signal_of()
    expected = decoder(signal).known_logits
    read = SKIPS[1:] if name == "fpn" else SKIPS
    for place in range(len(SKIPS) - len(read), len(SKIPS)):
        skips = [skip + 1.0 if at == place else skip for at, skip in enumerate(signal.skips)]
        assert not torch.equal(decoder(dataclasses.replace(signal, skips=tuple(skips))).known_logits, expected)
    assert not torch.equal(decoder(dataclasses.replace(signal, values=signal.values + 1)).known_logits, expected)


def test_a_unet_of_fewer_stages_than_the_encoder_gives_coarser_logits():
    assert build("unet", num_stages=1)(signal_of()).known_logits.shape == (2, 3, 8, 6)


@torch.no_grad()
def test_the_pyramid_is_that_of_the_paper():
    """Figure 3 of arXiv:1612.03144: lateral 1 x 1, nearest upsampling, sum, 3 x 3."""
    decoder, signal = build("fpn"), signal_of()
    coarse = signal.skips[3] + decoder.join(signal.values)[:, :, None, None]
    above, found = None, []
    for place, level in ((2, coarse), (1, signal.skips[2]), (0, signal.skips[1])):
        own = conv2d(level, decoder.lateral[place].weight, decoder.lateral[place].bias)
        above = own if above is None else own + interpolate(above, own.shape[2:], mode="nearest")
        convolution = decoder.smooth[place][0]
        smooth = conv2d(above, convolution.weight, convolution.bias, padding=1).relu()
        found.append(interpolate(smooth, (15, 11), mode="bilinear", align_corners=False))
    expected = conv2d(sum(found), decoder.classify.weight, decoder.classify.bias)
    torch.testing.assert_close(decoder(signal).known_logits, expected)


def test_what_the_encoder_has_bounds_what_may_be_read():
    unet, fpn, segformer = (DECODERS.get(name, "image").Config() for name in ("unet", "fpn", "segformer"))
    assert [name for name, _ in unet.faults_of_skips(4)] == ["num_stages"]
    assert unet.faults_of_skips(5) == []
    assert [name for name, _ in fpn.faults_of_skips(3)] == ["num_levels"]
    assert fpn.faults_of_skips(4) == segformer.faults_of_skips(1) == []
    for config in (unet, fpn, segformer):
        assert config.faults_of_skips(0) == [
            ("type", f"The decoder '{config.type}' reads the maps of an image encoder, and no input gives any.")
        ]
