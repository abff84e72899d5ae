"""Number outputs: regression of one number a row, normalised in training.

B = rows of the batch, K = ensemble members, Q = quantiles
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
from ludwig.outputs.quantiles import QuantileOutput
from ludwig.schema import Chosen, param

DECODER = Chosen(DECODERS, "regressor", "number")
LOSS = Chosen(LOSSES, "mean_squared_error", "number")


@OUTPUTS.register("number", kinds=("ecd",), aliases=("numerical",))
class NumberOutput(QuantileOutput):
    """Number output: regression. The loss is computed on the target as it is normalised and then standardised, metrics
    and predictions in its own units.

    With `quantiles` each row also gets prediction intervals. The quantiles are trained by the pinball loss (Koenker &
    Bassett 1978, "Regression Quantiles"), which is added to the loss, and do not cross. Afterwards each is shifted by
    the errors on the validation split, so that its share of new rows of the same kind lies below it: split-conformal
    prediction (Romano, Patterson & Candes 2019, arXiv:1905.03222).

    Takes a vector [B, H] or members [B, K, H]; predictions are [B], quantiles [B, Q].

    ```yaml
    name: price
    type: number
    loss: huber
    clip: [0, 1000000]
    quantiles: [0.05, 0.5, 0.95]
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(QuantileOutput.Config):
        feature = NumberFeature
        reported = (
            "mean_absolute_error",
            "mean_squared_error",
            "root_mean_squared_error",
            "root_mean_squared_percentage_error",
            "mean_absolute_percentage_error",
            "r2",
            "mean_pinball_loss",
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
            faults = super().faults()
            if self.clip is not None and not self.clip[0] < self.clip[1]:
                faults.append(("clip", f"Must be a lower and a greater upper bound. Received: {self.clip}."))
            return faults

    config: Config
    facts: NumberFacts

    def clipped(self, own: Tensor) -> Tensor:
        return own if self.config.clip is None else own.clamp(*self.config.clip)

    @property
    def score_names(self) -> tuple[str, ...]:
        return (self.name,)

    def scores(self, prediction: Prediction) -> Tensor:
        assert prediction.predictions is not None
        return prediction.predictions.unsqueeze(1)  # [B, 1]
