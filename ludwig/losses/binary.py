"""Losses of yes or no.

B = rows of the batch
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from ludwig.losses.base import LOSSES, Loss
from ludwig.losses.refinements import RefinementOptions
from ludwig.schema import param


@LOSSES.register("binary_weighted_cross_entropy", kinds=("binary",))
class BinaryWeightedCrossEntropy(Loss):
    """Binary cross-entropy (log loss) with logits, optionally with a class weight for the positive class.

    Use it as the default of binary outputs. `positive_class_weight` makes up for rare positives.

    With `robust_lambda` r it is (1 - r) * loss + r / 2. With `confidence_penalty` p it is loss + p * (ln 2 - entropy),
    so that confident predictions cost (Pereyra et al. 2017, arXiv:1701.06548). With `label_smoothing` s the target is
    (1 - s) * target + s / 2 (Szegedy et al. 2016, arXiv:1512.00567, section 7).

    Takes logits [B] and targets [B].

    ```yaml
    name: churn
    type: binary
    loss:
      type: binary_weighted_cross_entropy
      positive_class_weight: 4.0
      label_smoothing: 0.05
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(RefinementOptions, Loss.Config):
        positive_class_weight: float | None = param(
            None, min=0, help="Class weight of the positive class; null for 1. Raise it for rare positives."
        )

    weight_of_true: Tensor | None  # []

    def __init__(self, config: Config, labels: Sequence[str] = ()) -> None:
        super().__init__(config, labels)
        self.options, self.smoothing = config, config.label_smoothing
        weight = config.positive_class_weight
        self.register_buffer("weight_of_true", None if weight is None else torch.tensor(weight), persistent=False)

    def rows(self, logits: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
        truth = target.to(logits.dtype)
        if self.smoothing:
            truth = (1 - self.smoothing) * truth + self.smoothing / 2
        loss = binary_cross_entropy_with_logits(logits, truth, reduction="none", pos_weight=self.weight_of_true)  # [B]
        return self.options.refined(loss, 2, lambda: _entropy(logits))


def _entropy(logits: Tensor) -> Tensor:
    """The entropy of yes and no: [B] -> [B]."""
    of_true = logits.sigmoid()
    return -(of_true * logsigmoid(logits) + (1 - of_true) * logsigmoid(-logits))
