"""MLP-Mixer: patches of an image, mixed by fully connected layers alone.

B = images of the batch, C = channels, H, W = height and width in pixels, P = patches, E = size of a patch's vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from torch import Tensor, nn

from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.encoders.image_channels import ChannelOptions
from ludwig.error import ConfigValidationError
from ludwig.features.image import ImageFacts
from ludwig.nn.dropout import Dropout
from ludwig.nn.pixel_scale import PixelScale
from ludwig.nn.signal import Shape, Signal
from ludwig.schema import param


def _mlp(size: int, hidden: int, dropout: float) -> nn.Sequential:
    """The two fully connected layers that mix one axis: [..., size] -> [..., size]."""
    return nn.Sequential(
        nn.Linear(size, hidden), nn.GELU(), Dropout(dropout), nn.Linear(hidden, size), Dropout(dropout)
    )


class MixerLayer(nn.Module):
    """Mixes the patches of each channel, then the channels of each patch, both residual and normalised before."""

    def __init__(self, patches: int, size: int, token_size: int, channel_dim: int, dropout: float) -> None:
        super().__init__()
        self.norm_of_patches, self.norm_of_channels = nn.LayerNorm(size), nn.LayerNorm(size)
        self.patches = _mlp(patches, token_size, dropout)
        self.channels = _mlp(size, channel_dim, dropout)

    def forward(self, values: Tensor) -> Tensor:
        across = self.norm_of_patches(values).transpose(1, 2)  # [B, E, P]
        values = values + self.patches(across).transpose(1, 2)  # [B, P, E]
        mixed: Tensor = values + self.channels(self.norm_of_channels(values))
        return mixed


@ENCODERS.register("mlp_mixer", kinds=("image",))
class MlpMixer(Encoder):
    """MLP-Mixer: patches of the image as vectors, mixed across patches and across channels by turns.

    Use it for images of one size, where convolutions are to be avoided; it wants more images than they do. A layer
    costs `2 * patches * token_size + 2 * embed_size * channel_dim` weights. Pixels beyond a whole number of patches,
    at the lower and the right edge, are padded with zeros.

    Takes images [B, C, H, W] of 8 bits; gives a vector [B, embed_size]: the mean of the patches, or with `avg_pool:
    false` all of them, flattened to [B, patches * embed_size].

    Source: Tolstikhin et al. 2021, "MLP-Mixer: An all-MLP Architecture for Vision", arXiv:2105.01601, equation 1.

    ```yaml
    name: photo
    type: image
    encoder:
      type: mlp_mixer
      patch_size: 8
      embed_size: 64
      num_layers: 4
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(ChannelOptions, Encoder.Config):
        patch_size: int = param(16, min=1, help="Patch size in pixels, down and across. Lower it for finer detail.")
        embed_size: int = param(512, min=1, help="Embedding size: that of the vector of a patch.")
        token_size: int = param(2048, min=1, help="Hidden size of the MLP that mixes patches.")
        channel_dim: int = param(256, min=1, help="Hidden size of the MLP that mixes channels.")
        num_layers: int = param(8, min=1, help="Number of layers. Raise it for quality with many images.")
        dropout: float = param(0.0, min=0, max=1, help="Dropout rate in both MLPs. Raise it against overfitting.")
        avg_pool: bool = param(
            True,
            help="Average pooling over the patches; else the vectors of all patches are kept, one after the other.",
        )

        @property
        def suggested_learning_rate(self) -> float:
            return 0.001

    def __init__(self, config: Config, facts: Sequence[ImageFacts]) -> None:
        super().__init__(config, facts)
        image, patch, size = facts[0], config.patch_size, config.embed_size
        if patch > max(image.height, image.width):
            raise ConfigValidationError(
                f"encoder.patch_size of mlp_mixer must not exceed the images, which are of {image.height} x "
                f"{image.width} pixels. Received: {patch}."
            )
        down, across = -(-image.height // patch), -(-image.width // patch)
        missing = (0, across * patch - image.width, 0, down * patch - image.height)  # left, right, top, bottom
        self.scale = PixelScale(image.standardize_image)
        self.embedding = nn.Sequential(nn.ZeroPad2d(missing), nn.Conv2d(image.channels, size, patch, stride=patch))
        layer = (down * across, size, config.token_size, config.channel_dim, config.dropout)
        self.layers = nn.Sequential(*(MixerLayer(*layer) for _ in range(config.num_layers)))
        self.norm = nn.LayerNorm(size)
        self.pools = config.avg_pool
        self.shape = Shape("vector", size if self.pools else down * across * size)

    def forward(self, images: Tensor) -> Signal:
        patches = self.embedding(self.scale(images)).flatten(2).transpose(1, 2)  # [B, P, E]
        values = self.norm(self.layers(patches))
        return Signal.vector(values.mean(1) if self.pools else values.flatten(1))  # [B, E] or [B, P * E]
