"""Convolutional networks of transformers, with pretrained weights or from scratch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, cast

from ludwig.encoders.base import ENCODERS
from ludwig.encoders.image_backbones import Backbone, TorchvisionBackbone, TransformersBackbone
from ludwig.encoders.image_base import TransformersImageEncoder, VariantEncoder
from ludwig.nn.pixel_scale import StandardName
from ludwig.schema import param

VARIANT = "Model variant: the size of the network. Larger ones are slower and usually better."


def _resnet(depth: int, layer_type: str, depths: Sequence[int]) -> TransformersBackbone:
    sizes = [64, 128, 256, 512] if layer_type == "basic" else [256, 512, 1024, 2048]
    architecture = {"layer_type": layer_type, "depths": list(depths), "hidden_sizes": sizes}
    return TransformersBackbone("resnet", f"microsoft/resnet-{depth}", architecture)


@ENCODERS.register("resnet", kinds=("image",))
class ResNetEncoder(VariantEncoder):
    """ResNet: residual convolutions, whose last map is averaged to one vector.

    Use it as the first pretrained network to try, and frozen (`trainable: false`) for few images. The variants 18 and
    34 have 11 and 21 million weights and give vectors of 512, the others 24 to 58 million and 2048.

    Takes images [B, C, H, W] of 8 bits; gives a vector [B, 512] or [B, 2048].

    Source: He et al. 2015, "Deep Residual Learning for Image Recognition", arXiv:1512.03385.

    ```yaml
    name: photo
    type: image
    encoder:
      type: resnet
      model_variant: 18
      trainable: false
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(VariantEncoder.Config):
        variants: ClassVar[Mapping[str | int, Backbone]] = {
            18: _resnet(18, "basic", (2, 2, 2, 2)),
            34: _resnet(34, "basic", (3, 4, 6, 3)),
            50: _resnet(50, "bottleneck", (3, 4, 6, 3)),
            101: _resnet(101, "bottleneck", (3, 4, 23, 3)),
            152: _resnet(152, "bottleneck", (3, 8, 36, 3)),
        }
        model_variant: Literal[18, 34, 50, 101, 152] = param(
            50, help="Model variant: number of layers. Larger ones are slower and usually better."
        )


CONVNEXT_DEPTHS = {"tiny": [3, 3, 9, 3], "small": [3, 3, 27, 3], "base": [3, 3, 27, 3], "large": [3, 3, 27, 3]}
CONVNEXT_WIDTHS = {"tiny": 96, "small": 96, "base": 128, "large": 192}


def _widths(first: int) -> list[int]:
    """Each stage has twice the channels of the one before."""
    return [first, 2 * first, 4 * first, 8 * first]


@ENCODERS.register("convnext", kinds=("image",))
class ConvNextEncoder(VariantEncoder):
    """ConvNeXt: convolutions of large kernels with the recipes of vision transformers.

    Use it pretrained where a ResNet is not good enough. The variants have 28 to 198 million weights and give vectors
    of 768 (tiny, small), 1024 (base) or 1536 (large). Images must have at least 32 pixels down and across.

    Takes images [B, C, H, W] of 8 bits; gives a vector [B, S].

    Source: Liu et al. 2022, "A ConvNet for the 2020s", arXiv:2201.03545.

    ```yaml
    name: photo
    type: image
    encoder:
      type: convnext
      model_variant: tiny
      trainable: false
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(VariantEncoder.Config):
        variants: ClassVar[Mapping[str | int, Backbone]] = {
            size: TransformersBackbone(
                "convnext", f"facebook/convnext-{size}-224", {"depths": depths, "hidden_sizes": _widths(width)}
            )
            for (size, depths), width in zip(CONVNEXT_DEPTHS.items(), CONVNEXT_WIDTHS.values(), strict=True)
        }
        model_variant: Literal["tiny", "small", "base", "large"] = param("base", help=VARIANT)


CONVNEXTV2 = {
    "atto": ([2, 2, 6, 2], 40),
    "femto": ([2, 2, 6, 2], 48),
    "pico": ([2, 2, 6, 2], 64),
    "nano": ([2, 2, 8, 2], 80),
    "tiny": ([3, 3, 9, 3], 96),
    "base": ([3, 3, 27, 3], 128),
    "large": ([3, 3, 27, 3], 192),
    "huge": ([3, 3, 27, 3], 352),
}
TRAINED_ON = {  # what a name ends in: how the hub calls it, and the size of the images
    "": ("1k-224", 224),
    "fcmae_ft_in1k": ("1k-224", 224),
    "fcmae_ft_in22k_in1k": ("22k-224", 224),
    "fcmae_ft_in22k_in1k_384": ("22k-384", 384),
}
ConvNextV2Name = Literal[
    "convnextv2_atto",
    "convnextv2_femto",
    "convnextv2_pico",
    "convnextv2_nano",
    "convnextv2_tiny",
    "convnextv2_base",
    "convnextv2_large",
    "convnextv2_huge",
    "convnextv2_atto.fcmae_ft_in1k",
    "convnextv2_femto.fcmae_ft_in1k",
    "convnextv2_pico.fcmae_ft_in1k",
    "convnextv2_nano.fcmae_ft_in1k",
    "convnextv2_tiny.fcmae_ft_in1k",
    "convnextv2_base.fcmae_ft_in1k",
    "convnextv2_large.fcmae_ft_in1k",
    "convnextv2_huge.fcmae_ft_in1k",
    "convnextv2_base.fcmae_ft_in22k_in1k",
    "convnextv2_large.fcmae_ft_in22k_in1k",
    "convnextv2_base.fcmae_ft_in22k_in1k_384",
    "convnextv2_large.fcmae_ft_in22k_in1k_384",
    "convnextv2_huge.fcmae_ft_in22k_in1k_384",
]


