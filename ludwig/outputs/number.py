"""Number outputs: regression of one number a row, normalised in training.

B = rows of the batch, K = ensemble members
"""

from __future__ import annotations

import dataclasses
from typing import Annotated

from torch import Tensor

from ludwig.decoders.base import DECODERS, Decoder
from ludwig.features.number import NumberFacts, NumberFeature
from ludwig.losses.base import LOSSES, Loss
from ludwig.nn.prediction import Prediction
from ludwig.outputs.base import OUTPUTS
from ludwig.outputs.decoded import DecodedOutput
from ludwig.outputs.scaled import ScaledOutput
from ludwig.schema import Chosen, param

DECODER = Chosen(DECODERS, "regressor", "number")
LOSS = Chosen(LOSSES, "mean_squared_error", "number")


@OUTPUTS.register("number", kinds=("ecd",), aliases=("numerical",))
class NumberOutput(ScaledOutput):
    """Number output: regression. The loss is computed on the target as it is normalised and then standardised, metrics
    and predictions in its own units.

    Takes a vector [B, H] or members [B, K, H]; predictions are [B].

    ```yaml
    name: price
    type: number
    loss: huber
    clip: [0, 1000000]
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(DecodedOutput.Config):
        feature = NumberFeature
        reported = (
            "mean_absolute_error",
            "mean_squared_error",
            "root_mean_squared_error",
            "root_mean_squared_percentage_error",
            "mean_absolute_percentage_error",
            "r2",
        )
        default_metric = "mean_squared_error"
        summarized = ("root_mean_squared_error", "r2")

        decoder: Annotated[Decoder.Config, DECODER] = param(
            DECODER.make, help="Decoder, which turns the combined vector into the prediction."
        )
        loss: Annotated[Loss.Config, LOSS] = param(LOSS.make, help="Loss function that training minimises.")
        preprocessing: NumberFeature.TargetConfig = param(
            NumberFeature.TargetConfig, help="Preprocessing of the target column."
        )
        clip: list[float] | None = param(
            None, length=2, help="Lower and upper bound that predictions are clipped to; null for none."
        )

        def faults(self) -> list[tuple[str, str]]:
            if self.clip is None or self.clip[0] < self.clip[1]:
                return super().faults()
            return [*super().faults(), ("clip", f"Must be a lower and a greater upper bound. Received: {self.clip}.")]

    config: Config
    facts: NumberFacts

    def shaped(self, logits: Tensor) -> Tensor:
        return logits.squeeze(-1)  # [B] or [B, K]

    def complete(self, prediction: Prediction) -> Prediction:
        complete = super().complete(prediction)
        if self.config.clip is None or complete.predictions is None:
            return complete
        low, high = self.config.clip
        return dataclasses.replace(complete, predictions=complete.predictions.clamp(low, high))
