"""Networks of the package torchvision, which is not part of the installation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar, Literal

from ludwig.encoders.base import ENCODERS
from ludwig.encoders.image_backbones import Backbone, TorchvisionBackbone
from ludwig.encoders.image_base import DownloadOptions, PretrainedImageEncoder
from ludwig.schema import param

VARIANT = "Model variant: the size of the network. Larger ones are slower and usually better."
ONLY = "Model variant: there is one."


class TorchvisionEncoder(PretrainedImageEncoder):
    """One of several sizes of a network of torchvision."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(DownloadOptions, PretrainedImageEncoder.Config):
        variants: ClassVar[Mapping[str | int, Backbone]]  # by their `model_variant`
        model_variant: str | int

        def backbone(self) -> Backbone:
            return self.variants[self.model_variant]


@ENCODERS.register("alexnet", kinds=("image",))
class AlexNetEncoder(TorchvisionEncoder):
    """AlexNet: five convolutions and two fully connected layers of 4096.

    Use it as a historical baseline. It has 57 million weights, nearly all in the fully connected layers. It needs the
    package torchvision.

    Takes images [B, 3, H, W] of 8 bits; gives a vector [B, 4096].

    Source: Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks", arXiv:1404.5997.

    ```yaml
    name: photo
    type: image
    encoder:
      type: alexnet
      trainable: false
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(TorchvisionEncoder.Config):
        variants: ClassVar[Mapping[str | int, Backbone]] = {"base": TorchvisionBackbone("alexnet", "classifier.6")}
        model_variant: Literal["base"] = param("base", help=ONLY)


@ENCODERS.register("vgg", kinds=("image",))
class VggEncoder(TorchvisionEncoder):
    """VGG: plain stacks of small convolutions and two fully connected layers of 4096.

    Use it where features of its layers are wanted, as for textures; it is slow for what it gives, with 129 to 140
    million weights. The variants that end in `_bn` normalise batches, and train more easily from scratch. It needs
    the package torchvision.

    Takes images [B, 3, H, W] of 8 bits; gives a vector [B, 4096].

    Source: Simonyan & Zisserman 2014, "Very Deep Convolutional Networks", arXiv:1409.1556.

    ```yaml
    name: photo
    type: image
    encoder:
      type: vgg
      model_variant: 16_bn
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(TorchvisionEncoder.Config):
        variants: ClassVar[Mapping[str | int, Backbone]] = {
            name: TorchvisionBackbone(f"vgg{name}", "classifier.6")
            for name in (11, 13, 16, 19, "11_bn", "13_bn", "16_bn", "19_bn")
        }
        model_variant: Literal[11, 13, 16, 19, "11_bn", "13_bn", "16_bn", "19_bn"] = param(11, help=VARIANT)


@ENCODERS.register("densenet", kinds=("image",))
class DenseNetEncoder(TorchvisionEncoder):
    """DenseNet: each layer reads the outputs of all layers before it in its block.

    Use it where weights must be few and memory is plenty: 7 to 26 million weights. It needs the package torchvision.

    Takes images [B, 3, H, W] of 8 bits; gives a vector [B, 1024] (161: 2208, 169: 1664, 201: 1920).

    Source: Huang et al. 2016, "Densely Connected Convolutional Networks", arXiv:1608.06993.

    ```yaml
    name: photo
    type: image
    encoder:
      type: densenet
      model_variant: 121
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(TorchvisionEncoder.Config):
        variants: ClassVar[Mapping[str | int, Backbone]] = {
            depth: TorchvisionBackbone(f"densenet{depth}", "classifier") for depth in (121, 161, 169, 201)
        }
        model_variant: Literal[121, 161, 169, 201] = param(
            121, help="Model variant: number of layers. Larger ones are slower and usually better."
        )


