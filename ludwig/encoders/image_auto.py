"""Any vision model of the library transformers, by the folder or the hub's id of its weights.

B = images of the batch, C = channels, H, W = height and width in pixels, S = size of a vector
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ludwig.encoders.base import ENCODERS
from ludwig.encoders.image_backbones import Backbone, TransformersBackbone
from ludwig.encoders.image_base import TransformersImageEncoder
from ludwig.error import ConfigValidationError

TOKENS = 3  # dimensions of tokens [B, T, S]; maps [B, S, H, W] have one more


@dataclasses.dataclass(frozen=True)
class AnyBackbone(TransformersBackbone):
    """A vision model whose family is known once its description is read."""

    def changed(self, origin: str | None, architecture: Mapping[str, Any]) -> AnyBackbone:
        family = architecture.get("model_type", self.model_type)
        own = {name: value for name, value in architecture.items() if name != "model_type"}
        return dataclasses.replace(
            self, model_type=family, origin=origin or family, architecture={**self.architecture, **own}
        )

    def described_by(self, description: Mapping[str, Any]) -> TransformersBackbone:
        whole = description.get("vision_config", description)  # of a model of images and texts
        own = {"use_mask_token": False, **self.architecture}  # of families that have one
        family = dataclasses.replace(self, model_type=whole["model_type"], architecture=own)
        return TransformersBackbone.described_by(family, whole)

    def structure(self, channels: int, side: int) -> Any:
        from transformers import CONFIG_MAPPING

        families: Any = CONFIG_MAPPING
        if self.model_type not in families:
            raise ConfigValidationError(f"The library transformers has no network of the family '{self.model_type}'.")
        sized = dataclasses.replace(self, has_positions="image_size" in families[self.model_type]().to_dict())
        return TransformersBackbone.structure(sized, channels, side)

    def build(self, channels: int, height: int, width: int, *, pretrained: bool) -> nn.Module:
        network: Any = super().build(channels, height, width, pretrained=pretrained)
        has_class_token = any(name.endswith("cls_token") for name, _ in network.named_parameters())
        if has_class_token and _may_lack_pooler(network) and [*network.pooler.parameters()]:
            network.pooler = None  # its weights are not among those of pretrained classifiers
        built: nn.Module = network
        return built

    def load(self, network: Any, cache: str | None) -> None:
        lacks = _may_lack_pooler(network) and network.pooler is None
        TransformersBackbone.load(dataclasses.replace(self, takes_first_token=lacks), network, cache)

    def _fits(self, network: Any, images: Tensor) -> bool:
        side, takes = network.config.to_dict().get("image_size"), inspect.signature(network.forward).parameters
        sides = side if isinstance(side, list | tuple) else (side, side)
        return "interpolate_pos_encoding" not in takes or tuple(images.shape[2:]) == tuple(sides)

    def features(self, network: Any, images: Tensor) -> Tensor:
        found = network(images, **({} if self._fits(network, images) else {"interpolate_pos_encoding": True}))
        pooled: Tensor | None = found.get("pooler_output")
        if pooled is not None:
            return pooled.flatten(1)  # [B, S]
        states: Tensor = found.last_hidden_state
        return states[:, 0] if states.dim() == TOKENS else states.flatten(2).mean(2)  # [B, S]


def _may_lack_pooler(network: Any) -> bool:
    return "add_pooling_layer" in inspect.signature(type(network).__init__).parameters


@ENCODERS.register("auto_transformer", kinds=("image",))
class AutoImageEncoder(TransformersImageEncoder):
    """Any vision model of the library transformers, by the folder or the hub's id of its weights.

    Use it for families without an encoder of their own here, such as dinov3, hiera, pvt_v2, segformer or mobilevit.
    Cost and size are those of the model. Without pretrained weights, `architecture` names the family as `model_type`,
    beside its options.

    Takes images [B, C, H, W] of 8 bits; gives a vector [B, S]: what the network pools, else its first token or the
    mean of its last map.

    Source: Wolf et al. 2019, "HuggingFace's Transformers", arXiv:1910.03771.

    ```yaml
    name: photo
    type: image
    encoder:
      type: auto_transformer
      pretrained_model_name_or_path: nvidia/mit-b0
      trainable: false
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(TransformersImageEncoder.Config):
        def variant(self) -> Backbone:
            return AnyBackbone("", "")

        def faults(self) -> list[tuple[str, str]]:
            if self.use_pretrained and self.pretrained_model_name_or_path is None:
                text = "The encoder 'auto_transformer' needs a folder or a hub id of a pretrained model. Set it."
                return [("pretrained_model_name_or_path", text)]
            if self.use_pretrained and self.architecture is not None:
                text = "Pretrained weights have their own architecture. Set use_pretrained to false, or remove it."
                return [("architecture", text)]
            if not self.use_pretrained and "model_type" not in (self.architecture or {}):
                text = "Without pretrained weights it must name the family. Set its model_type, such as vit."
                return [("architecture", text)]
            return []
