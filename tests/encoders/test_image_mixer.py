import numpy as np
import pytest
import torch
from scipy.special import erf

from ludwig.encoders import ENCODERS
from ludwig.error import ConfigValidationError
from ludwig.features.image import ImageFacts

SMALL = {"patch_size": 4, "embed_size": 6, "token_size": 5, "channel_dim": 7, "num_layers": 2}


def build(height=10, width=8, **options):
    torch.manual_seed(0)
    return (
        ENCODERS.get("mlp_mixer", "image").Config(**{**SMALL, **options}).build([ImageFacts(3, height, width)]).eval()
    )


def by_formula(weights, images):
    """Equation 1 of arXiv:2105.01601 in numpy; patches are cut by hand, with zeros beyond the edges."""

    def linear(values, name):
        return values @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(values, name):
        scaled = (values - values.mean(-1, keepdims=True)) / np.sqrt(values.var(-1, keepdims=True) + 1e-5)
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def mlp(values, name):
        hidden = linear(values, f"{name}.0")
        return linear(hidden * (1 + erf(hidden / np.sqrt(2))) / 2, f"{name}.3")

    padded = np.zeros((3, 12, 8))
    padded[:, :10] = images / 255
    cut = [padded[:, y : y + 4, x : x + 4].ravel() for y in (0, 4, 8) for x in (0, 4)]
    kernel = weights["embedding.1.weight"].reshape(6, -1)
    values = np.stack(cut) @ kernel.T + weights["embedding.1.bias"]  # [patches, 6]
    for layer in ("layers.0", "layers.1"):
        values = values + mlp(norm(values, f"{layer}.norm_of_patches").T, f"{layer}.patches").T
        values = values + mlp(norm(values, f"{layer}.norm_of_channels"), f"{layer}.channels")
    return norm(values, "norm")


@pytest.mark.parametrize("avg_pool", [True, False])
def test_it_is_the_network_of_the_paper(avg_pool):
    encoder = build(avg_pool=avg_pool)
    weights = {name: tensor.double().numpy() for name, tensor in encoder.state_dict().items()}
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 10, 8)).astype(np.uint8)
    patches = np.stack([by_formula(weights, image) for image in images])
    expected = patches.mean(1) if avg_pool else patches.reshape(2, -1)
    found = encoder(torch.from_numpy(images)).values
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-3, atol=1e-5)
    assert encoder.shape.size == (6 if avg_pool else 36)


def test_channels_can_be_set_and_patches_fit_the_image():
    config = ENCODERS.get("mlp_mixer", "image").Config
    assert (config(num_channels=1).requires(), config().requires()) == ({"num_channels": 1}, {})
    with pytest.raises(ConfigValidationError, match="patch_size of mlp_mixer must not exceed .* 3 x 2 pixels"):
        build(3, 2)