@ENCODERS.register("convnextv2", kinds=("image",))
class ConvNextV2Encoder(TransformersImageEncoder):
    """ConvNeXt V2: ConvNeXt with a normalisation of responses, pretrained by filling in masked pixels.

    Use it for the widest range of sizes, 4 (atto) to 660 (huge) million weights. Vectors are of 8 times the first
    width: 320 (atto), 384, 512, 640, 768 (tiny), 1024 (base), 1536, 2816 (huge). Images must have at least 32 pixels
    down and across.

    Takes images [B, C, H, W] of 8 bits; gives a vector [B, S].

    Source: Woo et al. 2023, "ConvNeXt V2", arXiv:2301.00808.

    ```yaml
    name: photo
    type: image
    encoder:
      type: convnextv2
      model_name: convnextv2_atto
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(TransformersImageEncoder.Config):
        model_name: ConvNextV2Name = param(
            "convnextv2_base",
            help="Model name: the size of the network, and after the dot the images that it was trained on; those of "
            "ImageNet-1k where there is none.",
        )

        def variant(self) -> Backbone:
            size, _, trained_on = self.model_name.removeprefix("convnextv2_").partition(".")
            depths, width = CONVNEXTV2[size]
            name, side = TRAINED_ON[trained_on]
            architecture = {"depths": depths, "hidden_sizes": _widths(width)}
            return TransformersBackbone("convnextv2", f"facebook/convnextv2-{size}-{name}", architecture, side)


EFFICIENTNET = {  # width, depth, size of images, dropout, size of vectors, blocks with padding of their own
    "b0": (1.0, 1.0, 224, 0.2, 1280, []),
    "b1": (1.0, 1.1, 240, 0.2, 1280, [16]),
    "b2": (1.1, 1.2, 260, 0.3, 1408, [5, 8, 16]),
    "b3": (1.2, 1.4, 300, 0.3, 1536, [5, 18]),
    "b4": (1.4, 1.8, 380, 0.4, 1792, [6]),
    "b5": (1.6, 2.2, 456, 0.4, 2048, [13, 27]),
    "b6": (1.8, 2.6, 528, 0.5, 2304, [31]),
    "b7": (2.0, 3.1, 600, 0.5, 2560, [18]),
}
EFFICIENTNET_V2 = {"s": (384, "imagenet1k"), "m": (480, "imagenet1k"), "l": (480, "inception")}


def _efficientnet(
    name: str, width: float, depth: float, side: int, dropout: float, size: int, padded: list[int]
) -> TransformersBackbone:
    architecture = {
        "width_coefficient": width,
        "depth_coefficient": depth,
        "dropout_rate": dropout,
        "hidden_dim": size,
        "depthwise_padding": padded,
        "image_size": side,
    }
    return TransformersBackbone("efficientnet", f"google/efficientnet-{name}", architecture, side)


@ENCODERS.register("efficientnet", kinds=("image",))
class EfficientNetEncoder(VariantEncoder):
    """EfficientNet: mobile convolutions whose depth, width and image size grow together.

    Use it where weights must be few: 4 (b0) to 64 (b7) million. Vectors are of 1280 (b0, b1 and all of v2) to 2560
    (b7). The variants v2_s, v2_m and v2_l train faster and need the package torchvision.

    Takes images [B, C, H, W] of 8 bits; gives a vector [B, S].

    Source: Tan & Le 2019, "EfficientNet", arXiv:1905.11946; 2021, "EfficientNetV2", arXiv:2104.00298.

    ```yaml
    name: photo
    type: image
    encoder:
      type: efficientnet
      model_variant: b0
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(VariantEncoder.Config):
        variants: ClassVar[Mapping[str | int, Backbone]] = {
            **{name: _efficientnet(name, *options) for name, options in EFFICIENTNET.items()},
            **{
                f"v2_{name}": TorchvisionBackbone(
                    f"efficientnet_v2_{name}", "classifier.1", side, cast(StandardName, standard)
                )
                for name, (side, standard) in EFFICIENTNET_V2.items()
            },
        }
        model_variant: Literal["b0", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "v2_s", "v2_m", "v2_l"] = param(
            "b0", help=VARIANT
        )

        def faults(self) -> list[tuple[str, str]]:
            text = "Has no effect: the v2 variants are of torchvision. Remove it, or choose another model_variant."
            given: dict[str, Any] = {
                "architecture": self.architecture,
                "pretrained_model_name_or_path": self.pretrained_model_name_or_path,
            }
            unused = given if self.model_variant.startswith("v2_") else {}
            return [*super().faults(), *((name, text) for name, value in unused.items() if value is not None)]


@ENCODERS.register("mobilenetv2", kinds=("image",))
class MobileNetV2Encoder(VariantEncoder):
    """MobileNetV2: depthwise convolutions between narrow bottlenecks.

    Use it where the model must be small and fast: 2.2 million weights.

    Takes images [B, C, H, W] of 8 bits; gives a vector [B, 1280].

    Source: Sandler et al. 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks", arXiv:1801.04381.

    ```yaml
    name: photo
    type: image
    encoder:
      type: mobilenetv2
      trainable: false
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(VariantEncoder.Config):
        variants: ClassVar[Mapping[str | int, Backbone]] = {
            "base": TransformersBackbone("mobilenet_v2", "google/mobilenet_v2_1.0_224", statistics="inception")
        }
        model_variant: Literal["base"] = param("base", help="Model variant: there is one.")


