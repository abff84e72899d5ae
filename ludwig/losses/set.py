"""Losses of sets: each class is in or out on its own.

B = rows of the batch, C = classes
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from ludwig.losses.base import LOSSES, Loss
from ludwig.losses.classes import ClassWeightOptions


@LOSSES.register("sigmoid_cross_entropy", kinds=("set",))
class SigmoidCrossEntropy(Loss):
    """Sigmoid cross-entropy for multi-label classification: the mean over the classes of their binary cross-entropies.

    Use it for set outputs. With class weights the mean over the classes is a weighted one.

    Takes logits [B, C] and targets [B, C] of 0 and 1.

    ```yaml
    name: genres
    type: set
    loss:
      type: sigmoid_cross_entropy
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(ClassWeightOptions, Loss.Config):
        pass

    shares: Tensor | None  # [C]

    def __init__(self, config: Config, labels: Sequence[str] = ()) -> None:
        super().__init__(config, labels)
        weights = config.weights_of(labels)
        self.register_buffer("shares", None if weights is None else weights / weights.sum(), persistent=False)

    def rows(self, logits: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
        losses = binary_cross_entropy_with_logits(logits, target.to(logits.dtype), reduction="none")  # [B, C]
        return losses.mean(-1) if self.shares is None else losses @ self.shares  # [B]
