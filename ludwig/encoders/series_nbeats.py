"""Residual stacks of fully connected layers over a series.

B = rows of the batch, T = steps of the batch's longest series, L = steps of the window, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from torch import Tensor, nn

from ludwig.columns.ragged import Padded
from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.encoders.series_window import last_steps
from ludwig.features.timeseries import SeriesFacts
from ludwig.nn.mlp import FullyConnectedStack, LayerSpec
from ludwig.nn.signal import Shape, Signal
from ludwig.schema import param
from ludwig.schema.layers import SizeOptions


class Block(nn.Module):
    """Fully connected layers, whose output one linear map turns into a backcast of the window, and another into a part
    of the result: [B, L] -> [B, L], [B, H]. The last block has no backcast, since nothing comes after it.
    """

    def __init__(self, window: int, layers: Sequence[LayerSpec], output_size: int, is_last: bool) -> None:
        super().__init__()
        self.stack = FullyConnectedStack(window, layers)
        self.backcast = None if is_last else nn.Linear(self.stack.output_size, window)
        self.forecast = nn.Linear(self.stack.output_size, output_size)

    def forward(self, window: Tensor) -> tuple[Tensor, Tensor]:
        """What of the window is left to explain, and the block's part of the result."""
        hidden = self.stack(window)
        left = window if self.backcast is None else window - self.backcast(hidden)
        return left, self.forecast(hidden)


@ENCODERS.register("nbeats", kinds=("timeseries",))
class Nbeats(Encoder):
    """Blocks of fully connected layers, each of which subtracts from the series what it explains, and adds its part to
    the result.

    Use it for forecasts from a window in which a step's place decides its meaning, where `lags` is too simple. It
    costs `num_stacks * num_blocks` times the weights of `num_layers` layers. Its bases are trained (the paper's generic
    architecture); the result is a vector for the combiner and not the forecast itself. Steps before the beginning of a
    series are those of the mean.

    Takes series [B, T]; gives a vector [B, output_size].

    Source: Oreshkin et al. 2020, "N-BEATS: Neural basis expansion analysis for interpretable time series forecasting",
    arXiv:1905.10437, sections 3.1 to 3.3.

    ```yaml
    name: load
    type: timeseries
    preprocessing:
      window_size: 48
    encoder:
      type: nbeats
      num_blocks: 2
      layer_size: 128
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(SizeOptions, Encoder.Config):
        num_stacks: int = param(2, min=1, help="Number of stacks of blocks.")
        num_blocks: int = param(3, min=1, help="Number of blocks of each stack.")
        num_layers: int = param(4, min=1, help="Number of fully connected layers of each block.")
        layer_size: int = param(256, min=1, help="Output size of a fully connected layer of a block.")
        dropout: float = param(
            0.0, min=0, max=1, help="Dropout rate of the outputs of these layers. Raise it against overfitting."
        )
        output_size: int = param(256, min=1, help="Output size: that of the sum of what the blocks give.")

    def __init__(self, config: Config, facts: Sequence[SeriesFacts]) -> None:
        super().__init__(config, facts)
        self.window = facts[0].longest
        layers = [LayerSpec(config.layer_size, dropout=config.dropout)] * config.num_layers
        count = config.num_stacks * config.num_blocks  # without fixed bases stacks are blocks one after the other
        self.blocks = nn.ModuleList(
            Block(self.window, layers, config.output_size, is_last=place == count) for place in range(1, count + 1)
        )
        self.shape = Shape("vector", config.output_size)

    def forward(self, column: Padded) -> Signal:
        left, _ = last_steps(column, self.window)  # [B, L]
        given = left.new_zeros(left.shape[0], self.shape.size)  # [B, H]
        for block in self.blocks:
            left, part = block(left)
            given = given + part
        return Signal.vector(given)
