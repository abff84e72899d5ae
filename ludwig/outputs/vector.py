"""Vector outputs: a list of numbers a row.

B = rows of the batch, K = ensemble members, S = size of the vector
"""

from __future__ import annotations

import dataclasses
import math
from typing import Annotated

from torch import Tensor

from ludwig.decoders.base import DECODERS, Decoder
from ludwig.features.vector import VectorFacts, VectorFeature
from ludwig.losses.base import LOSSES, Loss
from ludwig.nn.prediction import Prediction
from ludwig.nn.reduce import ReductionName
from ludwig.outputs.base import OUTPUTS
from ludwig.outputs.decoded import DecodedOutput
from ludwig.schema import Chosen, param

DECODER = Chosen(DECODERS, "projector", "vector")
LOSS = Chosen(LOSSES, "mean_squared_error", "vector")


@OUTPUTS.register("vector", kinds=("ecd",))
class VectorOutput(DecodedOutput):
    """Vector output: regression of a list of numbers; with `softmax`, a probability distribution.

    Takes a vector [B, H] or members [B, K, H]; predictions are [B, S].

    ```yaml
    name: topic_shares
    type: vector
    softmax: true
    loss: softmax_cross_entropy
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(DecodedOutput.Config):
        feature = VectorFeature
        reported = ("mean_absolute_error", "mean_squared_error", "mean_absolute_percentage_error", "r2")
        default_metric = "mean_squared_error"

        reduce_input: ReductionName | None = param(
            None, help="Reduction of a combined sequence to one vector before the decoder; null keeps the sequence."
        )
        reduce_dependencies: ReductionName | None = param(
            None, help="Reduction of the hidden vectors of `dependencies` where they are sequences; null keeps them."
        )
        decoder: Annotated[Decoder.Config, DECODER] = param(
            DECODER.make, help="Decoder, which turns the combined vector into the prediction."
        )
        loss: Annotated[Loss.Config, LOSS] = param(LOSS.make, help="Loss function that training minimises.")
        preprocessing: VectorFeature.TargetConfig = param(
            VectorFeature.TargetConfig, help="Preprocessing of the target column."
        )
        softmax: bool = param(False, help="Whether a softmax is applied to the predictions, so that they sum to 1.")

    config: Config
    facts: VectorFacts

    @property
    def size(self) -> int:
        return self.facts.size

    @property
    def names_of_logits(self) -> tuple[str, ...]:
        return tuple(map(str, range(self.size)))

    def joined(self, logits: Tensor) -> Tensor:
        """The mean; of probabilities, their mean's."""
        if not self.config.softmax:
            return super().joined(logits)
        return logits.log_softmax(-1).logsumexp(1) - math.log(logits.shape[1])  # [B, S]

    def complete(self, prediction: Prediction) -> Prediction:
        logits = self.final(prediction).known_logits  # [B, S]
        numbers = logits.softmax(-1) if self.config.softmax else logits
        return dataclasses.replace(prediction, predictions=numbers)