@ENCODERS.register("googlenet", kinds=("image",))
class GoogLeNetEncoder(TorchvisionEncoder):
    """GoogLeNet (Inception v1): convolutions of several sizes side by side.

    Use it as a small network, with 5.6 million weights. Its auxiliary classifiers are left out. It needs the package
    torchvision.

    Takes images [B, 3, H, W] of 8 bits; gives a vector [B, 1024].

    Source: Szegedy et al. 2014, "Going Deeper with Convolutions", arXiv:1409.4842.

    ```yaml
    name: photo
    type: image
    encoder:
      type: googlenet
      trainable: false
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(TorchvisionEncoder.Config):
        variants: ClassVar[Mapping[str | int, Backbone]] = {
            "base": TorchvisionBackbone("googlenet", "fc", has_auxiliary=True)
        }
        model_variant: Literal["base"] = param("base", help=ONLY)


@ENCODERS.register("inceptionv3", kinds=("image",))
class InceptionV3Encoder(TorchvisionEncoder):
    """Inception v3: factorised convolutions of several sizes side by side, on images of 299 x 299.

    Use it to compare with work that does. It has 22 million weights; images must have at least 75 pixels down and
    across. It needs the package torchvision.

    Takes images [B, 3, H, W] of 8 bits; gives a vector [B, 2048].

    Source: Szegedy et al. 2015, "Rethinking the Inception Architecture for Computer Vision", arXiv:1512.00567.

    ```yaml
    name: photo
    type: image
    encoder:
      type: inceptionv3
      trainable: false
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(TorchvisionEncoder.Config):
        variants: ClassVar[Mapping[str | int, Backbone]] = {
            "base": TorchvisionBackbone("inception_v3", "fc", 299, has_auxiliary=True)
        }
        model_variant: Literal["base"] = param("base", help=ONLY)


@ENCODERS.register("maxvit", kinds=("image",))
class MaxVitEncoder(TorchvisionEncoder):
    """MaxViT: mobile convolutions, and attention within blocks and across a grid.

    Use it for accuracy at 31 million weights. It is built for images of one size, a multiple of 224. It needs the
    package torchvision.

    Takes images [B, 3, H, W] of 8 bits; gives a vector [B, 512].

    Source: Tu et al. 2022, "MaxViT: Multi-Axis Vision Transformer", arXiv:2204.01697.

    ```yaml
    name: photo
    type: image
    encoder:
      type: maxvit
      trainable: false
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(TorchvisionEncoder.Config):
        variants: ClassVar[Mapping[str | int, Backbone]] = {
            "t": TorchvisionBackbone("maxvit_t", "classifier.5", has_one_size=True)
        }
        model_variant: Literal["t"] = param("t", help=ONLY)


@ENCODERS.register("mnasnet", kinds=("image",))
class MnasNetEncoder(TorchvisionEncoder):
    """MnasNet: mobile convolutions as a search for speed on phones arranged them.

    Use it where the model must be small and fast: 0.9 to 5 million weights. Write the variant in quotes, as '1_0'. It
    needs the package torchvision.

    Takes images [B, 3, H, W] of 8 bits; gives a vector [B, 1280].

    Source: Tan et al. 2018, "MnasNet: Platform-Aware Neural Architecture Search for Mobile", arXiv:1807.11626.

    ```yaml
    name: photo
    type: image
    encoder:
      type: mnasnet
      model_variant: '1_0'
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(TorchvisionEncoder.Config):
        variants: ClassVar[Mapping[str | int, Backbone]] = {
            name: TorchvisionBackbone(f"mnasnet{name}", "classifier.1") for name in ("0_5", "0_75", "1_0", "1_3")
        }
        model_variant: Literal["0_5", "0_75", "1_0", "1_3"] = param(
            "0_5",
            help="Model variant: multiplier of the widths, in quotes in YAML. Larger ones are usually better.",
        )


@ENCODERS.register("mobilenetv3", kinds=("image",))
class MobileNetV3Encoder(TorchvisionEncoder):
    """MobileNetV3: mobile convolutions with squeeze and excitation, found by search.

    Use it where the model must be small and fast: 1.5 (small) or 4.2 (large) million weights. It needs the package
    torchvision.

    Takes images [B, 3, H, W] of 8 bits; gives a vector [B, 1024], or [B, 1280] (large).

    Source: Howard et al. 2019, "Searching for MobileNetV3", arXiv:1905.02244.

    ```yaml
    name: photo
    type: image
    encoder:
      type: mobilenetv3
      model_variant: large
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(TorchvisionEncoder.Config):
        variants: ClassVar[Mapping[str | int, Backbone]] = {
            size: TorchvisionBackbone(f"mobilenet_v3_{size}", "classifier.3") for size in ("small", "large")
        }
        model_variant: Literal["small", "large"] = param("small", help=VARIANT)


@ENCODERS.register("resnext", kinds=("image",))
class ResNextEncoder(TorchvisionEncoder):
    """ResNeXt: a ResNet whose 3 x 3 convolutions are split into groups.

    Use it where a ResNet is not good enough. A variant is called by its layers, groups and channels of a group: 23 to
    87 million weights. It needs the package torchvision.

    Takes images [B, 3, H, W] of 8 bits; gives a vector [B, 2048].

    Source: Xie et al. 2016, "Aggregated Residual Transformations", arXiv:1611.05431.

    ```yaml
    name: photo
    type: image
    encoder:
      type: resnext
      model_variant: 50_32x4d
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(TorchvisionEncoder.Config):
        variants: ClassVar[Mapping[str | int, Backbone]] = {
            name: TorchvisionBackbone(f"resnext{name}", "fc") for name in ("50_32x4d", "101_32x8d", "101_64x4d")
        }
        model_variant: Literal["50_32x4d", "101_32x8d", "101_64x4d"] = param("50_32x4d", help=VARIANT)


