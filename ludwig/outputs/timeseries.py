"""Time series outputs: the next steps of a series.

B = rows of the batch, K = ensemble members, S = steps, Q = quantiles
"""

from __future__ import annotations

import dataclasses
from typing import Annotated

from ludwig.decoders.base import DECODERS, Decoder
from ludwig.features.timeseries import SeriesFacts, TimeseriesFeature
from ludwig.losses.base import LOSSES, Loss
from ludwig.nn.reduce import ReductionName
from ludwig.outputs.base import OUTPUTS
from ludwig.outputs.quantiles import QuantileOutput
from ludwig.schema import Chosen, param

DECODER = Chosen(DECODERS, "projector", "timeseries")
LOSS = Chosen(LOSSES, "huber", "timeseries")


@OUTPUTS.register("timeseries", kinds=("ecd",))
class TimeseriesOutput(QuantileOutput):
    """Time series output: forecasting of the next steps. The loss is computed on the standardised target, metrics and
    predictions in its own units; unknown steps do not count.

    With `quantiles` each step also gets prediction intervals, as those of number outputs: trained by the pinball loss,
    and shifted, step by step, by the errors on the validation split.

    Takes a vector [B, H] or members [B, K, H]; predictions are [B, horizon], quantiles [B, horizon, Q].

    ```yaml
    name: load
    type: timeseries
    preprocessing: {horizon: 24}
    quantiles: [0.1, 0.9]
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(QuantileOutput.Config):
        feature = TimeseriesFeature
        reported = (
            "mean_absolute_error",
            "mean_absolute_percentage_error",
            "mean_absolute_scaled_error",
            "mean_pinball_loss",
            "mean_squared_error",
            "r2",
            "root_mean_squared_error",
            "symmetric_mean_absolute_percentage_error",
        )
        default_metric = "mean_squared_error"
        summarized = ("root_mean_squared_error", "r2")

        reduce_input: ReductionName | None = param(
            "sum", help="Reduction of a combined sequence to one vector before the decoder; null keeps the sequence."
        )
        decoder: Annotated[Decoder.Config, DECODER] = param(
            DECODER.make, help="Decoder, which turns the combined vector into the prediction."
        )
        loss: Annotated[Loss.Config, LOSS] = param(LOSS.make, help="Loss function that training minimises.")
        preprocessing: TimeseriesFeature.TargetConfig = param(
            TimeseriesFeature.TargetConfig, help="Preprocessing of the target column."
        )

    config: Config
    facts: SeriesFacts

    @property
    def row_shape(self) -> tuple[int, ...]:
        return (self.facts.longest,)
