"""Losses of yes or no.

B = rows of the batch
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, logsigmoid

from ludwig.losses.base import LOSSES, Loss
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
    class Config(Loss.Config):
        positive_class_weight: float | None = param(
            None, min=0, help="Class weight of the positive class; null for 1. Raise it for rare positives."
        )
        robust_lambda: float = param(
            0,
            min=0,
            max=1,
            help="Robust loss: share of a constant that is mixed into the loss, against noisy labels; 0 for none.",
        )
        confidence_penalty: float = param(
            0.0,
            min=0,
            help="Confidence penalty: factor of a term that penalises confident predictions (arXiv:1701.06548); 0 "
            "for none.",
        )
        label_smoothing: float = param(
            0.0,
            min=0,
            below=1,
            help="Label smoothing: share of the target that is spread evenly over all classes; 0 for none. Raise it "
            "against overconfidence.",
        )

    weight_of_true: Tensor | None  # []

    def __init__(self, config: Config, labels: Sequence[str] = ()) -> None:
        super().__init__(config, labels)
        self.robust, self.penalty = config.robust_lambda, config.confidence_penalty
        self.smoothing = config.label_smoothing
        weight = config.positive_class_weight
        self.register_buffer("weight_of_true", None if weight is None else torch.tensor(weight), persistent=False)

    def rows(self, logits: Tensor, target: Tensor, hidden: Tensor) -> Tensor:
        truth = target.to(logits.dtype)
        if self.smoothing:
            truth = (1 - self.smoothing) * truth + self.smoothing / 2
        loss = binary_cross_entropy_with_logits(logits, truth, reduction="none", pos_weight=self.weight_of_true)  # [B]
        if self.robust:
            loss = (1 - self.robust) * loss + self.robust / 2
        if self.penalty:
            of_true = logits.sigmoid()
            entropy = -(of_true * logsigmoid(logits) + (1 - of_true) * logsigmoid(-logits))  # [B]
            loss = loss + self.penalty * (math.log(2) - entropy)
        return loss