@ENCODERS.register("shufflenet_v2", kinds=("image",))
class ShuffleNetV2Encoder(TorchvisionEncoder):
    """ShuffleNet v2: halves of the channels that are convolved and shuffled by turns.

    Use it where the model must be small and fast: 0.3 to 5.3 million weights. It needs the package torchvision.

    Takes images [B, 3, H, W] of 8 bits; gives a vector [B, 1024], or [B, 2048] (x2_0).

    Source: Ma et al. 2018, "ShuffleNet V2: Practical Guidelines", arXiv:1807.11164.

    ```yaml
    name: photo
    type: image
    encoder:
      type: shufflenet_v2
      model_variant: x1_0
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(TorchvisionEncoder.Config):
        variants: ClassVar[Mapping[str | int, Backbone]] = {
            name: TorchvisionBackbone(f"shufflenet_v2_{name}", "fc") for name in ("x0_5", "x1_0", "x1_5", "x2_0")
        }
        model_variant: Literal["x0_5", "x1_0", "x1_5", "x2_0"] = param("x0_5", help=VARIANT)


@ENCODERS.register("squeezenet", kinds=("image",))
class SqueezeNetEncoder(TorchvisionEncoder):
    """SqueezeNet: convolutions of one pixel that squeeze the channels before larger ones.

    Use it where the file must be small: 0.7 million weights. 1_1 is the faster one. Write the variant in quotes. It
    needs the package torchvision.

    Takes images [B, 3, H, W] of 8 bits; gives a vector [B, 512].

    Source: Iandola et al. 2016, "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters", arXiv:1602.07360.

    ```yaml
    name: photo
    type: image
    encoder:
      type: squeezenet
      model_variant: '1_1'
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(TorchvisionEncoder.Config):
        variants: ClassVar[Mapping[str | int, Backbone]] = {
            name: TorchvisionBackbone(f"squeezenet{name}", "classifier.1") for name in ("1_0", "1_1")
        }
        model_variant: Literal["1_0", "1_1"] = param(
            "1_0", help="Model variant: version of the network, in quotes in YAML."
        )


@ENCODERS.register("wide_resnet", kinds=("image",))
class WideResNetEncoder(TorchvisionEncoder):
    """Wide ResNet: a ResNet whose inner convolutions have twice the channels.

    Use it where a ResNet is not good enough and memory is plenty: 67 or 125 million weights. Write the variant in
    quotes. It needs the package torchvision.

    Takes images [B, 3, H, W] of 8 bits; gives a vector [B, 2048].

    Source: Zagoruyko & Komodakis 2016, "Wide Residual Networks", arXiv:1605.07146.

    ```yaml
    name: photo
    type: image
    encoder:
      type: wide_resnet
      model_variant: '50_2'
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(TorchvisionEncoder.Config):
        variants: ClassVar[Mapping[str | int, Backbone]] = {
            name: TorchvisionBackbone(f"wide_resnet{name}", "fc") for name in ("50_2", "101_2")
        }
        model_variant: Literal["50_2", "101_2"] = param(
            "50_2", help="Model variant: layers, and multiplier of the widths, in quotes in YAML."
        )
