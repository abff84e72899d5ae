"""Networks of torchvision and timm, which are not installed for the tests: small stand-ins have their places."""

from __future__ import annotations

import importlib.machinery
import pickle
import sys
import types
import urllib.error

import pandas as pd
import pytest
import torch
from torch import nn

from ludwig.api import LudwigModel
from ludwig.config import load_config
from ludwig.encoders import ENCODERS
from ludwig.error import ConfigValidationError, MissingPackageError
from ludwig.features.image import ImageFacts
from tests.encoders.test_image_pretrained import config_of, stripes

OF_TORCHVISION = [
    *("alexnet", "vgg", "densenet", "googlenet", "inceptionv3", "maxvit", "mnasnet", "mobilenetv3", "resnext"),
    *("shufflenet_v2", "squeezenet", "wide_resnet"),
]
OF_TIMM = ["timm", "caformer", "convformer", "poolformer"]
IMAGES = torch.randint(0, 256, (2, 3, 32, 32), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


class Small(nn.Module):
    """A network with a head, as those of torchvision are."""

    def __init__(self, outputs: int = 10) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 6, 3)
        self.fc = nn.Linear(6, outputs)

    def forward(self, images):
        return self.fc(self.convolution(images).mean((2, 3)))


def module(name, **content):
    made = types.ModuleType(name)
    made.__spec__ = importlib.machinery.ModuleSpec(name, None)
    vars(made).update(content)
    return made


@pytest.fixture
def torchvision(monkeypatch):
    """The functions of torchvision.models that are called, over one small network; `calls` has their arguments."""
    torch.manual_seed(1)
    trained, calls = Small(), []

    def get_model(name, weights, **options):
        assert weights is None
        calls.append((name, options))
        return Small()

    def get_state_dict(**options):
        calls.append(options)
        return trained.state_dict()

    weights = types.SimpleNamespace(DEFAULT=types.SimpleNamespace(get_state_dict=get_state_dict))
    models = types.SimpleNamespace(get_model=get_model, get_model_weights=lambda name: weights)
    fake = module("torchvision", models=models, trained=trained, calls=calls, weights=weights)
    monkeypatch.setitem(sys.modules, "torchvision", fake)
    return fake


@pytest.fixture
def timm(monkeypatch):
    torch.manual_seed(1)
    trained = Small()
    trained.fc = nn.Identity()

    def create_model(name, *, pretrained, num_classes, in_chans):
        assert (num_classes, in_chans) == (0, 3)
        if name == "no_such_network":
            raise RuntimeError(f"Unknown model ({name})")
        network = Small()
        network.fc = nn.Identity()
        network.load_state_dict(trained.state_dict() if pretrained else network.state_dict())
        return network

    described = types.SimpleNamespace(input_size=(3, 48, 48), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    fake = module(
        "timm",
        create_model=create_model,
        get_pretrained_cfg=lambda name: described,
        trained=trained,
        described=described,
    )
    monkeypatch.setitem(sys.modules, "timm", fake)
    return fake


def build(name, **options):
    config = ENCODERS.get(name, "image").Config(image_size=32, **options)
    facts = ImageFacts(3, 32, 32, standardize_image=config.requires().get("standardize_image"))
    return config.build([facts]).eval()


def test_a_network_of_torchvision_is_one_without_its_head(torchvision):
    encoder = build("resnext", model_cache_dir="/downloads")
    encoder.start([])
    assert encoder.shape.size == 6
    assert torchvision.calls == [
        ("resnext50_32x4d", {}),
        {"model_dir": "/downloads", "progress": False, "check_hash": True},
    ]
    mean, deviation = (torch.tensor(v).view(3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    expected = torchvision.trained.convolution((IMAGES / 255 - mean) / deviation).mean((2, 3))
    torch.testing.assert_close(encoder(IMAGES).values, expected)
    assert torch.equal(pickle.loads(pickle.dumps(encoder.config.backbone())).side * IMAGES, 224 * IMAGES)


def test_networks_with_classifiers_in_the_middle_are_built_without_them(torchvision):
    build("googlenet")
    build("inceptionv3", use_pretrained=False)
    assert torchvision.calls == [
        ("googlenet", {"aux_logits": False, "init_weights": False, "transform_input": True}),
        ("inception_v3", {"aux_logits": False, "init_weights": True, "transform_input": False}),
    ]


@pytest.mark.parametrize("fault", ["offline", "another network"])
def test_weights_that_cannot_be_had_are_an_error_of_the_config(torchvision, fault):
    def broken(**_):
        if fault == "offline":
            raise urllib.error.URLError("no network")
        return {"convolution.weight": torch.zeros(1)}

    torchvision.weights.DEFAULT.get_state_dict = broken
    words = "no network" if fault == "offline" else "2 are missing or of another shape"
    with pytest.raises(ConfigValidationError, match=words):
        build("resnext").start([])


def test_a_network_of_timm_requires_what_timm_knows(timm):
    config = ENCODERS.get("caformer", "image").Config()
    assert config.requires() == {"height": 48, "width": 48, "num_channels": 3, "standardize_image": "inception"}
    encoder = build("timm", model_name="anything")
    encoder.start([])
    torch.testing.assert_close(encoder(IMAGES).values, timm.trained(IMAGES / 255 * 2 - 1))
    with pytest.raises(ConfigValidationError, match="is not one of timm"):
        build("timm", model_name="no_such_network")
    timm.described.mean = (0.1, 0.2, 0.3)
    with pytest.raises(ConfigValidationError, match="none of imagenet1k, inception, clip"):
        load_config(config_of({"type": "caformer"}))


def test_a_saved_model_loads_without_pretrained_weights(torchvision, tmp_path):
    table = stripes(120)
    config = config_of({"type": "wide_resnet", "image_size": 16})
    model = LudwigModel({**config, "trainer": {**config["trainer"], "epochs": 1}})
    model.train(dataset=table, output_directory=None)
    found, _ = model.predict(table)
    model.save(str(tmp_path))
    torchvision.weights.DEFAULT.get_state_dict = None
    pd.testing.assert_frame_equal(LudwigModel.load(str(tmp_path)).predict(table)[0], found)


# -- where the package is not there


@pytest.mark.parametrize("name", [*OF_TORCHVISION, *OF_TIMM])
def test_a_missing_package_is_reported_before_data_is_read_and_when_a_model_is_built(name, monkeypatch):
    package = "timm" if name in OF_TIMM else "torchvision"
    monkeypatch.delitem(sys.modules, package, raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    words = rf"needs the package '{package}'. Install it with: pip install --no-deps {package}"
    with pytest.raises(ConfigValidationError, match=words):
        load_config(config_of({"type": name}))
    load_config(config_of({"type": name}), is_saved=True)
    with pytest.raises(MissingPackageError, match=words):
        build(name)


def test_the_newer_efficientnets_need_torchvision():
    words = r"efficientnet_v2_s needs the package 'torchvision'"
    with pytest.raises(ConfigValidationError, match=words):
        load_config(config_of({"type": "efficientnet", "model_variant": "v2_s"}))
    with pytest.raises(ConfigValidationError, match="the v2 variants are of torchvision"):
        load_config(config_of({"type": "efficientnet", "model_variant": "v2_s", "architecture": {"hidden_dim": 3}}))


def test_a_build_that_does_not_fit_torch_is_named(monkeypatch, tmp_path):
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')"
    )
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(MissingPackageError, match=r"does not match the installed torch .*nms does not exist"):
        build("alexnet")
