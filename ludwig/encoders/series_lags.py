"""The last steps of a series, as they are.

B = rows of the batch, T = steps of the batch's longest series, L = lags
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ludwig.columns.ragged import Padded
from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.encoders.series_window import last_steps
from ludwig.features.timeseries import SeriesFacts
from ludwig.nn.signal import Shape, Signal
from ludwig.schema import param


@ENCODERS.register("lags", kinds=("timeseries",))
class LagsEncoder(Encoder):
    """The last steps of a series, each in a place of its own, counted from the end. The outputs read them by a linear
    layer, past the combiner, which reads them too.

    Use it as the default of series: for forecasts from a window it is a linear model and a network in one, and costs
    least. Steps before the beginning of a series, and unknown ones, are those of the mean.

    Takes series [B, T]; gives a vector [B, lags], twice: for the combiner and for linear layers.

    Sources: Zeng et al. 2023, "Are Transformers Effective for Time Series Forecasting?", arXiv:2205.13504 (linear
    layers); Das et al. 2023, "Long-term Forecasting with TiDE", arXiv:2304.08424 (perceptrons beside them).

    ```yaml
    name: load
    type: timeseries
    encoder:
      type: lags
      lags: 48
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(Encoder.Config):
        lags: int | None = param(None, min=1, help="Number of lags (last steps) that are read; null for all.")

    def __init__(self, config: Config, facts: Sequence[SeriesFacts]) -> None:
        super().__init__(config, facts)
        self.lags = min(config.lags or facts[0].longest, facts[0].longest)
        self.shape = Shape("vector", self.lags, linear=self.lags)

    def forward(self, column: Padded) -> Signal:
        last, _ = last_steps(column, self.lags)  # [B, L]
        return dataclasses.replace(Signal.vector(last), linear=last)
