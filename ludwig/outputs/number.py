"""What a number output learns: one number a row, standardised while it learns.

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
from ludwig.outputs.base import OUTPUTS, Output
from ludwig.schema import Chosen, param

DECODER = Chosen(DECODERS, "regressor", "number")
LOSS = Chosen(LOSSES, "mean_squared_error", "number")


@OUTPUTS.register("number", kinds=("ecd",), aliases=("numerical",))
class NumberOutput(Output):
    """A number. Losses see it normalised, metrics and users in its own units."""

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Output.Config):
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

        decoder: Annotated[Decoder.Config, DECODER] = param(DECODER.make, help="How the vector becomes a number.")
        loss: Annotated[Loss.Config, LOSS] = param(LOSS.make, help="What is minimised.")
        preprocessing: NumberFeature.TargetConfig = param(NumberFeature.TargetConfig, help="How the column is read.")
        clip: list[float] | None = param(None, length=2, help="Bounds of the predictions.")

    config: Config
    facts: NumberFacts

    def shaped(self, logits: Tensor) -> Tensor:
        return logits.squeeze(-1)  # [B] or [B, K]

    def compared(self, prediction: Prediction, target: Tensor) -> tuple[Prediction, Tensor]:
        if not self.loss.in_original_units:
            return prediction, target
        undo = self.facts.scaling.undo
        return dataclasses.replace(prediction, logits=undo(prediction.logits)), undo(target)

    def complete(self, prediction: Prediction) -> Prediction:
        numbers = self.facts.scaling.undo(prediction.logits)
        if self.has_members:
            numbers = numbers.mean(1)  # [B]
        if self.config.clip is not None:
            numbers = numbers.clamp(self.config.clip[0], self.config.clip[1])
        return dataclasses.replace(prediction, predictions=numbers)

    def observed(self, target: Tensor) -> Tensor:
        return self.facts.scaling.undo(target)