REGNET = {  # the hub's name, blocks and channels of each stage, channels of a group
    "x_400mf": ("x-004", [1, 2, 7, 12], [32, 64, 160, 384], 16),
    "x_800mf": ("x-008", [1, 3, 7, 5], [64, 128, 288, 672], 16),
    "x_1_6gf": ("x-016", [2, 4, 10, 2], [72, 168, 408, 912], 24),
    "x_3_2gf": ("x-032", [2, 6, 15, 2], [96, 192, 432, 1008], 48),
    "x_8gf": ("x-080", [2, 5, 15, 1], [80, 240, 720, 1920], 120),
    "x_16gf": ("x-160", [2, 6, 13, 1], [256, 512, 896, 2048], 128),
    "x_32gf": ("x-320", [2, 7, 13, 1], [336, 672, 1344, 2520], 168),
    "y_400mf": ("y-004", [1, 3, 6, 6], [48, 104, 208, 440], 8),
    "y_800mf": ("y-008", [1, 3, 8, 2], [64, 128, 320, 768], 16),
    "y_1_6gf": ("y-016", [2, 6, 17, 2], [48, 120, 336, 888], 24),
    "y_3_2gf": ("y-032", [2, 5, 13, 1], [72, 216, 576, 1512], 24),
    "y_8gf": ("y-080", [2, 4, 10, 1], [168, 448, 896, 2016], 56),
    "y_16gf": ("y-160", [2, 4, 11, 1], [224, 448, 1232, 3024], 112),
    "y_32gf": ("y-320", [2, 5, 12, 1], [232, 696, 1392, 3712], 232),
    "y_128gf": ("y-1280-seer-in1k", [2, 7, 17, 1], [528, 1056, 2904, 7392], 264),
}


def _regnet(name: str, depths: list[int], sizes: list[int], groups: int) -> TransformersBackbone:
    architecture = {"layer_type": name[0], "depths": depths, "hidden_sizes": sizes, "groups_width": groups}
    return TransformersBackbone("regnet", f"facebook/regnet-{name}", architecture)


@ENCODERS.register("regnet", kinds=("image",))
class RegNetEncoder(VariantEncoder):
    """RegNet: residual networks whose widths and depths follow one simple rule.

    Use it where a certain cost is to be met: a variant's name has its floating-point operations an image of 224 x
    224, 400 million to 128 billion. Those with `y` weigh their channels (squeeze and excitation). Vectors are as wide
    as the last stage: 384 (x_400mf) to 7392 (y_128gf).

    Takes images [B, C, H, W] of 8 bits; gives a vector [B, S].

    Source: Radosavovic et al. 2020, "Designing Network Design Spaces", arXiv:2003.13678.

    ```yaml
    name: photo
    type: image
    encoder:
      type: regnet
      model_variant: y_400mf
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(VariantEncoder.Config):
        variants: ClassVar[Mapping[str | int, Backbone]] = {name: _regnet(*row) for name, row in REGNET.items()}
        model_variant: Literal[
            "x_1_6gf",
            "x_16gf",
            "x_32gf",
            "x_3_2gf",
            "x_400mf",
            "x_800mf",
            "x_8gf",
            "y_128gf",
            "y_16gf",
            "y_1_6gf",
            "y_32gf",
            "y_3_2gf",
            "y_400mf",
            "y_800mf",
            "y_8gf",
        ] = param("x_1_6gf", help=VARIANT)
