"""What an output says of a batch, for losses and metrics to read.

B = rows of the batch, K = ensemble members
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ludwig.nn.tree import register_tree


@dataclass(frozen=True)
class Prediction:
    """The answer of one output. What an output type does not have is None."""

    logits: Tensor  # [B, *shape], straight from the decoder; with members [B, K, *shape]
    hidden: Tensor  # [B, H], what the decoder read; with members [B, K, H]
    predictions: Tensor | None = None  # [B, *shape], in the column's own units or as class ids
    probabilities: Tensor | None = None  # [B, *classes]


register_tree(Prediction)
