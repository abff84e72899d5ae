"""Vision transformers of the library transformers, with pretrained weights or from scratch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from ludwig.encoders.base import ENCODERS
from ludwig.encoders.image_backbones import Backbone, TransformersBackbone
from ludwig.encoders.image_base import TransformersImageEncoder, VariantEncoder
from ludwig.schema import param

VARIANT = "Model variant: the size of the network. Larger ones are slower and usually better."
NAME = "Pretrained weights: an id of the Hugging Face hub, or a folder, of a network of the encoder's family."


def _layers(size: int, layers: int, heads: int, patch: int) -> dict[str, Any]:
    """The options that all transformers here share."""
    return {"hidden_size": size, "num_hidden_layers": layers, "num_attention_heads": heads, "patch_size": patch}


def _wide(size: int, layers: int, heads: int, patch: int, intermediate: int | None = None) -> dict[str, Any]:
    """With the hidden size of the MLPs, which usually is four times that of the tokens."""
    return {**_layers(size, layers, heads, patch), "intermediate_size": intermediate or 4 * size}


def _vit(name: str, architecture: dict[str, Any], side: int) -> TransformersBackbone:
    return TransformersBackbone(
        "vit",
        f"google/vit-{name}",
        architecture,
        side,
        "inception",
        has_positions=True,
        asks_to_interpolate=True,
        takes_first_token=True,
    )


@ENCODERS.register("vit", kinds=("image",))
class VitEncoder(VariantEncoder):
    """Vision transformer (ViT): patches of the image as tokens, of which an extra one is the image's vector.

    Use it pretrained; from scratch it wants very many images. The variants are base, large and huge, with patches of
    16, 32 or 14 pixels: 86 to 632 million weights. Position embeddings are interpolated for images of another size
    than the pretrained one. Without pretrained weights, `architecture` makes it small.

    Takes images [B, C, H, W] of 8 bits; gives a vector [B, 768], [B, 1024] or [B, 1280]: the first token of the last
    layer, normalised, without the pooling layer that pretrained classifiers do not have.

    Source: Dosovitskiy et al. 2020, "An Image is Worth 16x16 Words", arXiv:2010.11929.

    ```yaml
    name: photo
    type: image
    encoder:
      type: vit
      use_pretrained: false
      architecture:
        hidden_size: 64
        intermediate_size: 128
        num_hidden_layers: 2
        num_attention_heads: 4
        patch_size: 4
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(VariantEncoder.Config):
        variants: ClassVar[Mapping[str | int, Backbone]] = {
            "b_16": _vit("base-patch16-224", _wide(768, 12, 12, 16), 224),
            "b_32": _vit("base-patch32-384", _wide(768, 12, 12, 32), 384),
            "l_16": _vit("large-patch16-224", _wide(1024, 24, 16, 16), 224),
            "l_32": _vit("large-patch32-384", _wide(1024, 24, 16, 32), 384),
            "h_14": _vit("huge-patch14-224-in21k", _wide(1280, 32, 16, 14), 224),
        }
        model_variant: Literal["b_16", "b_32", "l_16", "l_32", "h_14"] = param("b_16", help=VARIANT)


def _swin(size: str, width: int, third: int, heads: int) -> TransformersBackbone:
    architecture = {
        "embed_dim": width,
        "depths": [2, 2, third, 2],
        "num_heads": [heads, 2 * heads, 4 * heads, 8 * heads],
    }
    return TransformersBackbone(
        "swin",
        f"microsoft/swin-{size}-patch4-window7-224",
        architecture,
        has_positions=True,
        asks_to_interpolate=True,
    )


@ENCODERS.register("swin_transformer", kinds=("image",))
class SwinEncoder(VariantEncoder):
    """Swin transformer: attention in windows that are shifted from layer to layer, at four resolutions.

    Use it pretrained for detail that a ViT with large patches misses. The variants t, s and b have 28, 50 and 88
    million weights.

    Takes images [B, C, H, W] of 8 bits; gives a vector [B, 768], or [B, 1024] for b.

    Source: Liu et al. 2021, "Swin Transformer", arXiv:2103.14030.

    ```yaml
    name: photo
    type: image
    encoder:
      type: swin_transformer
      model_variant: t
      trainable: false
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(VariantEncoder.Config):
        variants: ClassVar[Mapping[str | int, Backbone]] = {
            "t": _swin("tiny", 96, 6, 3),
            "s": _swin("small", 96, 18, 3),
            "b": _swin("base", 128, 18, 4),
        }
        model_variant: Literal["t", "s", "b"] = param("t", help=VARIANT)


def _dinov2(size: int, layers: int, heads: int, **others: Any) -> dict[str, Any]:
    return {**_layers(size, layers, heads, 14), "use_mask_token": False, **others}


