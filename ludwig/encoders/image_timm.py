"""Networks of the package timm, which is not part of the installation."""

from __future__ import annotations

import dataclasses
from typing import Literal

from ludwig.encoders.base import ENCODERS
from ludwig.encoders.image_backbones import Backbone, TimmBackbone
from ludwig.encoders.image_base import PretrainedImageEncoder
from ludwig.schema import param

NAME = (
    "Model name: the size of the network, and after the dot the images that it was trained on; timm's default where "
    "there is none."
)


class NamedTimmEncoder(PretrainedImageEncoder):
    """A model of timm by its name."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(PretrainedImageEncoder.Config):
        model_name: str

        def backbone(self) -> Backbone:
            return TimmBackbone(self.model_name)


@ENCODERS.register("timm", kinds=("image",))
class TimmEncoder(NamedTimmEncoder):
    """Any network of the library timm, by its name there.

    Use it for a network that no other encoder has; `timm.list_models(pretrained=True)` lists more than a thousand. The
    package timm must be installed, with a torchvision that matches torch.

    Takes images [B, C, H, W] of 8 bits; gives a vector [B, S], whose size timm knows.

    Source: Wightman 2019, "PyTorch Image Models", https://github.com/huggingface/pytorch-image-models.

    ```yaml
    name: photo
    type: image
    encoder:
      type: timm
      model_name: mobilenetv4_conv_small
      trainable: false
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(NamedTimmEncoder.Config):
        model_name: str = param("caformer_s18", help="Model name: as timm.list_models() shows it.")


@ENCODERS.register("caformer", kinds=("image",))
class CaformerEncoder(NamedTimmEncoder):
    """CAFormer: convolutions in the first two stages, attention in the last two.

    Use it pretrained for high accuracy at 26 (s18) to 99 (b36) million weights. It needs the package timm.

    Takes images [B, 3, H, W] of 8 bits; gives a vector [B, 512], or [B, 576] (m36), [B, 768] (b36).

    Source: Yu et al. 2022, "MetaFormer Baselines for Vision", arXiv:2210.13452.

    ```yaml
    name: photo
    type: image
    encoder:
      type: caformer
      model_name: caformer_s18
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(NamedTimmEncoder.Config):
        model_name: Literal[
            "caformer_s18",
            "caformer_s36",
            "caformer_m36",
            "caformer_b36",
            "caformer_s18.sail_in22k_ft_in1k",
            "caformer_s18.sail_in22k_ft_in1k_384",
            "caformer_s36.sail_in22k_ft_in1k",
            "caformer_s36.sail_in22k_ft_in1k_384",
            "caformer_m36.sail_in22k_ft_in1k",
            "caformer_m36.sail_in22k_ft_in1k_384",
            "caformer_b36.sail_in22k_ft_in1k",
            "caformer_b36.sail_in22k_ft_in1k_384",
        ] = param("caformer_s18", help=NAME)


@ENCODERS.register("convformer", kinds=("image",))
class ConvformerEncoder(NamedTimmEncoder):
    """ConvFormer: the blocks of a transformer with separable convolutions in place of attention.

    Use it as CAFormer, where attention is to be avoided, at 27 (s18) to 100 (b36) million weights. It needs the package
    timm.

    Takes images [B, 3, H, W] of 8 bits; gives a vector [B, 512], or [B, 576] (m36), [B, 768] (b36).

    Source: Yu et al. 2022, "MetaFormer Baselines for Vision", arXiv:2210.13452.

    ```yaml
    name: photo
    type: image
    encoder:
      type: convformer
      model_name: convformer_s18
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(NamedTimmEncoder.Config):
        model_name: Literal[
            "convformer_s18",
            "convformer_s36",
            "convformer_m36",
            "convformer_b36",
            "convformer_s18.sail_in22k_ft_in1k",
            "convformer_s18.sail_in22k_ft_in1k_384",
            "convformer_s36.sail_in22k_ft_in1k",
            "convformer_s36.sail_in22k_ft_in1k_384",
            "convformer_m36.sail_in22k_ft_in1k",
            "convformer_m36.sail_in22k_ft_in1k_384",
            "convformer_b36.sail_in22k_ft_in1k",
            "convformer_b36.sail_in22k_ft_in1k_384",
        ] = param("convformer_s18", help=NAME)


@ENCODERS.register("poolformer", kinds=("image",))
class PoolformerEncoder(NamedTimmEncoder):
    """PoolFormer: the blocks of a transformer with average pooling in place of attention.

    Use it as a simple and quick network of this kind, at 12 (s12) to 73 (m48) million weights. It needs the package
    timm.

    Takes images [B, 3, H, W] of 8 bits; gives a vector [B, 512], or [B, 768] (m36, m48).

    Source: Yu et al. 2021, "MetaFormer is Actually What You Need for Vision", arXiv:2111.11418.

    ```yaml
    name: photo
    type: image
    encoder:
      type: poolformer
      model_name: poolformerv2_s12
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(NamedTimmEncoder.Config):
        model_name: Literal[
            "poolformerv2_s12",
            "poolformerv2_s24",
            "poolformerv2_s36",
            "poolformerv2_m36",
            "poolformerv2_m48",
            "poolformer_s12",
            "poolformer_s24",
            "poolformer_s36",
            "poolformer_m36",
            "poolformer_m48",
        ] = param("poolformerv2_s12", help="Model name: version and size of the network.")
