"""Networks of transformers as encoders: small ones, which the tests save to a folder as pretrained ones are."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import AutoConfig, AutoModel, CLIPConfig, CLIPModel

from ludwig.api import LudwigModel
from ludwig.config import load_config
from ludwig.encoders import ENCODERS
from ludwig.error import ConfigValidationError
from ludwig.features.base import at_origin
from ludwig.features.image import ImageFacts
from ludwig.nn.pixel_scale import STATISTICS
from tests.contracts.samples import ARCHITECTURES

SIDE = 32
TYPES = {  # how transformers calls them
    "vit": "vit",
    "clip": "clip_vision_model",
    "siglip": "siglip_vision_model",
    "dinov2": "dinov2",
    "swin_transformer": "swin",
    "resnet": "resnet",
    "regnet": "regnet",
    "convnext": "convnext",
    "convnextv2": "convnextv2",
    "efficientnet": "efficientnet",
    "mobilenetv2": "mobilenet_v2",
}
STANDARDS = {"vit": "inception", "siglip": "inception", "mobilenetv2": "inception", "clip": "clip"}
SIZED = ("vit", "clip", "siglip", "dinov2", "swin_transformer")  # by the size of images
IMAGES = torch.randint(0, 256, (3, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def pretrained(name, folder, **options):
    """A small network of a family, saved as those of the hub are."""
    torch.manual_seed(7)
    sizes = {"image_size": SIDE} if name in SIZED else {}
    config = AutoConfig.for_model(TYPES[name], **{**ARCHITECTURES[name], **sizes, **options})
    network = AutoModel.from_config(config).eval()
    for module in network.modules():  # statistics that initial ones are not
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-1, 1)
    network.save_pretrained(folder)
    return network


def section(name, folder, **options):
    sizes = {"image_size": SIDE} if name in SIZED else {}
    architecture = {**ARCHITECTURES[name], **sizes}
    paths = {"pretrained_model_name_or_path": str(folder), "architecture": architecture, "image_size": SIDE}
    return {"type": name, **paths, **options}


def build(name, folder, **options):
    raw = section(name, folder, **options)
    del raw["type"]
    config = ENCODERS.get(name, "image").Config(**raw)
    required = config.requires()
    facts = ImageFacts(3, SIDE, SIDE, standardize_image=required.get("standardize_image"))
    return config.described(at_origin).build([facts])


def standardised(images, name):
    """By the formula, in numpy."""
    mean, deviation = (np.array(values).reshape(3, 1, 1) for values in STATISTICS[name])
    return torch.tensor((images.numpy() / 255 - mean) / deviation, dtype=torch.float32)


@pytest.mark.parametrize("name", TYPES)
def test_the_vectors_are_those_of_the_saved_network(name, tmp_path):
    network = pretrained(name, tmp_path)
    encoder = build(name, tmp_path)
    encoder.start([])
    with torch.no_grad():
        found = network(standardised(IMAGES, STANDARDS.get(name, "imagenet1k")))
        expected = found.last_hidden_state[:, 0] if name == "vit" else found.pooler_output.flatten(1)
        torch.testing.assert_close(encoder.eval()(IMAGES).values, expected, rtol=1e-4, atol=1e-5)
    assert encoder.shape.size == expected.shape[1]


@pytest.mark.parametrize("name", TYPES)
def test_a_folder_brings_its_own_architecture(name, tmp_path):
    network = pretrained(name, tmp_path)
    encoder = build(name, tmp_path, architecture=None)
    encoder.start([])
    assert {*encoder.network.state_dict()} <= {*network.state_dict()}
    with torch.no_grad():
        found = network(standardised(IMAGES, STANDARDS.get(name, "imagenet1k")))
        expected = found.last_hidden_state[:, 0] if name == "vit" else found.pooler_output.flatten(1)
        torch.testing.assert_close(encoder.eval()(IMAGES).values, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("preparation", "mean", "deviation"),
    [
        ({"image_mean": [0.5, 0.4, 0.3], "image_std": [0.5, 0.25, 0.2]}, (0.5, 0.4, 0.3), (0.5, 0.25, 0.2)),
        ({"do_normalize": False, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}, (0, 0, 0), (1, 1, 1)),
    ],
)
def test_a_folder_brings_its_own_pixel_statistics(preparation, mean, deviation, tmp_path):
    network = pretrained("resnet", tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(preparation))
    encoder = build("resnet", tmp_path, architecture=None)
    encoder.start([])
    images = (IMAGES / 255 - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(deviation).view(3, 1, 1)
    with torch.no_grad():
        expected = network(images).pooler_output.flatten(1)
        torch.testing.assert_close(encoder.eval()(IMAGES).values, expected, rtol=1e-4, atol=1e-5)


AUTO = {  # any families: options of a small network, and how its states become a vector
    "deit": ({**ARCHITECTURES["clip"], "image_size": SIDE}, lambda found: found.last_hidden_state[:, 0]),
    "swin": ({**ARCHITECTURES["swin_transformer"], "image_size": SIDE}, lambda found: found.pooler_output),
    "segformer": (
        {"hidden_sizes": [8] * 4, "depths": [1] * 4, "num_attention_heads": [1] * 4},
        lambda found: found.last_hidden_state.mean((2, 3)),
    ),
    "resnet": (ARCHITECTURES["resnet"], lambda found: found.pooler_output.flatten(1)),
}


@pytest.mark.parametrize("family", AUTO)
def test_any_vision_model_is_read_by_auto_transformer(family, tmp_path):
    options, pooled = AUTO[family]
    torch.manual_seed(7)
    network = AutoModel.from_config(AutoConfig.for_model(family, **options)).eval()
    network.save_pretrained(tmp_path)
    encoder = build("auto_transformer", tmp_path, architecture=None)
    encoder.start([])
    with torch.no_grad():
        expected = pooled(network(standardised(IMAGES, "imagenet1k")))
        torch.testing.assert_close(encoder.eval()(IMAGES).values, expected, rtol=1e-4, atol=1e-5)
    larger = torch.randint(0, 256, (2, 3, 48, 40), dtype=torch.uint8)
    assert encoder(larger).values.shape == (2, encoder.shape.size)


@pytest.mark.parametrize("name", ["vit", "clip", "siglip", "dinov2", "swin_transformer"])
@pytest.mark.parametrize("size", [(48, 48), (40, 24)])
def test_positions_fit_images_of_another_size(name, size, tmp_path):
    pretrained(name, tmp_path)
    encoder = build(name, tmp_path)
    encoder.start([])
    images = torch.randint(0, 256, (2, 3, *size), dtype=torch.uint8)
    assert encoder.eval()(images).values.shape == (2, encoder.shape.size)
    scratch = ENCODERS.get(name, "image").Config(use_pretrained=False, architecture=ARCHITECTURES[name])
    assert scratch.requires() == {}
    assert scratch.build([ImageFacts(3, *size)]).eval()(images).values.isfinite().all()


def test_grey_images_need_no_pretrained_weights():
    config = ENCODERS.get("resnet", "image").Config(use_pretrained=False, architecture=ARCHITECTURES["resnet"])
    assert (
        config.build([ImageFacts(1, 20, 20)]).eval()(torch.zeros(2, 1, 20, 20, dtype=torch.uint8)).values.shape[0] == 2
    )


def test_pretrained_ones_require_what_they_were_trained_with():
    def required(name, **options):
        return ENCODERS.get(name, "image").Config(**options).requires()

    assert required("resnet") == {"height": 224, "width": 224, "num_channels": 3, "standardize_image": "imagenet1k"}
    assert required("vit", model_variant="b_32")["height"] == 384
    assert required("dinov2")["height"] == 224
    assert required("clip", pretrained_model_name_or_path="openai/clip-vit-large-patch14-336")["width"] == 336
    assert required("resnet", image_size=96)["width"] == 96
    assert required("resnet", use_pretrained=False) == {}
    with pytest.raises(ConfigValidationError, match=r"preprocessing\.height: Must be 224, because the model needs it"):
        load_config(config_of({"type": "resnet"}, preprocessing={"height": 64, "width": 64}))


def test_the_image_half_of_a_model_of_images_and_texts_is_found(tmp_path):
    torch.manual_seed(0)
    text = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    vision = {**ARCHITECTURES["clip"], "image_size": SIDE}
    whole = CLIPModel(CLIPConfig(text_config={**text, "vocab_size": 20}, vision_config=vision, projection_dim=8)).eval()
    whole.save_pretrained(tmp_path)
    encoder = build("clip", tmp_path)
    encoder.start([])
    with torch.no_grad():
        expected = whole.vision_model(standardised(IMAGES, "clip")).pooler_output
    torch.testing.assert_close(encoder.eval()(IMAGES).values, expected, rtol=1e-4, atol=1e-5)


def test_a_frozen_network_has_no_gradients_and_keeps_its_statistics(tmp_path):
    pretrained("resnet", tmp_path)
    frozen, tuned = build("resnet", tmp_path, trainable=False), build("resnet", tmp_path)
    for encoder in (frozen, tuned):
        encoder.start([])
        encoder.train()
    assert not any(weight.requires_grad for weight in frozen.parameters())
    assert all(weight.requires_grad for weight in tuned.parameters())
    before = {name: tensor.clone() for name, tensor in frozen.state_dict().items()}
    assert not frozen(IMAGES).values.requires_grad
    assert tuned(IMAGES).values.requires_grad
    assert all(torch.equal(tensor, before[name]) for name, tensor in frozen.state_dict().items())
    assert not all(torch.equal(tensor, before[name]) for name, tensor in tuned.state_dict().items())


# -- what is refused


def test_weights_of_another_architecture_are_refused_with_the_right_one(tmp_path):
    pretrained("vit", tmp_path, num_attention_heads=4, hidden_act="relu")  # all shapes are the same
    encoder = build("vit", tmp_path)
    with pytest.raises(ConfigValidationError, match="Set encoder.architecture to: .*'hidden_act': 'relu'"):
        encoder.start([])
    architecture = {**ARCHITECTURES["vit"], "image_size": SIDE, "num_attention_heads": 4, "hidden_act": "relu"}
    build("vit", tmp_path, architecture=architecture).start([])


def test_weights_of_another_family_are_refused(tmp_path):
    pretrained("convnext", tmp_path)
    for architecture in ({}, {"architecture": None}):
        with pytest.raises(ConfigValidationError, match="of the type convnext, and this encoder is a resnet"):
            build("resnet", tmp_path, **architecture).start([])


def test_weights_that_are_incomplete_are_refused(tmp_path):
    from safetensors.torch import load_file, save_file

    pretrained("resnet", tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors[next(name for name in tensors if name.endswith("convolution.weight"))]
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(ConfigValidationError, match="1 are missing or of another shape"):
        build("resnet", tmp_path).start([])


def test_folders_that_are_not_there_are_reported_before_data_is_read(tmp_path):
    with pytest.raises(ConfigValidationError, match="There is no folder"):
        load_config(config_of(section("vit", tmp_path / "none")))
    load_config(config_of(section("vit", tmp_path / "none", use_pretrained=False)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"hiden_size": 3}, "has no option 'hiden_size'. Did you mean 'hidden_size'"),
        ({"hidden_size": "wide"}, "hidden_size"),
        ({"hidden_act": "steep"}, "cannot be built .*steep"),
    ],
)
def test_an_architecture_that_cannot_be_is_refused(options, words):
    config = ENCODERS.get("vit", "image").Config(use_pretrained=False, architecture=options)
    with pytest.raises(ConfigValidationError, match=words):
        config.build([ImageFacts(3, 16, 16)])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "needs a folder or a hub id"),
        ({"use_pretrained": False}, "must name the family"),
        ({"pretrained_model_name_or_path": "some/one", "architecture": {"depths": [1]}}, "have their own"),
    ],
)
def test_auto_transformer_needs_weights_or_a_family(options, words):
    with pytest.raises(ConfigValidationError, match=words):
        load_config(config_of({"type": "auto_transformer", **options}))


def test_images_that_are_too_small_are_reported():
    config = ENCODERS.get("convnext", "image").Config(use_pretrained=False, architecture=ARCHITECTURES["convnext"])
    with pytest.raises(ConfigValidationError, match=r"cannot read images of 8 x 8 pixels \(encoder.image_size"):
        config.build([ImageFacts(3, 8, 8)])


# -- whole models


def config_of(encoder, **feature):
    return {
        "input_features": [{"name": "photo", "type": "image", "encoder": encoder, "augmentation": [], **feature}],
        "output_features": [{"name": "kind", "type": "category"}],
        "combiner": {"type": "concat"},
        "preprocessing": {"split": {"type": "fixed", "column": "split"}},
        "trainer": {"epochs": 12, "batch_size": 32, "learning_rate": 0.003},
    }


def stripes(rows=240, side=16):
    """Images of stripes down or across, at random places, in noise; 0.5 is what guessing reaches."""
    draw = np.random.default_rng(0)
    kinds = draw.integers(0, 2, rows)
    waves = 127 + 90 * np.sin(np.arange(side)[None] * 1.2 + draw.uniform(0, 6, rows)[:, None])  # [N, side]
    images = np.repeat(waves[:, :, None], side, 2)
    images[kinds == 1] = images[kinds == 1].transpose(0, 2, 1)
    images = (images[..., None] + draw.normal(0, 30, (rows, side, side, 3))).clip(0, 255).astype(np.uint8)
    split = np.repeat([0, 1, 2], [rows - 80, 30, 50])
    return pd.DataFrame({"photo": list(images), "kind": np.array(["down", "across"])[kinds], "split": split})


SCRATCH = {
    "mlp_mixer": {"patch_size": 4, "embed_size": 24, "token_size": 32, "channel_dim": 32, "num_layers": 2},
    "vit": {
        "use_pretrained": False,
        "architecture": {**ARCHITECTURES["vit"], "patch_size": 4, "hidden_size": 24, "intermediate_size": 48},
    },
    "resnet": {
        "use_pretrained": False,
        "architecture": {**ARCHITECTURES["resnet"], "layer_type": "basic"},
    },
}


@pytest.mark.parametrize("name", SCRATCH)
def test_small_ones_learn_from_scratch(name, tmp_path):
    table = stripes()
    model = LudwigModel(config_of({"type": name, **SCRATCH[name]}))
    model.train(dataset=table, output_directory=None)
    test = table[table["split"] == 2]
    found, _ = model.predict(test)
    assert (found["kind_predictions"] == test["kind"]).mean() > 0.9
    model.save(str(tmp_path / "saved"))
    pd.testing.assert_frame_equal(LudwigModel.load(str(tmp_path / "saved")).predict(test)[0], found)


@pytest.mark.parametrize(("trainable", "known"), [(False, True), (True, True), (True, False)])
def test_a_saved_model_needs_no_pretrained_weights(trainable, known, tmp_path):
    pretrained("resnet", tmp_path / "base")
    table = stripes(120)
    config = config_of(section("resnet", tmp_path / "base", trainable=trainable))
    if not known:  # then the saved model holds the architecture
        del config["input_features"][0]["encoder"]["architecture"]
    model = LudwigModel({**config, "trainer": {**config["trainer"], "epochs": 1}})
    model.train(dataset=table, output_directory=None)
    own = AutoModel.from_pretrained(tmp_path / "base").state_dict()
    ours = {
        name.partition("network.")[2]: weight for name, weight in model.model.weights().items() if "network." in name
    }
    assert (
        torch.equal(ours["embedder.embedder.convolution.weight"], own["embedder.embedder.convolution.weight"])
        != trainable
    )
    found, _ = model.predict(table)
    model.save(str(tmp_path / "saved"))
    shutil.rmtree(tmp_path / "base")
    pd.testing.assert_frame_equal(LudwigModel.load(str(tmp_path / "saved")).predict(table)[0], found)
    with pytest.raises(ConfigValidationError, match="There is no folder"):
        LudwigModel(config)
