"""Pretrained encoders of texts that were trained beside encoders of images.

B = rows of the batch, T = tokens of the longest text, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from ludwig.columns.ragged import Padded
from ludwig.encoders.base import ENCODERS
from ludwig.encoders.text_pretrained_base import PretrainedTextEncoder, TextReduction
from ludwig.encoders.text_pretrained_options import TowerActivation, TowerOptions, pooled, pretrained_model
from ludwig.schema import param


@ENCODERS.register("clip", kinds=("text",))
class ClipTextEncoder(PretrainedTextEncoder):
    """The text half of CLIP, trained to match captions with images: the state of the token that ends a text.

    Use it beside an image encoder `clip`, for captions, titles and tags of up to 77 tokens. It costs 63 million weights
    in its usual size.

    Takes token ids [B, T]; gives a vector [B, H], or with `reduce_output: null` the states of all tokens [B, T, H].

    Source: Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision",
    arXiv:2103.00020.

    ```yaml
    name: caption
    type: text
    encoder:
      type: clip
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(TowerOptions, PretrainedTextEncoder.Config):
        family = "clip_text_model"
        network_class = "CLIPTextModel"
        part = "text_config"
        class_token_is_first = False

        pretrained_model_name_or_path: str | None = pretrained_model("openai/clip-vit-base-patch32")
        reduce_output: TextReduction | None = param(
            "last",
            help="Reduction of the tokens' states to one vector: last (the token that ends a text, as in CLIP), mean, "
            "sum ...; null keeps all tokens.",
        )
        hidden_size: int = param(512, min=1, help="Hidden size: that of a token's state. Used without use_pretrained.")
        num_attention_heads: int = param(
            8, min=1, help="Number of attention heads, which must divide the hidden size. Used without use_pretrained."
        )
        intermediate_size: int = param(
            2048, min=1, help="Size of the feed-forward layers. Used without use_pretrained."
        )
        max_position_embeddings: int = param(
            77, min=1, help="Maximum number of positions: longer texts are truncated. Used without use_pretrained."
        )
        layer_norm_eps: float = param(1e-5, min=0, help="Epsilon of layer normalisation. Used without use_pretrained.")


@ENCODERS.register("siglip", kinds=("text",))
class SiglipTextEncoder(PretrainedTextEncoder):
    """The text half of SigLIP, trained to match captions with images one pair at a time.

    Use it beside an image encoder `siglip`, for captions, titles and tags of up to 64 tokens. A text is padded to that
    many, and padding is read too, as in its training. It costs 110 million weights in its usual size.

    Takes token ids [B, T]; gives a vector [B, H], or with `reduce_output: null` the states of all tokens [B, T, H].

    Source: Zhai et al. 2023, "Sigmoid Loss for Language Image Pre-Training", arXiv:2303.15343.

    ```yaml
    name: caption
    type: text
    encoder:
      type: siglip
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(TowerOptions, PretrainedTextEncoder.Config):
        family = "siglip_text_model"
        network_class = "SiglipTextModel"
        part = "text_config"

        pretrained_model_name_or_path: str | None = pretrained_model("google/siglip-base-patch16-224")
        reduce_output: TextReduction | None = pooled()
        hidden_act: TowerActivation = param(
            "gelu_pytorch_tanh", help="Activation function of the feed-forward layers. Used without use_pretrained."
        )
        max_position_embeddings: int = param(
            64, min=1, help="Number of positions, to which each text is padded or cut. Used without use_pretrained."
        )
        layer_norm_eps: float = param(1e-6, min=0, help="Epsilon of layer normalisation. Used without use_pretrained.")

        def architecture_options(self) -> dict[str, Any]:
            return {**super().architecture_options(), "projection_size": self.hidden_size}

    def _read(self, column: Padded) -> tuple[Tensor, Tensor]:
        """As many tokens as there are positions, padding included: [B, T]."""
        ids, mask = super()._read(column)
        missing = self.positions - ids.shape[1]
        return pad(ids, (0, missing), value=self.padding), pad(mask, (0, missing))

    def _known(self, ids: Tensor, mask: Tensor) -> dict[str, Any]:
        return {**super()._known(ids, mask), "attention_mask": torch.ones_like(ids)}
