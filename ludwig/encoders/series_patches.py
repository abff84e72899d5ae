"""A transformer over patches of a series.

B = rows of the batch, T = steps of the batch's longest series, L = steps of the window, C = patches, P = steps of a
patch, H = size of a vector
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

from torch import nn

from ludwig.columns.ragged import Padded
from ludwig.encoders.base import ENCODERS, Encoder
from ludwig.encoders.series_window import last_steps
from ludwig.features.timeseries import SeriesFacts
from ludwig.nn.dropout import Dropout
from ludwig.nn.embedding import Table
from ludwig.nn.mlp import FullyConnectedStack, LayerSpec
from ludwig.nn.reduce import SequenceReducer
from ludwig.nn.signal import Shape, Signal
from ludwig.nn.transformer import AttentionSpec, TransformerStack, heads_fault, started
from ludwig.schema import param
from ludwig.schema.layers import SizeOptions


@ENCODERS.register("patchtst", kinds=("timeseries",))
class PatchTst(Encoder):
    """A series cut into patches, which may overlap; each becomes a vector by a linear map, and transformer layers let
    every patch attend to all others.

    Use it for long series whose patterns repeat or lie apart: it reads a series in few patches, so that it costs a
    fraction of `transformer` over single steps. For short windows `lags` is as good and far quicker. Patches are
    counted from the end, and the level of the series is kept, where the paper takes it away and adds it to forecasts.

    Takes series [B, T]; gives a vector [B, output_size].

    Source: Nie et al. 2023, "A Time Series is Worth 64 Words: Long-term Forecasting with Transformers",
    arXiv:2211.14730, section 3.1, with layer normalisation before each layer.

    ```yaml
    name: load
    type: timeseries
    preprocessing:
      window_size: 96
    encoder:
      type: patchtst
      patch_size: 16
      patch_stride: 8
      d_model: 64
    ```
    """

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Config(SizeOptions, Encoder.Config):
        patch_size: int = param(16, min=1, help="Patch size: how many steps form a patch.")
        patch_stride: int = param(
            8,
            min=1,
            help="Stride: steps from the beginning of one patch to that of the next. Patches overlap below patch_size.",
        )
        d_model: int = param(
            128, min=1, help="Hidden size: that of the vector of a patch. It must be a multiple of num_heads."
        )
        num_heads: int = param(8, min=1, help="Number of attention heads.")
        num_layers: int = param(3, min=1, help="Number of transformer layers.")
        ffn_dim: int = param(256, min=1, help="Hidden size of the feed-forward network in each transformer layer.")
        dropout: float = param(
            0.1, min=0, max=1, help="Dropout rate of the patches and of each layer. Raise it against overfitting."
        )
        reduce_output: Literal["mean", "last", "first"] = param(
            "mean", help="Reduction of the patches to one vector: their mean, the last or the first one."
        )
        output_size: int = param(256, min=1, help="Output size: that of the linear map after the reduction.")

        def faults(self) -> list[tuple[str, str]]:
            fault = heads_fault(self.d_model, self.num_heads)
            return [] if fault is None else [("d_model", fault)]

    def __init__(self, config: Config, facts: Sequence[SeriesFacts]) -> None:
        super().__init__(config, facts)
        self.patch_size, self.stride = config.patch_size, config.patch_stride
        patches = -(-max(facts[0].longest - self.patch_size, 0) // self.stride) + 1
        self.window = (patches - 1) * self.stride + self.patch_size
        self.enter = started(nn.Linear(self.patch_size, config.d_model), AttentionSpec())
        self.positions = Table(patches, config.d_model)
        self.dropout = Dropout(config.dropout)
        self.layers = TransformerStack(
            config.num_layers, config.d_model, config.num_heads, config.ffn_dim, config.dropout
        )
        self.reducer = SequenceReducer("mean" if config.reduce_output == "mean" else "last", config.d_model)
        self.from_the_end = config.reduce_output == "first"  # of what is turned around, the last is the first
        self.leave = FullyConnectedStack(config.d_model, [LayerSpec(config.output_size, activation=None)])
        self.shape = Shape("vector", config.output_size)

    def forward(self, column: Padded) -> Signal:
        values, there = last_steps(column, self.window)  # [B, L] each
        patches = values.unfold(1, self.patch_size, self.stride)  # [B, C, P]
        mask = there.unfold(1, self.patch_size, self.stride).any(-1)  # [B, C]
        embedded = self.dropout(self.enter(patches) + self.positions.weight)  # [B, C, H]
        read = self.layers(embedded, mask)
        if self.from_the_end:
            read, mask = read.flip(1), mask.flip(1)
        return Signal.vector(self.leave(self.reducer(read, mask)))  # [B, H]
