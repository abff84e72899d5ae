"""Outputs of distributions over classes.

B = rows of the batch, K = ensemble members, C = classes
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from torch import Tensor

from ludwig.decoders.base import DECODERS, Decoder
from ludwig.features.category_distribution import CategoryDistributionFeature
from ludwig.losses.base import LOSSES, Loss
from ludwig.metrics.statistics import classification_statistics
from ludwig.outputs.base import OUTPUTS
from ludwig.outputs.classes import ClassOutput
from ludwig.schema import Chosen, param

DECODER = Chosen(DECODERS, "classifier", "category_distribution")
LOSS = Chosen(LOSSES, "softmax_cross_entropy", "category_distribution")


@OUTPUTS.register("category_distribution", kinds=("ecd",))
class CategoryDistributionOutput(ClassOutput):
    """Category distribution output: the probability of each class, trained on probabilities.

    The loss is that of a class id, weighted by the probability of each class; metrics of classes compare with the most
    probable one.

    Takes a vector [B, H] or members [B, K, H]; logits are [B, C].

    ```yaml
    name: votes
    type: category_distribution
    preprocessing:
      vocab: [cat, dog, bird]
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(ClassOutput.Config):
        feature = CategoryDistributionFeature

        decoder: Annotated[Decoder.Config, DECODER] = param(
            DECODER.make, help="Decoder, which turns the combined vector into the prediction."
        )
        loss: Annotated[Loss.Config, LOSS] = param(LOSS.make, help="Loss function that training minimises.")
        preprocessing: CategoryDistributionFeature.TargetConfig = param(
            CategoryDistributionFeature.TargetConfig, help="Preprocessing of the target column."
        )

    def observed(self, target: Tensor) -> Tensor:
        """The most probable class: [B, C] -> [B]."""
        return target.argmax(-1)

    def statistics(self, columns: Mapping[str, Any], target: Any) -> dict[str, Any]:
        predicted, probabilities = np.asarray(columns["predictions"]), np.asarray(columns["probabilities"])
        return classification_statistics(np.asarray(target).argmax(-1), predicted, self.labels, probabilities)
