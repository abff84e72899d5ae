"""Changes of a pretrained language model that are no weights: longer positions, and noise in fine-tuning.

B = rows of the batch, T = tokens of the longest text, E = size of a token's embedding
"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import torch
from torch import Tensor

from ludwig.error import ConfigValidationError
from ludwig.pretrained.loading import Description
from ludwig.schema import param


@dataclasses.dataclass(frozen=True, kw_only=True)
class RopeScaling:
    """Rotary positions (RoPE) stretched over longer texts than those of pretraining.

    Source: Chen et al. 2023, "Extending Context Window of Large Language Models via Positional Interpolation",
    arXiv:2306.15595 (linear).
    """

    rope_type: Literal["linear", "dynamic"] | None = param(
        None, help="Scaling of rotary positions (RoPE): linear divides positions by the factor."
    )
    factor: float | None = param(
        None, above=1, help="Scaling factor: how many times as many tokens as in pretraining the network reads."
    )

    def faults(self) -> list[tuple[str, str]]:
        """(parameter, message) of what is missing."""
        given = {"rope_type": self.rope_type, "factor": self.factor}
        missing = [name for name, value in given.items() if value is None]
        return [(name, "Must be set: rope_scaling needs both rope_type and factor.") for name in missing]

    def applied(self, description: Description) -> Description:
        """The description of the network with positions that are scaled.

        Raises:
            ConfigValidationError: It has no rotary positions, or several kinds of them.
        """
        rope: Any = description.get("rope_parameters")
        if not isinstance(rope, dict) or "rope_theta" not in rope:
            raise ConfigValidationError(
                "encoder.model_parameters.rope_scaling: The base model, of the family "
                f"'{description['model_type']}', has no rotary positions (RoPE) that are scaled alike. Remove it."
            )
        kept = {name: rope[name] for name in ("rope_theta", "partial_rotary_factor") if name in rope}
        scaled = {**kept, "rope_type": self.rope_type, "factor": self.factor}
        return {**description, "rope_parameters": scaled}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelParameters:
    """Parameters of a pretrained language model beside its weights."""

    rope_scaling: RopeScaling | None = param(
        None, help="Scaling of rotary positions (RoPE), with which longer texts are read; null for none."
    )
    neftune_noise_alpha: int | None = param(
        0,
        min=0,
        help="NEFTune: size of the noise on token embeddings in fine-tuning, usually 5 to 15. Raise it against "
        "overfitting; 0 or null for none.",
    )

    def faults(self) -> list[tuple[str, str]]:
        """(parameter, message) of options that do not go together."""
        scaling = [] if self.rope_scaling is None else self.rope_scaling.faults()
        return [(f"rope_scaling.{name}", text) for name, text in scaling]

    @property
    def stretch(self) -> float:
        """How many times as many tokens as in pretraining are read."""
        return 1.0 if self.rope_scaling is None else self.rope_scaling.factor or 1.0

    def applied(self, description: Description) -> Description:
        """The description of the network with these parameters."""
        return description if self.rope_scaling is None else self.rope_scaling.applied(description)

    def noisy(self, embeddings: Tensor, there: Tensor) -> Tensor:
        """Embeddings of tokens [B, T, E] with uniform noise, whose size falls with a text's length.

        Source: Jain et al. 2023, "NEFTune: Noisy Embeddings Improve Instruction Finetuning", arXiv:2310.05914.
        """
        values = there.sum(1) * embeddings.shape[-1]  # [B], of a text
        size = (self.neftune_noise_alpha or 0) * values.clamp_min(1).rsqrt().view(-1, 1, 1)  # [B, 1, 1]
        return embeddings + (torch.rand_like(embeddings) * 2 - 1) * size.to(embeddings.dtype)
