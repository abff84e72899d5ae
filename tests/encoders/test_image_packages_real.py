"""All networks of torchvision and timm as encoders, where PYTHONPATH has both packages; elsewhere nothing is tried.

pip download --no-deps torchvision==0.28.0 timm==1.0.31 -d DIR    (those of torch 2.13), unzipped into DIR/site
LUDWIG_TEST_TORCHVISION=1 PYTHONPATH=DIR/site pytest tests/encoders/test_image_packages_real.py
"""

from __future__ import annotations

import os

import pytest
import torch

if not os.environ.get("LUDWIG_TEST_TORCHVISION"):
    pytest.skip("LUDWIG_TEST_TORCHVISION is not set", allow_module_level=True)

# The released torchvision is built with CUDA; two operators that it expects are missing with a torch for CPUs. They are
# declared before the first import of torchvision and of transformers, which imports it.
SHIM = torch.library.Library("torchvision", "DEF")
for op in ("nms", "qnms"):
    SHIM.define(f"{op}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from torch import nn  # noqa: E402

from ludwig.encoders import ENCODERS  # noqa: E402
from ludwig.features.image import ImageFacts  # noqa: E402

OF_TORCHVISION = [
    *("alexnet", "vgg", "densenet", "googlenet", "inceptionv3", "maxvit", "mnasnet", "mobilenetv3", "resnext"),
    *("shufflenet_v2", "squeezenet", "wide_resnet"),
]
OF_TIMM = ["timm", "caformer", "convformer", "poolformer"]


def all_variants():
    """(encoder, option, value) of every network of both packages."""
    found = [
        (name, "model_variant", variant)
        for name in OF_TORCHVISION
        for variant in ENCODERS.get(name, "image").Config.variants
    ]
    found += [("efficientnet", "model_variant", f"v2_{size}") for size in "sml"]
    return [*found, *((name, "model_name", ENCODERS.get(name, "image").Config().model_name) for name in OF_TIMM)]


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(("name", "option", "value"), all_variants())
def test_every_real_network_is_built_and_takes_its_weights(name, option, value, monkeypatch):
    """Those of another one that is built from scratch: the hub cannot be reached from where this runs."""
    config = ENCODERS.get(name, "image").Config(**{option: value}, use_pretrained=False)
    size = (config.requires()["height"], config.requires()["width"])
    encoder = config.build([ImageFacts(3, *size)]).eval()
    images = torch.randint(0, 256, (1, 3, *size), dtype=torch.uint8)
    assert encoder(images).values.shape == (1, encoder.shape.size)
    backbone = encoder.backbone
    if name in OF_TIMM:
        import timm

        other = timm.create_model(value, pretrained=False, num_classes=0).eval()
        monkeypatch.setattr(timm, "create_model", lambda *_, **__: other)
        backbone.load(encoder.network, None)
    else:
        import torchvision
        from torchvision.models._api import WeightsEnum

        whole = {"aux_logits": True, "init_weights": False} if backbone.has_auxiliary else {}
        other = torchvision.models.get_model(backbone.model, weights=None, **whole).eval()
        monkeypatch.setattr(WeightsEnum, "get_state_dict", lambda *_, **__: other.state_dict())
        backbone.load(encoder.network, None)
        other.set_submodule(backbone.head, nn.Identity())
        weights = torchvision.models.get_model_weights(backbone.model).DEFAULT.transforms()
        assert weights.crop_size == [backbone.side]
        mean = {"imagenet1k": 0.485, "inception": 0.5}[backbone.standard]
        assert weights.mean[0] == mean
    with torch.no_grad():
        expected = other(images / 255)
        torch.testing.assert_close(encoder(images).values, expected.flatten(1), rtol=1e-4, atol=1e-5)
