"""Category outputs: the probability of each class.

B = rows of the batch, K = ensemble members, C = classes
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np

from ludwig.decoders.base import DECODERS, Decoder
from ludwig.features.category import CategoryFeature
from ludwig.losses.base import LOSSES, Loss
from ludwig.metrics.statistics import classification_statistics
from ludwig.nn.calibration import Method, Scaling, scaling_of
from ludwig.outputs.base import OUTPUTS
from ludwig.outputs.classes import ClassOutput
from ludwig.schema import Chosen, param

DECODER = Chosen(DECODERS, "classifier", "category")
LOSS = Chosen(LOSSES, "softmax_cross_entropy", "category")


@OUTPUTS.register("category", kinds=("ecd",))
class CategoryOutput(ClassOutput):
    """Category output: multi-class classification with the probability of each class.

    Takes a vector [B, H] or members [B, K, H]; logits are [B, C].

    ```yaml
    name: species
    type: category
    top_k: 2
    loss: {type: softmax_cross_entropy, label_smoothing: 0.1}
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(ClassOutput.Config):
        feature = CategoryFeature

        decoder: Annotated[Decoder.Config, DECODER] = param(
            DECODER.make, help="Decoder, which turns the combined vector into the prediction."
        )
        loss: Annotated[Loss.Config, LOSS] = param(LOSS.make, help="Loss function that training minimises.")
        preprocessing: CategoryFeature.TargetConfig = param(
            CategoryFeature.TargetConfig, help="Preprocessing of the target column."
        )
        calibration: bool | Method = param(
            False,
            help="Calibration method of the probabilities, fitted on the validation split; true for temperature "
            "scaling.",
        )

    config: Config

    @property
    def scaling(self) -> Scaling | None:
        return scaling_of(self.config.calibration, (self.size,))

    def statistics(self, columns: Mapping[str, Any], target: Any) -> dict[str, Any]:
        predicted, probabilities = np.asarray(columns["predictions"]), np.asarray(columns["probabilities"])
        return classification_statistics(np.asarray(target), predicted, self.labels, probabilities)