class NamedEncoder(TransformersImageEncoder):
    """A network that is chosen by the name of its weights alone."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(TransformersImageEncoder.Config):
        usual: ClassVar[TransformersBackbone]
        known: ClassVar[Mapping[str, tuple[dict[str, Any], int]]]  # names: architecture, and size of images
        pretrained_model_name_or_path: str

        def origin(self) -> str | None:
            name = self.pretrained_model_name_or_path
            return None if name in (*self.known, self.usual.origin) else name

        def variant(self) -> Backbone:
            name = self.pretrained_model_name_or_path
            architecture, side = self.known.get(name, (self.usual.architecture, self.usual.native_side))
            return dataclasses.replace(self.usual, origin=name, architecture=architecture, native_side=side)


@ENCODERS.register("dinov2", kinds=("image",))
class Dinov2Encoder(NamedEncoder):
    """DINOv2: a vision transformer that was trained without labels, by agreeing with itself on parts of an image.

    Use it frozen (`trainable: false`) for few images of any kind: its vectors separate classes without fine-tuning.
    The default, base, has 86 million weights; small, large and giant are known by name too.

    Takes images [B, C, H, W] of 8 bits; gives a vector [B, 768] (small 384, large 1024, giant 1536).

    Source: Oquab et al. 2023, "DINOv2: Learning Robust Visual Features without Supervision", arXiv:2304.07193.

    ```yaml
    name: photo
    type: image
    encoder:
      type: dinov2
      pretrained_model_name_or_path: facebook/dinov2-small
      trainable: false
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(NamedEncoder.Config):
        usual: ClassVar[TransformersBackbone] = TransformersBackbone(
            "dinov2", "facebook/dinov2-base", _dinov2(768, 12, 12), has_positions=True, position_side=518
        )
        known: ClassVar[Mapping[str, tuple[dict[str, Any], int]]] = {
            "facebook/dinov2-small": (_dinov2(384, 12, 6), 224),
            "facebook/dinov2-large": (_dinov2(1024, 24, 16), 224),
            "facebook/dinov2-giant": (_dinov2(1536, 40, 24, use_swiglu_ffn=True), 224),
        }
        pretrained_model_name_or_path: str = param("facebook/dinov2-base", help=NAME)


@ENCODERS.register("clip", kinds=("image",))
class ClipEncoder(NamedEncoder):
    """The image half of CLIP, which was trained to match images with their captions.

    Use it frozen (`trainable: false`) for few images, above all of things that captions name. The default has 87
    million weights and patches of 32 pixels; those with patches of 16 and the large ones of OpenAI are known by name
    too.

    Takes images [B, C, H, W] of 8 bits; gives a vector [B, 768] (large: 1024).

    Source: Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision",
    arXiv:2103.00020.

    ```yaml
    name: photo
    type: image
    encoder:
      type: clip
      trainable: false
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(NamedEncoder.Config):
        usual: ClassVar[TransformersBackbone] = TransformersBackbone(
            "clip_vision_model",
            "openai/clip-vit-base-patch32",
            _wide(768, 12, 12, 32),
            statistics="clip",
            has_positions=True,
            asks_to_interpolate=True,
        )
        known: ClassVar[Mapping[str, tuple[dict[str, Any], int]]] = {
            "openai/clip-vit-base-patch16": (_wide(768, 12, 12, 16), 224),
            "openai/clip-vit-large-patch14": (_wide(1024, 24, 16, 14), 224),
            "openai/clip-vit-large-patch14-336": (_wide(1024, 24, 16, 14), 336),
        }
        pretrained_model_name_or_path: str = param("openai/clip-vit-base-patch32", help=NAME)


@ENCODERS.register("siglip", kinds=("image",))
class SiglipEncoder(NamedEncoder):
    """The image half of SigLIP: as CLIP, with a loss for each pair of image and caption by itself.

    Use it as CLIP, which it usually surpasses. The default has 93 million weights and patches of 16 pixels.

    Takes images [B, C, H, W] of 8 bits; gives a vector [B, 768] (large 1024, so400m 1152): its patches pooled by
    attention.

    Source: Zhai et al. 2023, "Sigmoid Loss for Language Image Pre-Training", arXiv:2303.15343.

    ```yaml
    name: photo
    type: image
    encoder:
      type: siglip
      trainable: false
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(NamedEncoder.Config):
        usual: ClassVar[TransformersBackbone] = TransformersBackbone(
            "siglip_vision_model",
            "google/siglip-base-patch16-224",
            _wide(768, 12, 12, 16),
            statistics="inception",
            has_positions=True,
            asks_to_interpolate=True,
        )
        known: ClassVar[Mapping[str, tuple[dict[str, Any], int]]] = {
            "google/siglip-base-patch16-384": (_wide(768, 12, 12, 16), 384),
            "google/siglip-large-patch16-256": (_wide(1024, 24, 16, 16), 256),
            "google/siglip-large-patch16-384": (_wide(1024, 24, 16, 16), 384),
            "google/siglip-so400m-patch14-384": (_wide(1152, 27, 16, 14, 4304), 384),
        }
        pretrained_model_name_or_path: str = param("google/siglip-base-patch16-224", help=NAME)
